#!/usr/bin/env bash
# Train on several devices of one machine, or of several machines. Without a GPU it starts CPU processes.
#
#   bash tools/dist_train.sh CONFIG GPUS [train.py arguments]
#
# example:
#   bash tools/dist_train.sh configs/isic2018_maskrcnn.py 4
#
# Several machines: run it on each with NNODES, NODE_RANK, MASTER_ADDR and MASTER_PORT set. If machines
# may leave and return, set NNODES=MIN:MAX and RDZV_ENDPOINT=HOST[:PORT] instead. HOST is the machine
# where all meet; it has to stay. RDZV_ID (default lesions) separates several trainings on one HOST.
#
# MAX_RESTARTS (default 0): how often all processes restart when one of them fails or a machine joins
# or leaves. With --resume they resume from the newest checkpoint:
#   NNODES=1:4 RDZV_ENDPOINT=node1:29400 MAX_RESTARTS=3 bash tools/dist_train.sh CONFIG 8 --resume
set -euo pipefail
if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0; fi
if [ $# -lt 2 ]; then sed -n '4s/^# *//p' "$0" >&2; exit 2; fi
config=$1 processes=$2; shift 2
[[ $config = -* ]] && config=./$config # not an option

if [ -n "${RDZV_ENDPOINT:-}" ]; then
    meeting=(--nnodes "${NNODES:?}" --rdzv-backend c10d --rdzv-endpoint "$RDZV_ENDPOINT"
        --rdzv-id "${RDZV_ID:-lesions}")
elif [[ "${NNODES:-1}" = *:* ]]; then
    echo "error: NNODES=$NNODES needs RDZV_ENDPOINT, the machine where all meet" >&2
    exit 2
elif [ "${NNODES:-1}" = 1 ]; then
    meeting=(--standalone)
else
    meeting=(--nnodes "$NNODES" --node-rank "${NODE_RANK:?}" --master-addr "${MASTER_ADDR:?}"
        --master-port "${MASTER_PORT:-29500}")
fi
# Else torchrun keeps one store for all attempts, and processes of the second one read there the
# addresses of processes that have ended (torch 2.11, pytorch issue 135712).
export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1
exec "${PYTHON:-python}" -m torch.distributed.run "${meeting[@]}" --max-restarts "${MAX_RESTARTS:-0}" \
    --nproc-per-node "$processes" \
    "$(dirname "${BASH_SOURCE[0]}")/train.py" "$config" --launcher pytorch "$@"
