"""A benchmark started by itself, as a module."""

import sys
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from isic_mmdet import cli


def main(name: str, text: str, run: Callable[[Path, bool], dict[str, Any]]) -> None:
    """Measure, print a table, and write what `python -m benchmarks` writes.

    Args:
        name: of the benchmark, also of its module.
        text: what the help says.
        run: see `benchmarks`.
    """
    parser = cli.make_parser(text, f'python -m benchmarks.{name} --out {name}.json')
    parser.add_argument('--out', type=Path, required=True, help='JSON file to be written')
    parser.add_argument('--quick', action='store_true', help='small and once, to see that it runs')
    args = parser.parse_args()

    from benchmarks.rows import unjudged
    from benchmarks.table import performance_table
    from isic_mmdet.engine.provenance import hardware_here, versions
    from isic_mmdet.utils.files import write_json

    content = {
        'benchmark': name,
        'command': ' '.join(['python -m', f'benchmarks.{name}', *sys.argv[1:]]),
        'hardware': hardware_here(),
        'date': datetime.now(timezone.utc).isoformat(timespec='seconds'),
        'versions': versions(),
        **run(args.out.parent, args.quick),
    }
    content = unjudged(content) if args.quick else content
    write_json(args.out, content, indent=1)
    print(performance_table([content]))
