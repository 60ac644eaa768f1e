#!/bin/sh
# Says what is missing and how to get it, before anything else fails with a longer message.
python=$1
missing=0
say() { printf 'missing: %s\n         %s\n' "$1" "$2" >&2; missing=1; }

if ! command -v "$python" >/dev/null 2>&1; then
    say "Python ($python)" "install Python 3.11 or newer, or run: make PYTHON=/path/to/python3.11 …"
elif ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    say "Python ≥ 3.11 ($python is $("$python" -V 2>&1))" "run: make PYTHON=python3.11 …"
elif ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    say "the venv module of $python" "Debian and Ubuntu: apt-get install python3-venv"
fi
if ! command -v cc >/dev/null 2>&1; then
    say "a C compiler (cc)" "Debian and Ubuntu: apt-get install gcc libc6-dev; macOS: xcode-select --install"
fi
if ! command -v cargo >/dev/null 2>&1; then
    say "a Rust toolchain (cargo)" "install Rust 1.88 or newer with rustup, see rustup.rs"
elif ! cargo --version | "$python" -c 'import re, sys; v = re.search(r"(\d+)\.(\d+)", sys.stdin.read()); sys.exit(not v or (int(v[1]), int(v[2])) < (1, 88))'; then
    say "Rust 1.88 or newer ($(cargo --version))" "run: rustup update stable"
fi
exit $missing
