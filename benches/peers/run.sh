#!/bin/sh
# The peers beside us, in one process: sh benches/peers/run.sh BIN [--wheel FILE] [--decision | --serving] [--quick] [--json] ….
# BIN is a folder with python and maturin (`.venv/bin`). The peers live in .venv/peers, where BIN's own packages never
# see them. The wheel of ecology is built here unless --wheel names one.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
bin=$(cd "${1:?give the folder that holds python and maturin, for example .venv/bin}" && pwd)
shift
wheel=
if [ "${1:-}" = --wheel ]; then
    wheel=${2:?--wheel needs a file}
    shift 2
fi
venv=${ECOLOGY_PEERS_VENV:-$root/.venv/peers}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PIP_DISABLE_PIP_VERSION_CHECK=1

if [ ! -x "$venv/bin/python" ]; then
    "$bin/python" -m venv "$venv"
fi
"$venv/bin/python" -m pip install --quiet --requirement "$here/requirements.txt"
if [ -z "$wheel" ]; then
    (cd "$root" && "$bin/maturin" build --release --quiet --out "$work/dist" >&2)
    wheel=$(ls "$work"/dist/*.whl)
fi
# Twice: the first brings what ecology needs, the second replaces an equal version that was built from other sources.
"$venv/bin/python" -m pip install --quiet "$wheel"
"$venv/bin/python" -m pip install --quiet --force-reinstall --no-deps "$wheel"
cd "$work" # away from the sources, so that the wheel is what is measured
# `--serving` and `--decision` ask for one half only; the rest of the arguments goes to it.
case "${1:-}" in
    --serving) shift; exec "$venv/bin/python" "$here/serving.py" "$@" ;;
    --decision) shift; exec "$venv/bin/python" "$here/decision.py" "$@" ;;
esac
"$venv/bin/python" "$here/decision.py" "$@"
"$venv/bin/python" "$here/serving.py" "$@"
