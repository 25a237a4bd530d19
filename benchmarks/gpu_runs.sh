#!/usr/bin/env bash
# Train and score, on one GPU, the recipes of docs/results.md. A second call resumes the first.
#
#   bash benchmarks/gpu_runs.sh RUNS DATA OUT [MINUTES]
#
# example:
#   bash benchmarks/gpu_runs.sh benchmarks/gpu_runs.txt data work_dirs/gpu 9
#
# RUNS has one run a line: its name, its config, its folder in DATA, and options of tools/train.py. All
# runs share the card at once. After MINUTES (default 9) they save their state and stop. The validation
# and test splits of each finished run are scored once, and the scores are OUT/metrics/NAME_SPLIT.json.
set -euo pipefail
if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0; fi
if [ $# -lt 3 ] || [ $# -gt 4 ]; then sed -n '4s/^# *//p' "$0" >&2; exit 2; fi
runs=$(realpath -- "$1") data=$(realpath -- "$2") out=$(realpath -m -- "$3") minutes=${4:-9}
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p "$out/metrics"

# The processes of NVIDIA's Multi-Process Service use the card at the same time, not in turn.
if command -v nvidia-cuda-mps-control > /dev/null; then
    nvidia-cuda-mps-control -d || true # it may run already
fi

run() { # NAME CONFIG FOLDER [options of tools/train.py]
    local name=$1 config=$2 folder=$3 split view best; shift 3
    if [ ! -e "$out/$name/complete" ]; then
        timeout -s TERM "$((minutes * 60))" python tools/train.py "$config" --data-root "$data/$folder" \
            --work-dir "$out/$name" --resume "$@" || return
        touch "$out/$name/complete"
    fi
    best=$(ls -t -- "$out/$name"/best_lesion_iou_epoch_*.pth | head -n 1)
    for view in val test 'test --tta'; do
        split=${view/ --/_}
        [ -e "$out/metrics/${name}_$split.json" ] && continue
        # shellcheck disable=SC2086 # a view is several words
        python tools/test.py "$config" "$best" --data-root "$data/$folder" --split $view \
            --work-dir "$out/$name/$split" --overwrite
        cp "$out/$name/$split/metrics.json" "$out/metrics/${name}_$split.json"
    done
}

while read -r name config folder options; do
    # shellcheck disable=SC2086 # options are several words
    [ -z "$name" ] || run "$name" "$config" "$folder" $options > "$out/$name.log" 2>&1 &
done < <(grep -v '^#' "$runs")
wait
tail -n 1 "$out"/*.log
