#!/usr/bin/env python
"""Draw a test, or the last validation of a run, from its files: one HTML page, and the plots."""

import argparse
from pathlib import Path

from isic_mmdet.cli import make_parser, run


def parse_args() -> argparse.Namespace:
    parser = make_parser(
        'Write one HTML page that opens anywhere, offline: scores with their intervals, plots,\n'
        'and a gallery of every image with its true and predicted outlines. It is made from\n'
        'metrics.json, per_image.csv, detections.json and scalars.json; no model is needed.\n'
        'The PNGs in WORK_DIR/plots are drawn again from the same files.',
        'python tools/report.py work_dirs/isic2018_maskrcnn/test',
    )
    parser.add_argument(
        'work_dir', help='folder of a test, or of a run for the report of its last validation'
    )
    parser.add_argument(
        '--out', help='page to write instead of WORK_DIR/report.html; WORK_DIR is left as it is'
    )
    parser.add_argument(
        '--data-root', help='prepared data set that was evaluated (default: data/<its name>)'
    )
    parser.add_argument(
        '--detections',
        help='what tools/test.py --out wrote (default: WORK_DIR/detections.json, if it is there)',
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()

    from isic_mmdet.report.page.page import write_report
    from isic_mmdet.report.run_plots import draw_evaluation, draw_training

    out = Path(args.out or Path(args.work_dir, 'report.html'))
    for note in write_report(args.work_dir, out, args.data_root, args.detections):
        print(f'note: {note}')
    print(f'report: {out} ({out.stat().st_size / 1e6:.1f} MB)')
    if not args.out:
        for path in (*draw_evaluation(args.work_dir), *draw_training(args.work_dir)):
            print(f'plot: {path}')


if __name__ == '__main__':
    run(main)
