"""The arguments that both programs that prepare data take."""

import argparse

from isic_mmdet.errors import InputError
from isic_mmdet.isic.duplicates import DEFAULT_DISTANCE
from isic_mmdet.masks.resize import parse_rule


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `--resize`, `--workers`, `--strict` and `--duplicate-distance`."""
    parser.add_argument(
        '--resize',
        nargs='+',
        default=['none'],
        metavar='RULE',
        help='none, max-side N (pixels), quarter (a quarter of each side above 700 x 700 pixels),'
        ' or center-crop N (the central square of image and mask as N x N pixels) (default: none)',
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


def parse_with_resize(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Parse the command line; an impossible `--resize` is an error of the arguments."""
    args = parser.parse_args()
    args.resize = ' '.join(args.resize)
    try:
        parse_rule(args.resize)
    except InputError as error:
        parser.error(str(error))
    return args
