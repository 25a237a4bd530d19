#!/usr/bin/env python
"""Write a model as an ONNX file, which runs without torch and mmdet, and check it."""

import argparse
from pathlib import Path

from isic_mmdet.cli import make_parser, run
from isic_mmdet.utils.files import require_writable


def parse_args() -> argparse.Namespace:
    parser = make_parser(
        'Write a model as an ONNX file, from the image at network size to score, label, box and\n'
        'mask of the lesion. isic_mmdet.deploy, tools/predict.py --model and tools/serve.py use\n'
        'it, without torch and mmdet.\n\n'
        'Before the file gets its name it is checked: in real images, ONNX Runtime has to find\n'
        'what PyTorch finds, masks at an IoU of 0.999 on average and 0.99 at worst, scores to\n'
        '0.001. Else nothing is written, and the exit status is 1.',
        'python tools/export_onnx.py configs/isic2018_maskrcnn.py \\\n'
        '    work_dirs/isic2018_maskrcnn/best_lesion_iou_epoch_20.pth --out model.onnx',
    )
    parser.add_argument('config', help='Python config that the model was trained with')
    parser.add_argument('checkpoint', help='a .pth file that tools/train.py wrote')
    parser.add_argument('--out', type=Path, required=True, metavar='FILE.onnx')
    parser.add_argument(
        '--half',
        action='store_true',
        help='store the weights in float16: half the size, computed in float32 all the same',
    )
    parser.add_argument(
        '--batch',
        type=_batch,
        default='dynamic',
        metavar='N|dynamic',
        help='images that it takes at once (default: %(default)s, any number)',
    )
    parser.add_argument(
        '--input-size',
        type=_positive,
        metavar='S',
        help="fit images into S x S pixels (default: as the config's test pipeline does)",
    )
    parser.add_argument(
        '--check-images',
        metavar='DIR',
        help="folder of real images to check with (default: some of the config's validation split)",
    )
    return parser.parse_args()


def _batch(text: str) -> int | None:
    return None if text == 'dynamic' else _positive(text)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f'{number} is less than 1')
    return number


def main() -> None:
    args = parse_args()

    from isic_mmdet.deploy.export.run import ExportSettings, export

    require_writable(args.out)
    settings = ExportSettings(args.half, args.batch, args.input_size, args.check_images)
    print(export(args.config, args.checkpoint, args.out, settings))


if __name__ == '__main__':
    run(main)
