#!/usr/bin/env bash
# Set up, lint, check types and test; further arguments go to pytest (--all adds the slow tests).
#
#   bash tools/run_tests.sh [--all] [pytest arguments]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

source tools/setup_env.sh requirements.txt requirements-dev.txt

ruff check .
ruff format --check .
mypy
python -m pytest "$@"
