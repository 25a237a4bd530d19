#!/usr/bin/env python
"""Write the generated tables of README and docs from the committed result files."""

import sys
from pathlib import Path

from isic_mmdet.cli import make_parser, run
from isic_mmdet.errors import InputError
from isic_mmdet.utils.files import write_atomically

# The benchmarks are not installed: they belong to the checkout, as the pages do.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def main() -> None:
    parser = make_parser(
        f'{__doc__}\n\nWith --check nothing is written; the exit status is 1 if a table differs.',
        'python tools/docs_tables.py --check',
    )
    parser.add_argument('--check', action='store_true', help='only report tables that differ')
    args = parser.parse_args()

    from benchmarks.docs_tables import ROOT, stale_blocks

    stale = []
    # One block after the other: a page may have several.
    for block, text in stale_blocks():
        stale.append(f'{block.page}: {block.name}')
        if not args.check:
            write_atomically(ROOT / block.page, text.encode())
    if stale and args.check:
        raise InputError(
            'tables differ from their result files; run python tools/docs_tables.py:', stale
        )
    print('\n'.join(f'written: {name}' for name in stale) or 'all tables are up to date')


if __name__ == '__main__':
    run(main)
