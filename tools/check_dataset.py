#!/usr/bin/env python
"""Check a data set that was made elsewhere as prepare_isic.py checks the official files."""

import argparse
import sys

from isic_mmdet.cli import make_parser, run
from isic_mmdet.engine.config.option_text import add_cfg_options
from isic_mmdet.engine.config.paths import require_config
from isic_mmdet.isic.duplicates import DEFAULT_DISTANCE

_SHOWN = 20


def parse_args() -> argparse.Namespace:
    parser = make_parser(
        f'{__doc__}\nDecodes every image and mask, compares masks and annotations, and looks for '
        'images and\nnear-duplicates in two splits. The exit status is 1 if an image is unusable.',
        'python tools/check_dataset.py configs/isic2018_maskrcnn.py --data-root data/mine',
    )
    parser.add_argument('config', help='Python config, see configs/')
    parser.add_argument('--data-root', help="data set, instead of the config's own")
    parser.add_argument('--workers', type=int, help='processes (default: all cores)')
    parser.add_argument(
        '--duplicate-distance',
        type=int,
        default=DEFAULT_DISTANCE,
        metavar='BITS',
        help='images whose 256-bit hashes differ in at most this many bits are near-duplicates '
        '(default: %(default)s)',
    )
    add_cfg_options(parser, 'train_dataloader.dataset.ann_file=annotations/mine.json')
    args = parser.parse_args()
    if args.workers is not None and args.workers < 1:
        parser.error('--workers must be at least 1')
    return args


def main() -> None:
    args = parse_args()
    require_config(args.config)

    from isic_mmdet.datasets.full_check import check_data
    from isic_mmdet.engine.config.load import load_config
    from isic_mmdet.engine.config.splits import config_splits
    from isic_mmdet.utils.system import available_cores

    splits = config_splits(load_config(args.config, args.cfg_options, args.data_root))
    found = check_data(splits, args.workers or available_cores(), args.duplicate_distance)
    counts = ', '.join(f'{count} {name}' for name, count in found.images.items())
    print(f'images: {counts}')
    for noun, lines in (('errors', found.errors), ('notes', found.notes)):
        print(f'{noun}: {len(lines) or "none"}')
        for line in lines[:_SHOWN]:
            print(f'  - {line}')
        if len(lines) > _SHOWN:
            print(f'  - ... and {len(lines) - _SHOWN} more')
    if found.errors:
        sys.exit(1)


if __name__ == '__main__':
    run(main)
