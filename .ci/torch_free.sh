#!/usr/bin/env bash
# The environment of requirements-runtime.txt: at most 400 MB, and the unit tests pass that need no torch.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
environment=$(mktemp -d)
trap 'rm -rf "$environment"' EXIT
python3 -m venv "$environment"
"$environment/bin/pip" install --quiet --no-compile -r requirements-runtime.txt
megabytes=$(du -sm --apparent-size "$environment" | cut -f1)
echo "== the torch-free environment has $megabytes MB"
[ "$megabytes" -lt 400 ] || { echo "error: more than 400 MB" >&2; exit 1; }
"$environment/bin/pip" install --quiet pytest pytest-timeout
OMP_NUM_THREADS=1 "$environment/bin/python" -m pytest -q tests/unit
