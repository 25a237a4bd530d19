#!/usr/bin/env python
"""Look at a data set: its resolutions, its masks, and what augmentation makes of it."""

import argparse

from isic_mmdet.cli import make_parser, run
from isic_mmdet.engine.config.option_text import add_cfg_options
from isic_mmdet.engine.config.paths import require_config


def parse_args() -> argparse.Namespace:
    parser = make_parser(
        'Draw a histogram of the official resolutions (resolution.png), images with their true\n'
        'outlines (masks.png), and what the training pipeline makes of them (augmented.png).',
        'python tools/browse_dataset.py configs/isic2018_maskrcnn.py --out browse --augmented',
    )
    parser.add_argument('config', help='Python config, see configs/')
    parser.add_argument('--out', required=True, help='folder for the images')
    parser.add_argument('--data-root', help="prepared data set, instead of the config's own")
    parser.add_argument(
        '--split',
        choices=['train', 'val', 'test'],
        help='default: training images, and the resolutions of all splits',
    )
    parser.add_argument(
        '--number', type=int, default=12, help='images on a sheet (default: %(default)s)'
    )
    parser.add_argument(
        '--seed',
        type=int,
        default=0,
        help='of the choice of images and of the augmentation (default: %(default)s)',
    )
    parser.add_argument(
        '--augmented',
        action='store_true',
        help='also draw training images next to what the training pipeline makes of them',
    )
    add_cfg_options(parser, 'train_dataloader.dataset.ann_file=annotations/val.json')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    require_config(args.config)

    from isic_mmdet.engine.config.load import load_config
    from isic_mmdet.engine.config.refused_options import refused_in_browsing
    from isic_mmdet.report.browse import browse

    refused = refused_in_browsing(args.split, args.augmented)
    cfg = load_config(args.config, args.cfg_options, args.data_root, refused)
    for path in browse(cfg, args.out, args.split, args.number, args.seed, args.augmented):
        print(path)


if __name__ == '__main__':
    run(main)
