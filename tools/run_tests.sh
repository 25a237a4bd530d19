#!/usr/bin/env bash
# Install, lint, check types and imports, then test. Further arguments go to pytest.
#
#   bash tools/run_tests.sh [--all] [pytest arguments]     # --all adds the slow tests
#   bash tools/run_tests.sh lint                           # without tests
#   bash tools/run_tests.sh unit [pytest arguments]        # the unit tests, without lint and types
#
# examples:
#   bash tools/run_tests.sh tests/unit                     # one minute
#   bash tools/run_tests.sh tests/unit/evaluation -k jaccard
#   bash tools/run_tests.sh -n 0                           # without parallel processes
set -euo pipefail
if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0; fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."

source tools/setup_env.sh requirements.txt requirements-dev.txt

case "${1:-}" in
    unit) shift; set -- tests/unit "$@" ;;
    *) ruff check .; ruff format --check .; mypy; lint-imports ;;
esac
if [ "${1:-}" = lint ]; then exit 0; fi
# One thread per process: with more, the threads of the two processes would wait for each other's cores.
OMP_NUM_THREADS=1 python -m pytest -n 2 --dist loadfile "$@"
