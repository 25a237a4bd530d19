#!/usr/bin/env bash
# Train under Slurm, one task per GPU.
#
#   bash tools/slurm_train.sh PARTITION JOB CONFIG [train.py arguments]
#
# example:
#   GPUS=8 GPUS_PER_NODE=4 bash tools/slurm_train.sh gpu lesions configs/isic2018_maskrcnn.py
#
# As a batch job that restarts and resumes after its time limit or a preemption:
#   sbatch --partition gpu --nodes 2 --ntasks-per-node 4 --gres gpu:4 --cpus-per-task 4 --time 12:00:00 \
#       --signal TERM@60 --requeue --open-mode append \
#       --wrap 'GPUS=8 GPUS_PER_NODE=4 bash tools/slurm_train.sh gpu lesions configs/isic2018_maskrcnn.py'
#
# One minute before the time limit Slurm sends SIGTERM; the training saves its state and exits with
# 75. In a batch job this script then requeues the job, and passes --resume after each restart.
# Otherwise it exits with 75: start it again with --resume.
#
# GPUS (default 1), GPUS_PER_NODE (default GPUS, at most 8), CPUS_PER_TASK (default 4), MASTER_PORT
# (default in a job: derived from the job id) and SRUN_ARGS (more arguments for srun) come from the environment.
set -euo pipefail
if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0; fi
if [ $# -lt 3 ]; then sed -n '4s/^# *//p' "$0" >&2; exit 2; fi
partition=$1 job=$2 config=$3; shift 3
[[ $config = -* ]] && config=./$config # not an option

gpus=${GPUS:-1}
per_node=${GPUS_PER_NODE:-$((gpus < 8 ? gpus : 8))}
read -r -a more <<< "${SRUN_ARGS:-}"
if [ -z "${SLURM_JOB_ID:-}" ]; then
    # For an allocation that srun makes itself; inside a job it is an option of sbatch.
    more=(--signal TERM@60 ${more[@]+"${more[@]}"})
else
    # Jobs that share a machine need different ports.
    export MASTER_PORT="${MASTER_PORT:-$((20000 + SLURM_JOB_ID % 10000))}"
fi
if [ "${SLURM_RESTART_COUNT:-0}" -gt 0 ]; then
    set -- "$@" --resume # the last one counts, so a checkpoint that the user named is not used again
fi

status=0
srun --partition "$partition" --job-name "$job" --gres "gpu:$per_node" --ntasks "$gpus" \
    --ntasks-per-node "$per_node" --cpus-per-task "${CPUS_PER_TASK:-4}" --kill-on-bad-exit=1 \
    ${more[@]+"${more[@]}"} "${PYTHON:-python}" -u "$(dirname "${BASH_SOURCE[0]}")/train.py" "$config" \
    --launcher slurm "$@" || status=$?

if [ "$status" = 75 ] && [ -n "${SLURM_JOB_ID:-}" ]; then
    if scontrol requeue "$SLURM_JOB_ID"; then
        echo "the state is saved; Slurm restarts job $SLURM_JOB_ID" >&2
        exit 0
    fi
    echo "the state is saved, but Slurm does not restart job $SLURM_JOB_ID (it restarts only batch jobs" \
        "that were submitted with --requeue); start it yourself with --resume" >&2
fi
exit "$status"
