#!/usr/bin/env bash
# Train and score every fold of a data set that was prepared with --folds, one fold per GPU at a time
# (on a computer without GPU one fold after the other), and print the mean scores with their spread.
#
#   bash tools/cross_validate.sh CONFIG DATA [train.py arguments]
#
# example:
#   bash tools/cross_validate.sh configs/isic2018_maskrcnn_lite.py data/mine --amp
#
# A second call resumes the first. The status is 1 if a fold fails; the others are finished.
# WORK_DIR (default work_dirs/<config name>) gets fold_0, fold_1, ... and their logs. --amp and the
# settings of the model in --cfg-options hold for the scores, too.
set -uo pipefail
if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0; fi
if [ $# -lt 2 ]; then sed -n '5s/^# *//p' "$0" >&2; exit 2; fi
config=$1 data=$2; shift 2
tools=$(dirname "${BASH_SOURCE[0]}")
work=${WORK_DIR:-work_dirs/$(basename "$config" .py)}
python=${PYTHON:-python}

folds=()
for folder in "$data"/annotations/fold*/; do
    [ -d "$folder" ] && folds+=("$(basename "$folder" | sed 's/^fold//')")
done
if [ ${#folds[@]} = 0 ]; then
    echo "error: $data has no folds; prepare it with tools/prepare_folder.py ... --folds 5" >&2
    exit 1
fi
if [ -n "${CUDA_VISIBLE_DEVICES+set}" ]; then
    IFS=, read -ra devices <<<"$CUDA_VISIBLE_DEVICES"
else
    mapfile -t devices < <(nvidia-smi --query-gpu=index --format=csv,noheader 2>/dev/null)
fi
[ ${#devices[@]} = 0 ] && devices=('')
mkdir -p "$work" || exit 1

# What decides a score: the model and its precision, but not the weights that it started from.
for_test=() model_options=() in_options=
for word in "$@"; do
    case $word in
        --amp) for_test+=(--amp) in_options= ;;
        --cfg-options) in_options=yes ;;
        -*) in_options= ;;
        model.backbone.init_cfg*) ;;
        model.*) [ -n "$in_options" ] && model_options+=("$word") ;;
    esac
done
[ ${#model_options[@]} = 0 ] || for_test+=(--cfg-options "${model_options[@]}")

run() { "$@" & wait $!; } # so that a signal reaches the program, see the trap of the loop

run_fold() { # K, and train.py arguments
    local k=$1 dir=$work/fold_$1 best split; shift
    local common=(--data-root "$data" --fold "$k")
    run "$python" "$tools/train.py" "$config" "${common[@]}" --work-dir "$dir" --resume "$@" || return 1
    best=$(ls -t -- "$dir"/best_*.pth | head -n 1)
    for split in val test; do
        [ $split = test ] && [ ! -f "$data/annotations/test.json" ] && continue
        run "$python" "$tools/test.py" "$config" "$best" "${common[@]}" --split $split \
            --work-dir "$dir/$split" --overwrite ${for_test[@]+"${for_test[@]}"} || return 1
    done
}

pids=()
for index in "${!devices[@]}"; do
    (
        trap 'kill $(jobs -p) 2>/dev/null; exit 143' INT TERM
        [ -n "${devices[index]}" ] && export CUDA_VISIBLE_DEVICES=${devices[index]}
        for ((n = index; n < ${#folds[@]}; n += ${#devices[@]})); do
            log=$work/fold_${folds[n]}.log
            echo "fold ${folds[n]}: $log"
            rm -f "$log.failed"
            run_fold "${folds[n]}" "$@" >"$log" 2>&1 || touch "$log.failed"
        done
    ) &
    pids+=($!)
done
trap 'kill "${pids[@]}" 2>/dev/null; exit 130' INT TERM
wait "${pids[@]}"

failed=0
for k in "${folds[@]}"; do
    if [ -f "$work/fold_$k.log.failed" ]; then
        echo "error: fold $k failed; the end of $work/fold_$k.log:" >&2
        tail -n 5 "$work/fold_$k.log" >&2
        rm "$work/fold_$k.log.failed"
        failed=1
    fi
done
[ $failed = 1 ] && exit 1
for split in val test; do
    ls "$work"/fold_*/$split/metrics.json >/dev/null 2>&1 &&
        "$python" "$tools/results_table.py" "$work"/fold_*/$split/metrics.json
done
exit 0
