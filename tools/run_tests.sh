#!/usr/bin/env bash
# Set up, lint, check types and test; further arguments go to pytest (--all adds the slow tests).
# Two processes share the tests out; -n 0 runs them one after another.
#
#   bash tools/run_tests.sh [--all] [pytest arguments]
#
# example:
#   bash tools/run_tests.sh tests/metrics -k jaccard
set -euo pipefail
if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0; fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."

source tools/setup_env.sh requirements.txt requirements-dev.txt

ruff check .
ruff format --check .
mypy
# A thread each: more, and those of the two processes would wait for one another's cores.
OMP_NUM_THREADS=1 python -m pytest -n 2 --dist loadfile "$@"
