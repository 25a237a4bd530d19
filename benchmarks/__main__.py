#!/usr/bin/env python
"""Measure speed and memory of this project and of its baselines; write result files."""

import argparse
import importlib
import shlex
import sys
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

from isic_mmdet.cli import make_parser, run
from isic_mmdet.errors import InputError
from isic_mmdet.utils import failures

# Names of modules with `-` for `_`. Each brings its own data and alternates with its baselines.
BENCHMARKS = (
    *('train', 'infer', 'large-image', 'prepare', 'pipeline', 'score', 'start', 'threads'),
    *('onnx', 'serve', 'many-images', 'reading', 'recipe', 'scale', 'zoo'),
)
#: Measured if no name is given.
DEFAULT = BENCHMARKS[:8]


def parse_args() -> argparse.Namespace:
    parser = make_parser(
        f'{__doc__}\n\n'
        'Ours and the baselines (stock mmdet, torchvision, the official scorer, plain loops)\n'
        'alternate, and medians are compared. Let nothing else run on the machine.\n'
        f'Without a name, {", ".join(DEFAULT)} are\n'
        'measured in about 40 minutes on two CPU cores. With a GPU, train and infer measure the\n'
        'GPU instead. tools/docs_tables.py makes the tables of the docs from the results.',
        'python -m benchmarks train infer',
    )
    parser.add_argument('names', nargs='*', metavar='NAME', help=f'any of {", ".join(BENCHMARKS)}')
    parser.add_argument(
        '--out',
        type=Path,
        help='write one JSON file per benchmark into this folder; on a GPU into its folder gpu '
        '(default: benchmarks/results; with --quick nothing is written)',
    )
    parser.add_argument(
        '--quick',
        action='store_true',
        help='one small round, to see that it runs; the numbers mean nothing, are compared with no '
        'goal, and are written only to a given --out',
    )
    files = parser.add_argument_group('own model', 'for onnx or serve; default: random weights')
    files.add_argument('--model', type=Path, help='file of tools/export_onnx.py')
    files.add_argument('--config', type=Path, help='the model was exported from it (onnx)')
    files.add_argument('--checkpoint', type=Path, help='the model was exported from it (onnx)')
    files.add_argument('--images', type=Path, metavar='DIR', help='JPEGs that users send (serve)')
    args = parser.parse_args()
    unknown = [name for name in args.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f'no such benchmark: {", ".join(unknown)}; there are {", ".join(BENCHMARKS)}')
    own = {'onnx': {'model', 'config', 'checkpoint'}, 'serve': {'model', 'images'}}
    known = own.get(args.names[0], set()) if len(args.names) == 1 else set()
    args.files = {
        name: getattr(args, name)
        for name in ('model', 'config', 'checkpoint', 'images')
        if getattr(args, name) is not None
    }
    if not args.files.keys() <= known or (known == own['onnx'] and 0 < len(args.files) < 3):
        parser.error(
            'an own model is measured by "onnx --model M --config C --checkpoint K" or by '
            '"serve --model M [--images DIR]"'
        )
    return args


def main() -> None:
    args = parse_args()

    import torch

    from benchmarks.harness import RESULTS

    out = args.out or (None if args.quick else RESULTS)
    if out is not None and torch.cuda.is_available():
        out = out / 'gpu'
    failed = []
    for name in args.names or DEFAULT:
        try:
            measure(name, out, args.quick, args.files)
        except Exception as error:
            # The others do not depend on it, and may have taken half an hour.
            failed.append(name)
            print(f'{name}: {failures.explanation(error) or failures.report(error)}\n', flush=True)
    if not args.quick:
        _draw_growth(args.out or RESULTS)
    if failed:
        raise InputError(f'not measured: {", ".join(failed)}; the reasons are above')


def measure(name: str, out: Path | None, quick: bool, files: dict[str, Path]) -> None:
    """Run a benchmark, write its result file, and print its table.

    Args:
        name: one of `BENCHMARKS`.
        out: folder of the result file; None writes none.
        quick: see `--help`.
        files: arguments of the benchmark's `run`, for an own model.
    """
    from benchmarks.harness import instructions, without_goals
    from benchmarks.table import performance_table
    from isic_mmdet.engine.provenance import hardware_here, versions
    from isic_mmdet.utils.files import write_json

    module = importlib.import_module(f'benchmarks.{name.replace("-", "_")}')
    content: dict[str, Any] = {
        'benchmark': name,
        'command': shlex.join(['python', '-m', 'benchmarks', *sys.argv[1:]]),
        'hardware': hardware_here() + instructions(),
        'date': datetime.now(timezone.utc).isoformat(timespec='seconds'),
        'versions': {**versions(), 'onnxruntime': version('onnxruntime')},
        **module.run(quick, **files),
    }
    content = without_goals(content) if quick else content
    if out is not None:
        write_json(out / f'{name}.json', content, indent=1)
    print(performance_table([content]), flush=True)


def _draw_growth(results: Path) -> None:
    from benchmarks.harness import ROOT
    from benchmarks.plots import NEEDED, draw_growth

    if all((results / f'{name}.json').is_file() for name in NEEDED):
        draw_growth(results, ROOT / 'docs' / 'images' / 'growth.png')


if __name__ == '__main__':
    run(main)
