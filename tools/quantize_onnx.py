#!/usr/bin/env python
"""Quantize an exported file to 8 bits, if the validation IoU stays."""

import argparse
from pathlib import Path

from isic_mmdet.cli import make_parser, run
from isic_mmdet.utils.files import require_writable


def parse_args() -> argparse.Namespace:
    parser = make_parser(
        'Write an exported file with weights and activations of 8 bits: a quarter of the size,\n'
        'about half of the time. The ranges are taken from training images.\n\n'
        'Both files are scored on the validation split. If the IoU falls by 0.005 or more,\n'
        'nothing is written, and the exit status is 1.',
        'python tools/quantize_onnx.py model.onnx configs/isic2018_maskrcnn.py \\\n'
        '    --out model_int8.onnx',
    )
    parser.add_argument('model', type=Path, help='file of tools/export_onnx.py')
    parser.add_argument('config', help='config of the model')
    parser.add_argument('--out', type=Path, required=True, metavar='FILE.onnx')
    parser.add_argument('--data-root', metavar='DIR', help='use another prepared data set')
    return parser.parse_args()


def main() -> None:
    args = parse_args()

    from isic_mmdet.deploy.export.quantize import quantize

    require_writable(args.out)
    print(quantize(args.model, args.config, args.data_root, args.out))


if __name__ == '__main__':
    run(main)
