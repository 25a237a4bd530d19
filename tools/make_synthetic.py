#!/usr/bin/env python
"""Write the embedded synthetic data set in the layout of the ISIC 2017 challenge."""

import argparse
import os
import time

from isic_mmdet.cli import make_parser, run


def parse_args() -> argparse.Namespace:
    parser = make_parser(
        'Draw dermoscopy-like images with exact masks and write them with the file names and\n'
        'folders of the ISIC 2017 challenge (2/3 training, 1/6 validation, 1/6 test; 30 % are\n'
        'melanoma-like). A folder that was made with the same options is reused.',
        'python tools/make_synthetic.py --out data/synthetic_isic2017 --images 240 --seed 0',
    )
    parser.add_argument('--out', required=True, help='folder to write to, new or made by this tool')
    parser.add_argument('--images', type=int, default=240, help='number of images (240)')
    parser.add_argument('--seed', type=int, default=0, help='which data set to draw (0)')
    parser.add_argument('--size', type=int, default=256, help='shorter side in pixels (256)')
    parser.add_argument(
        '--workers', type=int, default=os.cpu_count() or 1, help='processes (one per core)'
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()

    from isic_mmdet.synthetic import write_dataset

    start = time.perf_counter()
    drawn = write_dataset(args.out, args.images, args.seed, args.size, args.workers)
    if drawn:
        seconds = time.perf_counter() - start
        kept = f', kept {args.images - drawn}' if drawn < args.images else ''
        print(f'{args.out}: drew {drawn} images{kept} in {seconds:.1f} s')
    else:
        print(f'{args.out}: all {args.images} images are there already, nothing to draw')


if __name__ == '__main__':
    run(main)
