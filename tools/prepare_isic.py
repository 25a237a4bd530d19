#!/usr/bin/env python
"""Turn the official ISIC files of one year into images and COCO annotations to train on."""

import argparse
from pathlib import Path

from isic_mmdet.cli import make_parser, run


def parse_args() -> argparse.Namespace:
    from isic_mmdet.masks.mask_files import FOREGROUND
    from isic_mmdet.prepare.arguments import add_common_arguments, parse_with_resize

    parser = make_parser(
        __doc__,
        'python tools/prepare_isic.py 2018 --src downloads --out data/isic2018 --resize quarter',
    )
    parser.add_argument('year', type=int, choices=(2016, 2017, 2018), help='challenge year')
    parser.add_argument(
        '--src',
        dest='sources',
        type=Path,
        nargs='+',
        required=True,
        metavar='DIR_OR_ZIP',
        help='official folders or zips (read in place), or folders that hold them',
    )
    parser.add_argument('--out', type=Path, required=True, help='folder of the prepared data set')
    parser.add_argument(
        '--split',
        default='official',
        help='official (2016 was published without a validation part: 15 %% of its training part'
        ' are drawn), ratio (75/25, then 75/25 of the rest), or a folder that holds train.txt,'
        ' val.txt and test.txt with one id a line (default: official)',
    )
    parser.add_argument('--seed', type=int, default=0, help='of what is drawn (default: 0)')
    parser.add_argument(
        '--classes',
        choices=('lesion', 'diagnosis'),
        help='one class, or benign and melanoma (default: diagnosis for 2017, else lesion)',
    )
    parser.add_argument(
        '--flip-copies',
        action='store_true',
        help='store each training and validation image also flipped vertically and horizontally,'
        ' as further samples (the recipe of student2018)',
    )
    parser.add_argument(
        '--foreground',
        type=int,
        default=FOREGROUND,
        metavar='GRAY',
        help='mask pixels of this value (1 to 255) or more are lesion; with another one than the'
        ' default, original_masks/ is written thresholded, so that scores use the same truth'
        f" (default: {FOREGROUND}, the challenge's > {FOREGROUND - 1})",
    )
    add_common_arguments(parser)
    return parse_with_resize(parser)


def main() -> None:
    args = parse_args()

    from isic_mmdet.prepare.pool import start_server

    if args.workers != 1:
        start_server('isic_mmdet.prepare.convert')  # imports while this process plans

    from isic_mmdet.prepare.official import prepare
    from isic_mmdet.prepare.report import format_report

    report = prepare(**vars(args))
    print(format_report(report))


if __name__ == '__main__':
    run(main)
