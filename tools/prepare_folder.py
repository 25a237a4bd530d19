#!/usr/bin/env python
"""Turn your own images and masks into a data set to train on."""

import argparse
from pathlib import Path

from isic_mmdet.cli import make_parser, run
from isic_mmdet.errors import InputError


def parse_args() -> argparse.Namespace:
    from isic_mmdet.isic.duplicates import DEFAULT_DISTANCE
    from isic_mmdet.masks.mask_names import MASK_SUFFIXES
    from isic_mmdet.masks.resize import parse_rule
    from isic_mmdet.prepare.own.layouts import LAYOUTS

    parser = make_parser(
        f'{__doc__}\nA mask belongs to the image of the same name. What tools append to the name,'
        '\nand what counts as lesion in a mask, is detected and printed.',
        'python tools/prepare_folder.py --images photos --masks masks --out data/mine\n'
        'python tools/prepare_folder.py --layout ph2 PH2Dataset.zip --out data/ph2',
    )
    parser.add_argument(
        '--images',
        type=Path,
        metavar='DIR_OR_ZIP',
        help='images, also in nested folders and zips; their path without the ending is their id',
    )
    parser.add_argument(
        '--masks',
        type=Path,
        metavar='DIR_OR_ZIP',
        help='their masks (default: among the images, recognized by their suffix)',
    )
    parser.add_argument(
        '--layout',
        nargs=2,
        metavar=('NAME', 'SRC'),
        help=f'a published data set, {" or ".join(LAYOUTS)}, and its folder or zip',
    )
    parser.add_argument('--out', type=Path, required=True, help='folder of the prepared data set')
    known = ', '.join(filter(None, MASK_SUFFIXES))
    parser.add_argument(
        '--mask-suffix',
        metavar='TEXT',
        help=f'what masks have behind the name of their image (default: found among {known} and'
        ' nothing)',
    )
    parser.add_argument(
        '--mask-threshold',
        type=int,
        metavar='GRAY',
        help='mask pixels of this value (1 to 255) or more are lesion (default: found in each mask:'
        ' 0 and 255, 0 and 1, two colors, or two groups of grays as in a JPEG)',
    )
    parser.add_argument('--seed', type=int, default=0, help='of what is drawn (default: 0)')
    parser.add_argument(
        '--resize',
        nargs='+',
        default=['none'],
        metavar='RULE',
        help='none, max-side N (pixels), or quarter (a quarter of each side above 700 x 700 pixels)'
        ' (default: none)',
    )
    parser.add_argument('--workers', type=int, help='processes (default: all cores)')
    parser.add_argument(
        '--strict', action='store_true', help='end with an error on any error in the data'
    )
    parser.add_argument(
        '--duplicate-distance',
        type=int,
        default=DEFAULT_DISTANCE,
        metavar='BITS',
        help='images whose 256-bit hashes differ in at most this many bits are near-duplicates'
        f' (default: {DEFAULT_DISTANCE})',
    )
    args = parser.parse_args()
    args.resize = ' '.join(args.resize)
    try:
        parse_rule(args.resize)
    except InputError as error:
        parser.error(str(error))
    if (args.images is None) == (args.layout is None):
        parser.error('give either --images or --layout')
    if args.layout:
        name, source = args.layout
        if name not in LAYOUTS:
            parser.error(f'--layout {name}: choose from {", ".join(LAYOUTS)}')
        if args.masks:
            parser.error('--layout finds the masks itself; remove --masks')
        args.layout = name, Path(source)
    return args


def main() -> None:
    args = parse_args()

    from isic_mmdet.prepare.pool import start_server

    if args.workers != 1:
        start_server('isic_mmdet.prepare.convert')  # imports while this process plans

    from isic_mmdet.masks.resize import parse_rule
    from isic_mmdet.prepare.own.choices import Choices
    from isic_mmdet.prepare.own.mask_folder import MaskSource, prepare_masks
    from isic_mmdet.prepare.report import format_report
    from isic_mmdet.prepare.run import Options

    source = MaskSource(args.images, args.masks, args.layout, args.mask_suffix, args.mask_threshold)
    options = Options(parse_rule(args.resize), args.workers, args.strict, args.duplicate_distance)
    print(format_report(prepare_masks(source, args.out, Choices(seed=args.seed), options)))


if __name__ == '__main__':
    run(main)
