#!/usr/bin/env python
"""Write a model as an ONNX file, which runs without torch and mmdet, and check it."""

import argparse
from pathlib import Path

from isic_mmdet.cli import make_parser, positive_int, run
from isic_mmdet.engine.config.paths import require_checkpoint, require_config
from isic_mmdet.utils.files import require_writable


def parse_args() -> argparse.Namespace:
    parser = make_parser(
        'Write a model as an ONNX file. tools/predict.py --model, tools/serve.py --model and\n'
        'isic_mmdet.deploy run it without torch and mmdet.\n\n'
        'The file is written only if ONNX Runtime and PyTorch agree on real images: mask IoU\n'
        '0.999 on average and 0.99 at worst, scores within 0.001. Otherwise the exit status is 1.',
        'python tools/export_onnx.py configs/isic2018_maskrcnn.py \\\n'
        '    work_dirs/isic2018_maskrcnn/best_lesion_iou_epoch_20.pth --out model.onnx',
    )
    parser.add_argument('config', help='Python config that the model was trained with')
    parser.add_argument('checkpoint', help='a .pth file of tools/train.py')
    parser.add_argument('--out', type=Path, required=True, metavar='FILE.onnx')
    parser.add_argument(
        '--half',
        action='store_true',
        help='store the weights in float16: half the size; computation stays in float32',
    )
    parser.add_argument(
        '--batch',
        type=_batch,
        default='dynamic',
        metavar='N|dynamic',
        help='images that the model takes at once (default: %(default)s, any number)',
    )
    parser.add_argument(
        '--input-size',
        type=positive_int,
        metavar='S',
        help="fit images into S x S pixels (default: the size in the config's test pipeline)",
    )
    parser.add_argument(
        '--check-images',
        metavar='DIR',
        help='folder of real images for the check (default: images of the validation split)',
    )
    parser.add_argument('--data-root', metavar='DIR', help='use another prepared data set')
    return parser.parse_args()


def _batch(text: str) -> int | None:
    return None if text == 'dynamic' else positive_int(text)


def main() -> None:
    args = parse_args()
    require_config(args.config)
    require_checkpoint(args.checkpoint)

    from isic_mmdet.deploy.export.run import ExportSettings, export

    require_writable(args.out)
    settings = ExportSettings(
        args.half, args.batch, args.input_size, args.check_images, args.data_root
    )
    print(export(args.config, args.checkpoint, args.out, settings))


if __name__ == '__main__':
    run(main)
