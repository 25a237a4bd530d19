#!/usr/bin/env bash
# Measure on one GPU, in about ten minutes, the speed that docs/performance.md has a goal for.
#
#   bash benchmarks/gpu_speed.sh OUT [--quick]
#
# First a training of 200 steps is compared with the same one compiled (a CUDA graph), and with the
# compiled one after a SIGTERM and a resumption. Then the benchmarks train, infer and reading write
# their results to OUT/gpu. With --quick everything is small, to see that it runs, also without a GPU.
# A part that fails does not end the others; the last lines say which did.
set -uo pipefail
if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0; fi
if [ $# -lt 1 ] || [ $# -gt 2 ]; then sed -n '4s/^# *//p' "$0" >&2; exit 2; fi
out=$(realpath -m -- "$1") quick=${2:-}
cd "$(dirname "${BASH_SOURCE[0]}")/.."
images=600 size=512 epochs=8 batch=16 amp=--amp limit=1e-2
config=configs/isic2018_maskrcnn.py
if [ "$quick" = --quick ]; then images=12 size=64 epochs=2 batch=2 amp=''; fi
failed=''

train() { # NAME [settings]
    local name=$1; shift
    # shellcheck disable=SC2086 # no option is no word
    python tools/train.py $config --data-root "$out/data" --work-dir "$out/$name" --resume $amp --cfg-options \
        load_from=None train_cfg.max_epochs=$epochs train_cfg.val_interval=$epochs train_dataloader.batch_size=$batch \
        default_hooks.logger.interval=$((epochs > 2 ? 10 : 1)) "train_dataloader.dataset.pipeline.3.scale=($size,$size)" \
        train_dataloader.dataset.pipeline.3.keep_ratio=False "$@" > "$out/$name.log" 2>&1
}

part() { # TITLE COMMAND...
    local title=$1; shift
    echo "== $title"
    "$@" || failed+=" '$title'"
}

terminated() { # a compiled training that gets SIGTERM in its first epoch or later, and is resumed
    train resumed model.compiled=True &
    local shell=$!
    until grep -qs '"step"' "$out/resumed/scalars.json"; do
        kill -0 $shell 2> /dev/null || { wait $shell; return; }
        sleep 0.2
    done
    pkill -TERM -P $shell
    wait $shell
    train resumed model.compiled=True
}

mkdir -p "$out"
python tools/make_synthetic.py --out "$out/official" --images $images --size $size &&
    python tools/prepare_isic.py 2017 --src "$out/official" --out "$out/data" --split official --classes lesion \
        > "$out/data.log" || exit 1
part 'a training, not compiled' train eager
part 'the same, compiled' train compiled model.compiled=True
part 'both learn the same' python -m benchmarks.compare_losses "$out/compiled" "$out/eager" $limit
part 'the compiled one, interrupted and resumed' terminated
part 'both compiled ones are equal' python -m benchmarks.compare_losses "$out/resumed" "$out/compiled" 0
# shellcheck disable=SC2086
part 'speed' python -m benchmarks train infer reading --out "$out" $quick
echo "${failed:+failed:}${failed:-all parts passed}"
[ -z "$failed" ]
