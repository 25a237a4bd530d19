#!/usr/bin/env python
"""Segment the lesions of images: a mask for each image, a table, overlays, a submission."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from isic_mmdet.cli import make_parser, positive_int, run
from isic_mmdet.engine.config.paths import require_checkpoint, require_config
from isic_mmdet.utils.files import require_writable


def parse_args() -> argparse.Namespace:
    parser = make_parser(
        'Segment the lesions of images, with the model of the project or another one.\n'
        'For each image the output folder gets a mask in the size and orientation of the stored\n'
        'image (<name>_segmentation.png, 0 and 255), and a row in predictions.csv: class, score\n'
        'in [0, 1], area of the lesion in pixels and as a share of the image, box in pixels, the\n'
        'expected IoU of the mask, whether a person should check it, and seconds in the model.\n'
        'Files that cannot be read are listed at the end, with exit status 1.\n\n'
        'Exported models need neither torch nor mmdet, only the packages of\n'
        'requirements-runtime.txt.',
        'python tools/predict.py photo.jpg --out masks\n'
        '  python tools/predict.py photos --out masks --overlay --crops 0.2 --probabilities\n'
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
        '--model',
        metavar='FILE.onnx',
        help='model of tools/export_onnx.py; runs on the CPU (default: models/lesion_lite.onnx)',
    )
    parser.add_argument('--config', help='instead of --model: Python config of a checkpoint')
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
        metavar='N',
        help='threads that read images and write masks, on a GPU processes (default: 4 threads, or '
        'a process for each core)',
    )
    parser.add_argument('--device', help='such as cuda:1 or cpu (default: a GPU if there is one)')
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch'],
        default='none',
        help='what starts the processes (default: %(default)s)',
    )
    parser.add_argument('--local-rank', type=int, help=argparse.SUPPRESS)
    _add_outputs(parser)
    args = parser.parse_args()
    _check(parser, args)
    return args


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    """Add the options for what is written about a lesion."""
    parser.add_argument(
        '--probabilities',
        type=int,
        choices=[8, 16],
        nargs='?',
        const=8,
        metavar='8|16',
        help='also write probability maps as PNG of 8 (without a number) or 16 bits, in '
        'OUT/probabilities; the highest value is probability 1',
    )
    parser.add_argument(
        '--threshold',
        type=_number(lambda value: 0 < value < 1, 'not between 0 and 1'),
        metavar='T',
        help='a pixel belongs to the lesion if its probability is above this (default: that of '
        'the model, 0.5); expected_iou and check stay empty for another one',
    )
    parser.add_argument(
        '--largest-region',
        action='store_true',
        help='keep only the largest connected region of every lesion',
    )
    parser.add_argument(
        '--crops',
        type=_number(lambda value: 0 <= value <= 10, 'not from 0 to 10'),
        metavar='MARGIN',
        help='also cut the lesion out of every image, in OUT/crops: its box, larger on each side '
        'by this share of the box, such as 0.2',
    )
    parser.add_argument(
        '--max-lesions',
        type=positive_int,
        default=1,
        metavar='N',
        help='largest number of lesions in an image; a mask shows all of them, and the table '
        'describes the one with the highest score (default: %(default)s; above 1 with '
        '--config and --checkpoint)',
    )
    parser.add_argument(
        '--format',
        choices=['coco', 'labelme'],
        action='append',
        default=[],
        help='also write outlines for annotation tools: OUT/annotations.json for all images, or '
        'OUT/labelme/<name>.json for each; both with --format coco --format labelme',
    )


def _number(is_valid: Callable[[float], bool], problem: str) -> Callable[[str], float]:
    def number(text: str) -> float:
        value = float(text)
        if not is_valid(value):
            raise argparse.ArgumentTypeError(f'{text} is {problem}')
        return value

    return number


def _check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """End with a message if options contradict each other."""
    if (args.config is None) != (args.checkpoint is None):
        parser.error('give --config and --checkpoint together')
    if args.config is not None:
        if args.model is not None:
            parser.error('give --model FILE.onnx, or --config and --checkpoint, not both')
    else:
        checkpoint_only = {
            '--amp': args.amp,
            '--device': args.device,
            '--launcher': args.launcher != 'none',
            '--max-lesions above 1': args.max_lesions > 1,
        }
        if given := [name for name, value in checkpoint_only.items() if value]:
            parser.error(
                f'{", ".join(given)}: an exported model runs on the CPU in one process and finds '
                'one lesion; use --config and --checkpoint, such as '
                'configs/isic2018_maskrcnn_lite.py and models/lesion_lite.pth'
            )
    if args.max_lesions > 1 and args.tta:
        parser.error('--max-lesions above 1 and --tta: the flips of one lesion are averaged')
    if args.max_lesions > 1 and args.submission:
        parser.error('--max-lesions above 1 and --submission: the challenge takes one lesion')


def main() -> None:
    args = parse_args()
    if args.config is not None:
        require_config(args.config)
        require_checkpoint(args.checkpoint)
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank or 0))

    from isic_mmdet.deploy.predict.models import checkpoint_model, onnx_model
    from isic_mmdet.deploy.predict.processes import process_group
    from isic_mmdet.deploy.predict.run import predict
    from isic_mmdet.deploy.predict.settings import FolderSettings
    from isic_mmdet.deploy.shipped_model import NOTICE, shipped_model

    require_writable(args.submission)
    settings = FolderSettings(
        args.out,
        args.overlay,
        args.batch_size,
        args.workers,
        args.probabilities,
        args.threshold,
        args.crops,
        args.largest_region,
        args.max_lesions,
        tuple(sorted(set(args.format))),
    )
    if args.config is not None:
        used = args.checkpoint
        model = checkpoint_model(
            args.config, args.checkpoint, args.tta, args.device, args.amp, args.max_lesions
        )
    else:
        path = shipped_model() if args.model is None else args.model
        used = path if args.model else f'{path.name}, which comes with the project; {NOTICE}'
        model = onnx_model(path, args.tta)
    with process_group(args.launcher) as group:
        written = predict(model, args.input, settings, args.resume, args.submission, group)
    if written:
        print(f'model: {used}\n{written}')


if __name__ == '__main__':
    run(main)
