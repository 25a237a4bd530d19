#!/usr/bin/env python
"""Bring an exported file to whole numbers of 8 bits, if the validation images allow it."""

import argparse
from pathlib import Path

from isic_mmdet.cli import make_parser, run
from isic_mmdet.utils.files import require_writable


def parse_args() -> argparse.Namespace:
    parser = make_parser(
        'Write an exported file anew with weights and activations of 8 bits: a quarter of the\n'
        'size, about half of the time. The ranges are those of training images.\n\n'
        'Before the file gets its name both are scored on the validation split. If the IoU falls\n'
        'by 0.005 or more, nothing is written, and the exit status is 1.',
        'python tools/quantize_onnx.py model.onnx configs/isic2018_maskrcnn.py \\\n'
        '    --out model_int8.onnx',
    )
    parser.add_argument('model', type=Path, help='file of tools/export_onnx.py')
    parser.add_argument('config', help='config that it was exported from')
    parser.add_argument('--out', type=Path, required=True, metavar='FILE.onnx')
    parser.add_argument('--data-root', metavar='DIR', help='take another prepared data set')
    return parser.parse_args()


def main() -> None:
    args = parse_args()

    from isic_mmdet.deploy.export.quantize import quantize

    require_writable(args.out)
    print(quantize(args.model, args.config, args.data_root, args.out))


if __name__ == '__main__':
    run(main)
