#!/usr/bin/env python
"""Write the results table of the README from metrics.json files."""

import argparse

from isic_mmdet.cli import make_parser, run


def parse_args() -> argparse.Namespace:
    from isic_mmdet.report.results_table import BEGIN, END

    parser = make_parser(
        'Make a Markdown table from metrics.json files: one row per recipe, and the commands.',
        'python tools/results_table.py work_dirs/*/test/metrics.json --readme README.md',
    )
    parser.add_argument(
        'metrics',
        nargs='+',
        help='metrics.json files; seeds, folds and --tta of a recipe share a row',
    )
    parser.add_argument(
        '--readme', help=f'put the table there between {BEGIN} and {END}; default: print it'
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()

    from isic_mmdet.evaluation.metrics_file import read_reports
    from isic_mmdet.report.markdown import with_block
    from isic_mmdet.report.results_table import BEGIN, END, results_table
    from isic_mmdet.utils.files import write_atomically

    table = results_table(read_reports(args.metrics))
    if args.readme:
        write_atomically(args.readme, with_block(args.readme, BEGIN, END, table).encode())
    else:
        print(table)


if __name__ == '__main__':
    run(main)
