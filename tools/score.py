#!/usr/bin/env python
"""Score masks as the ISIC challenge does, and say where and why they are good or bad."""

import argparse
import os
from pathlib import Path

from isic_mmdet.cli import make_parser, run
from isic_mmdet.utils.files import require_writable

# NumPy starts a thread a core for matrix products, of which there are none here: a fifth of the
# time that this program takes to start.
os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')


def parse_args() -> argparse.Namespace:
    from isic_mmdet.evaluation.groups import GROUPINGS
    from isic_mmdet.evaluation.mask_evaluation import is_table

    parser = make_parser(
        f'{__doc__}\nNeeds no model. Files that the official scorer would refuse are all listed at '
        'once, and\nthe exit status is 1.',
        'python tools/score.py predictions ISIC2018_Task1_Test_GroundTruth.zip \\\n'
        '    --out scores/scores.json --boundary --groups --compare other_predictions',
    )
    parser.add_argument(
        'predictions',
        type=Path,
        nargs='?',
        help='folder or zip of masks, or the per_image.csv of tools/test.py or of this tool',
    )
    parser.add_argument(
        'truth', type=Path, nargs='?', help='folder or zip of the true masks; not for a .csv'
    )
    parser.add_argument(
        '--out', type=Path, metavar='JSON', help='write all numbers there, per_image.csv beside it'
    )
    parser.add_argument(
        '--boundary',
        action='store_true',
        help='also 95 %% Hausdorff and mean distance of the borders, and how far the outline would '
        'have to be moved, outwards if positive, for the best iou, with that iou (slower)',
    )
    parser.add_argument(
        '--groups',
        nargs='*',
        choices=list(GROUPINGS),
        metavar='KEY',
        help=f'also score groups of images, by any of {", ".join(GROUPINGS)} (default: all known)',
    )
    parser.add_argument(
        '--annotations',
        type=Path,
        metavar='JSON',
        help='annotation file of prepare_isic.py that knows diagnosis, sex and age',
    )
    parser.add_argument(
        '--scores',
        type=Path,
        metavar='CSV',
        help='predictions.csv of predict.py: does a high score mean a good mask? (a .csv of '
        'predictions answers that by itself)',
    )
    parser.add_argument(
        '--compare',
        type=Path,
        nargs='+',
        metavar='OTHER',
        help='other predictions, as the first: a paired bootstrap tells which are better. '
        '"TRUTH --compare A B" and "--compare A.csv B.csv" say the same as "A TRUTH --compare B" '
        'and "A.csv --compare B.csv"',
    )
    parser.add_argument(
        '--positive',
        metavar='CLASS',
        help='class that is told from all others, of a .csv with several classes (default: '
        'melanoma, where there is such a class)',
    )
    parser.add_argument('--workers', type=int, help='threads (default: one for each core)')
    args = parser.parse_args()
    *first, args.other = args.compare or [None]
    if len(first) > 1 or (first and args.truth):
        parser.error('--compare takes one OTHER behind PREDICTIONS TRUTH, or A B behind TRUTH')
    if first:
        args.truth, args.predictions = args.predictions, first[0]
    if args.predictions is None:
        parser.error('PREDICTIONS are needed')
    masks = [path for path in (args.predictions, args.other) if path and not is_table(path)]
    if masks and args.truth is None:
        parser.error(f'TRUTH is needed to score the masks of {masks[0]}')
    if args.workers is not None and args.workers < 1:
        parser.error('--workers must be at least 1')
    return args


def main() -> None:
    args = parse_args()

    from isic_mmdet.evaluation.mask_evaluation import Request, evaluate
    from isic_mmdet.evaluation.text import format_scores
    from isic_mmdet.utils.memory import keep_freed_memory

    require_writable(args.out)
    keep_freed_memory()
    request = Request(
        args.predictions,
        args.truth,
        boundary=args.boundary,
        groups=args.groups is not None,
        group_keys=args.groups or (),
        annotations=args.annotations,
        scores=args.scores,
        other=args.other,
        positive=args.positive,
        out=args.out,
        workers=args.workers,
    )
    print(format_scores(evaluate(request)))


if __name__ == '__main__':
    run(main)
