#!/usr/bin/env python
"""Open a local page that outlines the lesions of images dropped on it."""

import argparse
import webbrowser
from pathlib import Path

from isic_mmdet.cli import make_parser, run
from isic_mmdet.utils.cores import available_cores
from isic_mmdet.utils.environment import has_screen


def parse_args() -> argparse.Namespace:
    from isic_mmdet.serve.settings import Settings

    parser = make_parser(
        'Open a page in the browser that outlines the lesions of images dropped on it, measures\n'
        'them, compares them with truth masks, and gives masks, pictures and a table to download.\n'
        'Images are sent to this program alone, which keeps and writes none. Ctrl-C ends it.',
        'python tools/serve.py model.onnx',
    )
    parser.add_argument('model', type=Path, help='an .onnx file that tools/export_onnx.py wrote')
    parser.add_argument(
        '--host',
        default=Settings.host,
        help='name or address to listen on; 0.0.0.0 lets in the whole network, and there is no '
        'password (default: %(default)s, this computer alone)',
    )
    parser.add_argument(
        '--port',
        type=_port,
        default=Settings.port,
        help='to listen on; 0 takes a free one (default: %(default)s)',
    )
    parser.add_argument(
        '--threads',
        type=_positive,
        default=available_cores(),
        metavar='N',
        help='of the model (default: as many as cores, here %(default)s)',
    )
    parser.add_argument(
        '--max-mb',
        type=_positive,
        default=Settings.max_bytes // 2**20,
        metavar='N',
        help='size of the largest file that is taken (default: %(default)s)',
    )
    parser.add_argument(
        '--max-megapixels',
        type=_positive,
        default=Settings.max_pixels // 10**6,
        metavar='N',
        help='size of the largest image that is taken (default: %(default)s)',
    )
    parser.add_argument(
        '--max-waiting',
        type=_positive,
        default=Settings.max_waiting,
        metavar='N',
        help='requests that may wait at the same time; further ones are asked to come again '
        '(default: %(default)s)',
    )
    parser.add_argument(
        '--no-browser', action='store_true', help='only say where the page is, open no browser'
    )
    return parser.parse_args()


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f'{number} is less than 1')
    return number


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f'{number} is not in 0 to 65535')
    return number


def main() -> None:
    args = parse_args()

    from isic_mmdet.deploy.onnx_segmenter import OnnxSegmenter
    from isic_mmdet.serve import LesionServer, Settings
    from isic_mmdet.serve.hosts import is_loopback

    settings = Settings(
        host=args.host,
        port=args.port,
        max_bytes=args.max_mb * 2**20,
        max_pixels=args.max_megapixels * 10**6,
        max_waiting=args.max_waiting,
        model=args.model.name,
    )
    net = OnnxSegmenter(args.model, threads=args.threads)
    try:
        with LesionServer(net, settings) as server:
            if not is_loopback(str(server.server_address[0])):
                print("the whole network can reach it, by this computer's address; no password")
            print(f'{args.model.name} is served at {server.url} (Ctrl-C ends it)', flush=True)
            if not args.no_browser and has_screen():
                webbrowser.open(server.url)
            server.serve_forever()
    except KeyboardInterrupt:
        print('stopped')


if __name__ == '__main__':
    run(main)
