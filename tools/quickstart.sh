#!/usr/bin/env bash
# Install, draw a synthetic data set, train on it, test, draw the results, and segment images with
# the model that comes with the project. Needs Python 3.10 to 3.12 with venv and nothing else. A
# second call reuses the results of the first.
#
#   bash tools/quickstart.sh
#
# example:
#   PYTHON=python3.12 bash tools/quickstart.sh
set -euo pipefail
if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0; fi
if [ $# -gt 0 ]; then echo "usage: bash tools/quickstart.sh" >&2; exit 2; fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."

source tools/setup_env.sh requirements.txt
python tools/quickstart.py
echo "(activate the environment first: source .venv/bin/activate)"
