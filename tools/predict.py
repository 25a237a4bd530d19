#!/usr/bin/env python
"""Segment the lesions of images: a mask for each, a table, pictures, the challenge's submission."""

import argparse
import os
from pathlib import Path

from isic_mmdet.cli import make_parser, run
from isic_mmdet.utils.files import require_writable


def parse_args() -> argparse.Namespace:
    parser = make_parser(
        'Segment the lesions of images. For each image the folder gets a mask of the size and\n'
        'orientation it is stored in (<name>_segmentation.png, 0 and 255), and predictions.csv\n'
        'a row: class, score in [0, 1], area of the lesion in pixels and as a share of the\n'
        'image, box in pixels, and seconds in the model. Files that cannot be read are listed\n'
        'at the end, with exit status 1.\n\n'
        'With --onnx, a file of tools/export_onnx.py takes the place of config and checkpoint,\n'
        'and neither torch nor mmdet is needed, only what requirements-runtime.txt lists.',
        'python tools/predict.py configs/isic2018_maskrcnn.py \\\n'
        '    work_dirs/isic2018_maskrcnn/best_lesion_iou_epoch_20.pth photos --out masks\n'
        '  python tools/predict.py --onnx model.onnx photos --out masks\n'
        '\non 4 GPUs:\n'
        '  torchrun --standalone --nproc-per-node 4 tools/predict.py ... --launcher pytorch',
    )
    parser.usage = (
        '%(prog)s CONFIG CHECKPOINT INPUT [INPUT ...] --out OUT [options]\n'
        '       %(prog)s --onnx FILE.onnx INPUT [INPUT ...] --out OUT [options]'
    )
    parser.add_argument(
        'arguments',
        nargs='+',
        metavar='CONFIG CHECKPOINT INPUT',
        help='Python config that the model was trained with; a .pth file that tools/train.py '
        'wrote; and images, folders with their subfolders, zips, globs, or .txt files that list '
        'images',
    )
    parser.add_argument(
        '--onnx',
        metavar='FILE.onnx',
        help='predict with this exported model, on the CPU; all ARGUMENTS are inputs',
    )
    parser.add_argument('--out', type=Path, required=True, help='folder for what is written')
    parser.add_argument(
        '--overlay', action='store_true', help='draw the outline on every image, in OUT/overlays'
    )
    parser.add_argument(
        '--resume', action='store_true', help='go on in OUT; what is done there stays'
    )
    parser.add_argument(
        '--submission',
        metavar='FILE.zip',
        help='also write all masks as the ISIC challenge takes them, one region without holes each',
    )
    parser.add_argument(
        '--tta', action='store_true', help='average the masks over the flips of the image'
    )
    parser.add_argument(
        '--amp',
        action='store_true',
        help='compute in bfloat16: twice as fast where the processor knows it',
    )
    parser.add_argument(
        '--batch-size',
        type=_positive,
        default=4,
        metavar='N',
        help='images that go through the model together (default: %(default)s)',
    )
    parser.add_argument(
        '--workers',
        type=_positive,
        default=4,
        metavar='N',
        help='threads that decode images, and that write masks (default: %(default)s)',
    )
    parser.add_argument('--device', help='such as cuda:1 or cpu (default: a GPU if there is one)')
    parser.add_argument(
        '--launcher', choices=['none', 'pytorch'], default='none', help='who starts the processes'
    )
    parser.add_argument('--local-rank', type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.onnx is None:
        if len(args.arguments) < 3:
            parser.error('CONFIG, CHECKPOINT and at least one INPUT are required')
        args.config, args.checkpoint, *args.input = args.arguments
    else:
        if args.tta or args.amp or args.device or args.launcher != 'none':
            parser.error('--tta, --amp, --device and --launcher need a checkpoint; leave them out')
        args.input = args.arguments
    return args


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f'{number} is less than 1')
    return number


def main() -> None:
    args = parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank or 0))

    from isic_mmdet.deploy.predict.folder import FolderSettings
    from isic_mmdet.deploy.predict.run import ModelChoice, OnnxChoice, predict

    if args.onnx is None:
        from isic_mmdet.deploy.predict.processes import process_group

    require_writable(args.submission)
    settings = FolderSettings(args.out, args.overlay, args.batch_size, args.workers)
    if args.onnx is not None:
        written = predict(OnnxChoice(args.onnx), args.input, settings, args.resume, args.submission)
    else:
        model = ModelChoice(args.config, args.checkpoint, args.tta, args.device, args.amp)
        with process_group(args.launcher) as group:
            written = predict(model, args.input, settings, args.resume, args.submission, group)
    if written:
        print(written)


if __name__ == '__main__':
    run(main)
