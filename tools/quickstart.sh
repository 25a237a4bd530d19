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

work=work_dirs/quickstart
echo "== data: 240 synthetic images in the official layout, prepared like real ones"
python tools/make_synthetic.py --out data/official/synthetic --images 240 --seed 0
python tools/prepare_isic.py 2017 --src data/official/synthetic --out data/synthetic \
    --split official --classes lesion

if [ -e "$work/last_checkpoint" ]; then
    echo "== training: resuming from $work (nothing is left to do if it has finished)"
else
    echo "== training: configs/quickstart.py"
fi
python tools/train.py configs/quickstart.py --work-dir "$work" --resume

echo "== test: scores and drawings of the test split"
# There are two only if a run was killed while it replaced the best checkpoint.
best=$(ls -t "$work"/best_lesion_iou_epoch_*.pth | head -n 1)
python tools/test.py configs/quickstart.py "$best" \
    --work-dir "$work/test" --show-dir "$work/test/pictures" --overwrite

echo "== segmenting: the model that comes with the project"
rm -rf "$work/masks"
python tools/predict.py data/official/synthetic/ISIC-2017_Test_v2_Data --out "$work/masks" --overlay
echo
echo "to segment your own images (or drop them on the page of tools/serve.py):"
echo "  source .venv/bin/activate"
echo "  python tools/predict.py photo.jpg --out masks --overlay"
