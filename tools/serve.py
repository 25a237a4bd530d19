#!/usr/bin/env python
"""Open a local page that outlines the lesions of images dropped on it."""

import argparse
import webbrowser
from collections.abc import Callable
from contextlib import nullcontext
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from isic_mmdet.cli import make_parser, run
from isic_mmdet.utils.environment import has_screen
from isic_mmdet.utils.system import available_cores

if TYPE_CHECKING:
    from isic_mmdet.deploy.segmentation import Segmenter
    from isic_mmdet.serve.corrections import Corrections


def parse_args() -> argparse.Namespace:
    from isic_mmdet.serve import Settings

    parser = make_parser(
        'Open a page in the browser that outlines the lesions of images dropped on it, measures\n'
        'them, compares them with truth masks, and offers masks, images and a table to download.\n'
        'Images are sent to this program only, which stores none without --save. Ctrl-C stops it.',
        'python tools/serve.py',
    )
    parser.add_argument(
        '--model',
        type=Path,
        metavar='FILE',
        help='an .onnx file written by tools/export_onnx.py (default: models/lesion_lite.onnx)',
    )
    parser.add_argument('--config', type=Path, help='instead of --model: config of a training')
    parser.add_argument('--checkpoint', type=Path, help='weights (.pth) that belong to --config')
    parser.add_argument(
        '--host',
        default=Settings.host,
        help='name or address to listen on; 0.0.0.0 opens it to the network, without a password '
        '(default: %(default)s, this computer only)',
    )
    for name, default, limits, text in (
        ('--port', Settings.port, (0, 65535), 'port to listen on; 0 chooses a free one'),
        ('--threads', available_cores(), (1, 1024), 'threads of the model'),
        ('--max-mb', Settings.max_bytes // 2**20, (1, 4096), 'size of the largest file'),
        ('--max-megapixels', Settings.max_pixels // 10**6, (1, 4000), 'size of the largest image'),
        ('--max-waiting', Settings.max_waiting, (1, 4096), 'requests that may wait; others fail'),
    ):
        parser.add_argument(
            name,
            type=_integer(*limits),
            default=default,
            metavar='N',
            help=f'{text} (default: %(default)s)',
        )
    parser.add_argument(
        '--save',
        type=Path,
        metavar='DIR',
        help='folder for the outlines that are accepted or corrected in the page, and their images',
    )
    parser.add_argument('--no-browser', action='store_true', help='do not open a browser')
    args = parser.parse_args()
    if args.model is not None and (args.config is not None or args.checkpoint is not None):
        parser.error('give either --model, or --config and --checkpoint')
    if (args.config is None) != (args.checkpoint is None):
        parser.error('give --config and --checkpoint together')
    return args


def _integer(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        number = int(text)
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f'{number} is not in {least} to {most}')
        return number

    return parse


def load(args: argparse.Namespace) -> 'Segmenter':
    if args.model is not None:
        from isic_mmdet.deploy.onnx_segmenter import OnnxSegmenter

        return OnnxSegmenter(args.model, threads=args.threads)

    import torch

    from isic_mmdet.deploy.segmenter import LesionSegmenter

    torch.set_num_threads(args.threads)
    return LesionSegmenter(args.config, args.checkpoint)


def main() -> None:
    args = parse_args()

    from isic_mmdet.serve.corrections import open_corrections

    with open_corrections(args.save) if args.save else nullcontext() as corrections:
        serve(args, corrections)


def serve(args: argparse.Namespace, corrections: 'Corrections | None') -> None:
    from isic_mmdet.deploy.shipped_model import NOTICE, shipped_model
    from isic_mmdet.evaluation.expected_iou import REMEDY
    from isic_mmdet.serve import LesionServer, Settings

    if args.model is None and args.config is None:
        args.model = shipped_model()
        print(f'{args.model.name} comes with the project; {NOTICE}')
    settings = Settings(
        host=args.host,
        port=args.port,
        max_bytes=args.max_mb * 2**20,
        max_pixels=args.max_megapixels * 10**6,
        max_waiting=args.max_waiting,
        model=(args.model or args.checkpoint).name,
        corrections=corrections,
    )

    def announce(server: LesionServer) -> None:
        if not ip_address(server.address[0]).is_loopback:
            print('every computer of the network can use the page; it has no password')
        if corrections is not None:
            print(f'accepted and corrected outlines are saved in {corrections.folder}')
        print(f'{settings.model} is served at {server.url} (Ctrl-C stops it)', flush=True)
        if not args.no_browser and has_screen():
            webbrowser.open(server.url)

    segmenter = load(args)
    if segmenter.calibration is None:
        print(
            'the page shows no expected IoU, because the model has no calibration; write a '
            f'checkpoint with one, and export it again: {REMEDY}'
        )
    server = LesionServer(segmenter, settings, announce)
    try:
        server.run()
    except KeyboardInterrupt:
        print('stopped')


if __name__ == '__main__':
    run(main)
