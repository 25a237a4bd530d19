#!/usr/bin/env python
"""Convert torchvision's COCO Mask R-CNN to a checkpoint that mmdet can start from."""

import argparse

from isic_mmdet.cli import make_parser, run


def parse_args() -> argparse.Namespace:
    from isic_mmdet.models.torchvision.weights import WEIGHTS_URL

    parser = make_parser(
        "Convert the weights of torchvision's maskrcnn_resnet50_fpn for mmdet. The COCO weights\n"
        f'that torchvision publishes:\n  {WEIGHTS_URL}',
        'python tools/convert_torchvision_weights.py maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth '
        'checkpoints/maskrcnn_resnet50_fpn_coco_mmdet.pth',
    )
    parser.add_argument('source', metavar='IN', help="torchvision's state dict, a .pth file")
    parser.add_argument(
        'out', metavar='OUT', help='checkpoint to write; an existing one is replaced'
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()

    from isic_mmdet.models.torchvision.weights import convert_file

    classes = convert_file(args.source, args.out)
    print(f'{args.out}: written, {classes} classes besides the background')
    print(
        'For another number of classes, mmengine skips the last layers of the heads and logs it;\n'
        'everything else starts from these weights. Train with them:\n'
        '  python tools/train.py configs/student_projects/student2017.py --cfg-options '
        f'load_from={args.out}'
    )


if __name__ == '__main__':
    run(main)
