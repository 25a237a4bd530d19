#!/usr/bin/env bash
# From nothing to a trained and tested lesion model with pictures: needs Python 3.10 to 3.12 with
# venv, and nothing else. What an earlier run left is reused.
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

work=work_dirs/quickstart
echo "== data: 240 synthetic pictures in the official layout, then prepared like real ones"
python tools/make_synthetic.py --out data/official/synthetic --images 240 --seed 0
python tools/prepare_isic.py 2017 --src data/official/synthetic --out data/synthetic \
    --split official --classes lesion

if [ -e "$work/last_checkpoint" ]; then
    echo "== training: going on from $work (nothing is left to do if it had finished)"
else
    echo "== training: configs/quickstart.py"
fi
python tools/train.py configs/quickstart.py --work-dir "$work" --resume

echo "== test: scores and pictures of the test split"
# Only a run that was killed while it replaced the best checkpoint leaves two.
best=$(ls -t "$work"/best_lesion_iou_epoch_*.pth | head -n 1)
python tools/test.py configs/quickstart.py "$best" \
    --work-dir "$work/test" --show-dir "$work/test/pictures" --overwrite
