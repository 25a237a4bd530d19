#!/usr/bin/env bash
# Build the documentation site into build/site, without warnings, and check that no page asks another
# server for anything. Needs the packages of requirements-dev.txt, and no GPU.
#
#   bash tools/build_docs.sh
#
# example:
#   bash tools/build_docs.sh && python -m http.server --directory build/site
set -euo pipefail
if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0; fi
if [ $# -gt 0 ]; then echo "usage: bash tools/build_docs.sh" >&2; exit 2; fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# mkdocs-material advertises its successor at every start.
NO_MKDOCS_2_WARNING=1 python -m mkdocs build --strict --clean
echo "built: build/site/index.html"
