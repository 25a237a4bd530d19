#!/usr/bin/env bash
# Test on several devices of one machine, or of several machines. Without a GPU it starts CPU processes.
#
#   bash tools/dist_test.sh CONFIG CHECKPOINT GPUS [test.py arguments]
#
# example:
#   bash tools/dist_test.sh configs/isic2018_maskrcnn.py work_dirs/isic2018_maskrcnn/best_lesion_iou_epoch_9.pth 4
#
# Several machines: run it on each with NNODES, NODE_RANK, MASTER_ADDR and MASTER_PORT set.
set -euo pipefail
if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0; fi
if [ $# -lt 3 ]; then sed -n '4s/^# *//p' "$0" >&2; exit 2; fi
config=$1 checkpoint=$2 processes=$3; shift 3
[[ $config = -* ]] && config=./$config # not an option

if [ "${NNODES:-1}" = 1 ]; then
    meeting=(--standalone)
else
    meeting=(--nnodes "$NNODES" --node-rank "${NODE_RANK:?}" --master-addr "${MASTER_ADDR:?}"
        --master-port "${MASTER_PORT:-29500}")
fi
exec "${PYTHON:-python}" -m torch.distributed.run "${meeting[@]}" --nproc-per-node "$processes" \
    "$(dirname "${BASH_SOURCE[0]}")/test.py" "$config" "$checkpoint" --launcher pytorch "$@"
