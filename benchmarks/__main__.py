#!/usr/bin/env python
"""Measure speed and memory of this project and of its baselines; write result files."""

import argparse
import importlib
from datetime import datetime, timezone
from pathlib import Path

from isic_mmdet.cli import make_parser, run
from isic_mmdet.errors import InputError
from isic_mmdet.utils import failures

# The module of each benchmark. Each brings its own data and alternates with its baselines.
BENCHMARKS = {
    'train': 'training',
    'infer': 'inference',
    'large-image': 'large_image',
    'prepare': 'prepare',
    'pipeline': 'pipeline',
    'score': 'scoring',
    'start': 'startup',
    'threads': 'waiting_threads',
}
ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / 'benchmarks' / 'results'


def parse_args() -> argparse.Namespace:
    parser = make_parser(
        f'{__doc__}\n\n'
        'Ours and the baselines (stock mmdet, torchvision, the official scorer, plain loops)\n'
        'alternate, and medians are compared. Let nothing else run on the machine.\n'
        'Everything takes about 40 minutes on two CPU cores; with a GPU, train and infer measure\n'
        'the GPU instead. tools/docs_tables.py makes the tables of the docs from the results.',
        'python -m benchmarks train infer',
    )
    parser.add_argument(
        'names',
        nargs='*',
        metavar='NAME',
        help=f'any of {", ".join(BENCHMARKS)} (default: all)',
    )
    parser.add_argument(
        '--out',
        type=Path,
        help='folder for one JSON file each; on a GPU, for its folder gpu '
        '(default: benchmarks/results; with --quick nothing is written)',
    )
    parser.add_argument(
        '--quick',
        action='store_true',
        help='small and once, to see that it runs; the numbers mean nothing, are compared with no '
        'goal, and are written only to a given --out',
    )
    args = parser.parse_args()
    unknown = [name for name in args.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f'no such benchmark: {", ".join(unknown)}; there are {", ".join(BENCHMARKS)}')
    return args


def main() -> None:
    args = parse_args()

    import torch

    out = None if args.quick else RESULTS
    if args.out or out:
        out = (args.out or out) / ('gpu' if torch.cuda.is_available() else '')
    failed = []
    for name in args.names or BENCHMARKS:
        try:
            measure(name, out, args.quick)
        except Exception as error:
            # The others do not depend on it, and may have taken half an hour.
            failed.append(name)
            print(f'{name}: {failures.explanation(error) or failures.report(error)}\n', flush=True)
    if not args.quick:
        _draw_growth(args.out or RESULTS)
    if failed:
        raise InputError(f'not measured: {", ".join(failed)}; the reasons are above')


def measure(name: str, out: Path | None, quick: bool) -> None:
    from benchmarks.rows import unjudged
    from benchmarks.table import performance_table
    from isic_mmdet.engine.provenance import command, hardware_here, versions
    from isic_mmdet.utils.files import write_json

    module = importlib.import_module(f'benchmarks.{BENCHMARKS[name]}')
    content = {
        'benchmark': name,
        'command': command(),
        'hardware': hardware_here(),
        'date': datetime.now(timezone.utc).isoformat(timespec='seconds'),
        'versions': versions(),
        **module.run(out or Path(), quick),
    }
    content = unjudged(content) if quick else content
    if out is not None:
        write_json(out / f'{name}.json', content, indent=1)
    print(performance_table([content]), flush=True)


def _draw_growth(results: Path) -> None:
    from benchmarks import plots

    if all((results / f'{name}.json').is_file() for name in plots.NEEDED):
        plots.draw_growth(results, ROOT / 'docs' / 'images' / 'growth.png')


if __name__ == '__main__':
    run(main)
