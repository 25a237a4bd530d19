#!/usr/bin/env bash
# Reproduce the score of the recommended recipe: prepare the data, train, score the test split once,
# and print the row of the results table. A second call resumes the first.
#
#   bash tools/reproduce.sh [--data DIR] [--weights FILE]
#
# example:
#   bash tools/reproduce.sh --data data/official/isic2018
#
# DIR holds the official files of ISIC 2018 (default: data/official/isic2018, see data/README.md), or central
# squares of them of 512 x 512 px. All images that data/splits/isic2018 names have to be there. FILE holds
# the weights of the backbone to start from (default: those that the config names).
# The recipe is the same for one GPU and for a CPU. It uses bfloat16 if the processor supports it.
# WORK_DIR names the folder of the run.
set -euo pipefail
usage() { sed -n '5s/^# */usage: /p' "$0" >&2; exit 2; }
source=data/official/isic2018 weights=()
while [ $# -gt 0 ]; do
    case "$1" in
        --help|-h) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
        --data|--weights) [ $# -gt 1 ] || usage ;;
        *) usage ;;
    esac
    [ -e "$2" ] || { echo "error: $1 $2: it does not exist; correct the path" >&2; exit 2; }
    path=$(realpath -- "$2")
    case "$1" in
        --data) source=$path ;;
        --weights) weights=(--cfg-options "model.backbone.init_cfg.checkpoint=$path") ;;
    esac
    shift 2
done
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ -d .venv ] && export PATH="$PWD/.venv/bin:$PATH"

config=configs/isic2018_maskrcnn_lite.py
data=data/isic2018
if python -c 'from isic_mmdet.utils.system import check_bfloat16; check_bfloat16()' 2>/dev/null; then
    amp=(--amp)
else
    amp=()
fi
work=${WORK_DIR:-work_dirs/$(basename "$config" .py)}

python tools/prepare_isic.py 2018 --src "$source" --out "$data" --split data/splits/isic2018 \
    --resize center-crop 512 --strict
python tools/train.py "$config" --data-root "$data" --work-dir "$work" --resume ${amp[@]+"${amp[@]}"} \
    ${weights[@]+"${weights[@]}"}
# There are two only if a run was killed while it replaced the best checkpoint.
best=$(ls -t -- "$work"/best_lesion_iou_epoch_*.pth | head -n 1)
python tools/test.py "$config" "$best" --data-root "$data" --work-dir "$work/test" --overwrite
python tools/results_table.py "$work/test/metrics.json"
