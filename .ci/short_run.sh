#!/usr/bin/env bash
# A short training with the CPU recipe, from files to a checked score, in about two minutes. It uses a
# few dozen real images if they are next to the checkout, otherwise synthetic images.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PATH="$PWD/.venv/bin:$PATH"

config=configs/isic2018_maskrcnn_lite.py
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
real=../shared/isic2018

if [ -d "$real" ]; then
    mkdir "$work/lists"
    for split in train:48 val:12 test:12; do
        head -n "${split#*:}" "$real/splits/${split%:*}.txt" > "$work/lists/${split%:*}.txt"
    done
    python tools/prepare_isic.py 2018 --src "$real" --out "$work/data" --split "$work/lists"
else
    python tools/make_synthetic.py --out "$work/official" --images 72 --seed 0
    python tools/prepare_isic.py 2017 --src "$work/official" --out "$work/data" --split official \
        --classes lesion
fi

python tools/train.py "$config" --data-root "$work/data" --work-dir "$work/run" --cfg-options \
    train_cfg.max_epochs=3 param_scheduler.0.end=10
python tools/test.py "$config" "$work"/run/best_lesion_iou_epoch_*.pth --data-root "$work/data" \
    --work-dir "$work/test" --out "$work/test/detections.json" --show-dir "$work/test/pictures"
python .ci/check_run.py "$work"
