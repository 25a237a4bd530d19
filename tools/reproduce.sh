#!/usr/bin/env bash
# Reproduce the score of the recommended recipe: prepare the data, train, score the test split once,
# and print the row of the results table. A second call resumes the first.
#
#   bash tools/reproduce.sh [IMAGES]
#
# example:
#   bash tools/reproduce.sh
#
# Without an argument it uses the official files of ISIC 2018 in data/official/isic2018 (see
# data/README.md). IMAGES is a folder with other images, their masks, and lists of the splits in splits/.
# The recipe is the same for one GPU and for a CPU. It uses bfloat16 if the processor supports it.
# WORK_DIR names the folder of the run.
set -euo pipefail
if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0; fi
if [ $# -gt 1 ]; then sed -n '5s/^# *//p' "$0" >&2; exit 2; fi
images=${1:+$(realpath -- "$1")}
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ -d .venv ] && export PATH="$PWD/.venv/bin:$PATH"

config=configs/isic2018_maskrcnn_lite.py
data=data/isic2018
if [ -n "$images" ]; then
    source=(--src "$images" --split "$images/splits")
else
    source=(--src data/official/isic2018 --resize max-side 1024)
fi
if python -c 'from isic_mmdet.utils.system import check_bfloat16; check_bfloat16()' 2>/dev/null; then
    amp=(--amp)
else
    amp=()
fi
work=${WORK_DIR:-work_dirs/$(basename "$config" .py)}

python tools/prepare_isic.py 2018 "${source[@]}" --out "$data"
python tools/train.py "$config" --data-root "$data" --work-dir "$work" --resume ${amp[@]+"${amp[@]}"}
# There are two only if a run was killed while it replaced the best checkpoint.
best=$(ls -t -- "$work"/best_lesion_iou_epoch_*.pth | head -n 1)
python tools/test.py "$config" "$best" --data-root "$data" --work-dir "$work/test" --overwrite
python tools/results_table.py "$work/test/metrics.json"
