#!/usr/bin/env bash
# Train under Slurm, one task per GPU.
#
#   bash tools/slurm_train.sh PARTITION JOB CONFIG [train.py arguments]
#
# example:
#   GPUS=8 GPUS_PER_NODE=4 bash tools/slurm_train.sh gpu lesions configs/isic2018_maskrcnn.py
#
# GPUS (default 1), GPUS_PER_NODE (default GPUS, at most 8), CPUS_PER_TASK (default 4) and
# SRUN_ARGS (more arguments for srun) come from the environment.
set -euo pipefail
if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0; fi
if [ $# -lt 3 ]; then sed -n '4s/^# *//p' "$0" >&2; exit 2; fi
partition=$1 job=$2 config=$3; shift 3

gpus=${GPUS:-1}
per_node=${GPUS_PER_NODE:-$((gpus < 8 ? gpus : 8))}
read -r -a more <<< "${SRUN_ARGS:-}"
exec srun --partition "$partition" --job-name "$job" --gres "gpu:$per_node" --ntasks "$gpus" \
    --ntasks-per-node "$per_node" --cpus-per-task "${CPUS_PER_TASK:-4}" --kill-on-bad-exit=1 \
    ${more[@]+"${more[@]}"} "${PYTHON:-python}" -u "$(dirname "${BASH_SOURCE[0]}")/train.py" "$config" \
    --launcher slurm "$@"
