#!/usr/bin/env python
"""Segment the lesions of images: a mask for each image, a table, overlays, a submission."""

import argparse
import os
from pathlib import Path

from isic_mmdet.cli import make_parser, positive_int, run
from isic_mmdet.utils.files import require_writable


def parse_args() -> argparse.Namespace:
    parser = make_parser(
        'Segment the lesions of images. For each image the output folder gets a mask in the size\n'
        'and orientation of the stored image (<name>_segmentation.png, 0 and 255), and a row in\n'
        'predictions.csv: class, score in [0, 1], area of the lesion in pixels and as a share of\n'
        'the image, box in pixels, the expected IoU of the mask, whether a person should check\n'
        'it, and seconds in the model. Files that cannot be read are listed at the end, with exit\n'
        'status 1.\n\n'
        'An exported model (--model) needs neither torch nor mmdet, only the packages of\n'
        'requirements-runtime.txt.',
        'python tools/predict.py photos --out masks --model model.onnx\n'
        '  python tools/predict.py photos --out masks --config configs/isic2018_maskrcnn.py \\\n'
        '    --checkpoint work_dirs/isic2018_maskrcnn/best_lesion_iou_epoch_20.pth\n'
        '\non 4 GPUs:\n'
        '  torchrun --standalone --nproc-per-node 4 tools/predict.py ... --launcher pytorch',
    )
    parser.add_argument(
        'input',
        nargs='+',
        metavar='INPUT',
        help='an image, a folder with its subfolders, a zip, a glob, or a .txt file that lists '
        'images',
    )
    parser.add_argument('--out', type=Path, required=True, help='folder for the results')
    parser.add_argument(
        '--model', metavar='FILE.onnx', help='model of tools/export_onnx.py; runs on the CPU'
    )
    parser.add_argument('--config', help='Python config of a checkpoint')
    parser.add_argument('--checkpoint', help='.pth file of tools/train.py')
    parser.add_argument(
        '--overlay', action='store_true', help='draw the outline on every image, in OUT/overlays'
    )
    parser.add_argument(
        '--resume', action='store_true', help='continue in OUT; finished images are kept'
    )
    parser.add_argument(
        '--submission',
        metavar='FILE.zip',
        help='also write all masks as the ISIC challenge takes them: one region without holes each',
    )
    parser.add_argument(
        '--tta', action='store_true', help='average the masks over the flips of the image'
    )
    parser.add_argument(
        '--amp',
        action='store_true',
        help='compute in bfloat16: twice as fast if the processor supports it',
    )
    parser.add_argument(
        '--batch-size',
        type=positive_int,
        default=4,
        metavar='N',
        help='images that go through the model together (default: %(default)s)',
    )
    parser.add_argument(
        '--workers',
        type=positive_int,
        default=4,
        metavar='N',
        help='threads that decode images, and that write masks (default: %(default)s)',
    )
    parser.add_argument('--device', help='such as cuda:1 or cpu (default: a GPU if there is one)')
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch'],
        default='none',
        help='what starts the processes (default: %(default)s)',
    )
    parser.add_argument('--local-rank', type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.model is None:
        if args.config is None or args.checkpoint is None:
            parser.error('give --model FILE.onnx, or --config and --checkpoint')
    elif args.config is not None or args.checkpoint is not None:
        parser.error('give --model FILE.onnx, or --config and --checkpoint, not both')
    elif args.tta or args.amp or args.device or args.launcher != 'none':
        parser.error('--tta, --amp, --device and --launcher need a checkpoint, not --model')
    return args


def main() -> None:
    args = parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank or 0))

    from isic_mmdet.deploy.predict.models import checkpoint_model, onnx_model
    from isic_mmdet.deploy.predict.outputs import FolderSettings
    from isic_mmdet.deploy.predict.processes import process_group
    from isic_mmdet.deploy.predict.run import predict

    require_writable(args.submission)
    settings = FolderSettings(args.out, args.overlay, args.batch_size, args.workers)
    model = (
        checkpoint_model(args.config, args.checkpoint, args.tta, args.device, args.amp)
        if args.model is None
        else onnx_model(args.model)
    )
    with process_group(args.launcher) as group:
        written = predict(model, args.input, settings, args.resume, args.submission, group)
    if written:
        print(written)


if __name__ == '__main__':
    run(main)
