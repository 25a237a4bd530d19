#!/usr/bin/env python
"""Score masks as the ISIC challenge does, over all images and over groups of images."""

import argparse
import os
from pathlib import Path

from isic_mmdet.cli import make_parser, run
from isic_mmdet.utils.files import require_writable

# NumPy starts one thread per core for matrix products. None are needed here, and starting the
# threads takes a fifth of the start-up time.
os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')


def parse_args() -> argparse.Namespace:
    from isic_mmdet.evaluation.groups import GROUPINGS
    from isic_mmdet.evaluation.mask_evaluation import is_table

    parser = make_parser(
        f'{__doc__}\nNeeds no model. If the official scorer would refuse files, all are listed and'
        '\nthe exit status is 1.',
        'python tools/score.py predictions ISIC2018_Task1_Test_GroundTruth.zip \\\n'
        '    --out scores/scores.json --boundary --groups --baseline other_predictions',
    )
    parser.add_argument(
        'predictions',
        type=Path,
        help='folder or zip of masks, or the per_image.csv of tools/test.py or of this tool',
    )
    parser.add_argument(
        'truth', type=Path, nargs='?', help='folder or zip of the true masks; not for a .csv'
    )
    parser.add_argument(
        '--out',
        type=Path,
        metavar='JSON',
        help='write all numbers there, and per_image.csv next to it',
    )
    parser.add_argument(
        '--boundary',
        action='store_true',
        help='add the 95 %% Hausdorff and the mean distance of the borders, and the shift of the '
        'outline (outward if positive) that gives the best iou, with that iou (slower)',
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
        help='annotation file of prepare_isic.py with diagnosis, sex and age',
    )
    parser.add_argument(
        '--scores',
        type=Path,
        metavar='CSV',
        help='predictions.csv of predict.py, to compare scores with IoU (per_image.csv has them)',
    )
    parser.add_argument(
        '--baseline',
        type=Path,
        metavar='OTHER',
        help='other predictions of the same images: a paired bootstrap compares the two',
    )
    parser.add_argument(
        '--positive',
        metavar='CLASS',
        help='class to separate from all others, in a .csv with several classes (default: melanoma '
        'if it is one of them)',
    )
    parser.add_argument(
        '--strict', action='store_true', help='refuse true masks that the challenge refuses'
    )
    parser.add_argument(
        '--mask-threshold',
        type=int,
        metavar='GRAY',
        help='true masks are lesion from this value on (default: found in each mask: 0 and 255, 0'
        ' and 1, two colors, or two groups of grays)',
    )
    parser.add_argument(
        '--images',
        type=Path,
        metavar='DIR',
        help='folder or zip of the images, to estimate hair and the tone of the skin for --groups',
    )
    parser.add_argument('--workers', type=int, help='threads (default: one for each core)')
    args = parser.parse_args()
    masks = [path for path in (args.predictions, args.baseline) if path and not is_table(path)]
    if masks and args.truth is None:
        parser.error(f'TRUTH is needed to score the masks of {masks[0]}')
    if args.mask_threshold is not None:
        if args.strict:
            parser.error('--strict uses the threshold of the challenge; remove --mask-threshold')
        if not 1 <= args.mask_threshold <= 255:
            parser.error('--mask-threshold takes a gray value from 1 to 255')
    if args.images and is_table(args.predictions):
        parser.error('--images needs masks and their TRUTH')
    seen = {'hair', 'skin_tone'} & set(args.groups or ())
    if seen and not args.images and not is_table(args.predictions):
        parser.error(f'--groups {min(seen)} needs --images')
    if args.workers is not None and args.workers < 1:
        parser.error('--workers must be at least 1')
    return args


def main() -> None:
    args = parse_args()

    from isic_mmdet.evaluation.mask_evaluation import evaluate
    from isic_mmdet.evaluation.text import format_scores
    from isic_mmdet.utils.system import keep_freed_memory

    require_writable(args.out)
    keep_freed_memory()
    print(format_scores(evaluate(**vars(args))))


if __name__ == '__main__':
    run(main)
