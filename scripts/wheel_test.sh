#!/bin/sh
# Installs the built wheel into an empty environment, away from the sources and without cargo, and uses it.
set -eu
python=$1
bin=$(cd "$2" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$bin/maturin" build --release --quiet --sdist --out "$work/dist"
ls "$work"/dist/*.tar.gz
"$python" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check "$work"/dist/*.whl
cp scripts/wheel_check.py "$work/"
cd "$work"
env PATH="$work/venv/bin" "$work/venv/bin/python" -I wheel_check.py
