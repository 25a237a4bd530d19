#!/usr/bin/env python
"""Make the files of a model to ship: an 8-bit ONNX file, a small checkpoint, their checksums."""

import argparse
from pathlib import Path

from isic_mmdet.cli import make_parser, run


def parse_args() -> argparse.Namespace:
    parser = make_parser(
        'Make the files of a model to ship: NAME.onnx in 8 bits to predict with, NAME.pth in half\n'
        'precision to fine-tune, and checksums.txt.\n\n'
        'Nothing is written unless both files predict as the checkpoint: half precision with a\n'
        'mask IoU of 0.999 on average and 0.99 at worst, 8 bits with less than 0.005 of the\n'
        'validation IoU lost.',
        'python tools/release_model.py configs/isic2018_maskrcnn_lite.py \\\n'
        '    work_dirs/isic2018_maskrcnn_lite/best_lesion_iou_epoch_24.pth --name lesion_lite',
    )
    parser.add_argument('config', help='config that the model was trained with')
    parser.add_argument('checkpoint', help='a .pth file of tools/train.py')
    parser.add_argument('--name', required=True, help='name of the two files, without ending')
    parser.add_argument(
        '--out', type=Path, default=Path('models'), metavar='DIR', help='(default: %(default)s)'
    )
    parser.add_argument('--data-root', metavar='DIR', help='use another prepared data set')
    parser.add_argument('--replace', action='store_true', help='replace files of the same name')
    return parser.parse_args()


def main() -> None:
    args = parse_args()

    from isic_mmdet.deploy.export.release import release

    print(release(**vars(args)))


if __name__ == '__main__':
    run(main)
