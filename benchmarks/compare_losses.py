"""Compare the losses of two trainings from one seed, step by step.

python -m benchmarks.compare_losses RUN OTHER LIMIT     # the work_dirs; ends with 1 above the limit
"""

import json
import sys
from pathlib import Path


def losses(run: Path) -> dict[int, float]:
    """Return the logged loss of each step of a training."""
    lines = (run / 'scalars.json').read_text(encoding='utf-8').splitlines()
    return {row['step']: row['loss'] for row in map(json.loads, lines) if 'loss' in row}


def largest_difference(run: Path, other: Path) -> float:
    """Return the largest relative difference of a loss.

    Raises:
        ValueError: the trainings have other steps, or none.
    """
    ours, theirs = losses(run), losses(other)
    if not ours or ours.keys() != theirs.keys():
        raise ValueError(f'{run} logs the steps {sorted(ours)}, {other} {sorted(theirs)}')
    return max(abs(loss - theirs[step]) / theirs[step] for step, loss in ours.items())


if __name__ == '__main__':
    difference = largest_difference(Path(sys.argv[1]), Path(sys.argv[2]))
    print(f'largest relative difference of a loss: {difference:.2e}')
    sys.exit(difference > float(sys.argv[3]))
