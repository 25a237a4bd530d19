"""Markdown tables of the result files of benchmarks."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from isic_mmdet.report.markdown import markdown_table

_COLUMNS = ('what', 'hardware', 'ours', 'baseline', 'baseline value', 'ratio', 'goal', 'met')


def performance_table(contents: Sequence[Mapping[str, Any]]) -> str:
    """Return one table a benchmark, under the command, the machine and the date."""
    return '\n\n'.join(_one_table(content) for content in contents)


def comparison_table(rows: Iterable[tuple[str, Mapping[str, Any]]]) -> str:
    """Return one table of rows of any benchmarks, without the columns that no row fills.

    Args:
        rows: hardware, and an entry of `rows` of a result file.
    """
    cells = [
        (
            entry['what'],
            hardware,
            _quantity(entry, 'ours'),
            entry.get('baseline', ''),
            _quantity(entry, 'baseline'),
            f'{entry["ratio"]:.2f}' if entry.get('ratio') is not None else '',
            entry.get('goal', ''),
            {True: 'yes', False: '**no**', None: ''}[entry.get('met')],
        )
        for hardware, entry in rows
    ]
    filled = [index for index in range(len(_COLUMNS)) if any(row[index] for row in cells)]
    return markdown_table(
        [_COLUMNS[index] for index in filled], [[row[index] for index in filled] for row in cells]
    )


def tables_by_hardware(rows: Iterable[tuple[str, Mapping[str, Any]]]) -> str:
    """Return a table for each run of rows with one hardware, under its name."""
    return '\n\n'.join(
        f'**{hardware}**\n\n{comparison_table(("", entry) for _, entry in same)}'
        for hardware, same in groupby(rows, itemgetter(0))
    )


def profile_table(content: Mapping[str, Any]) -> str:
    """Return a table of the operators that take most of a training step.

    Args:
        content: of `train.json`.
    """
    details = content['details']
    sides = list(details['profile'].items())
    columns = [cell for name, _ in sides for cell in (f'{name}: operator', 'share')]
    rows = [
        [cell for name, share in entries for cell in (f'`{name}`', f'{share:.1%}')]
        for entries in zip(*(shares.items() for _, shares in sides), strict=True)
    ]
    table = markdown_table(columns, rows)
    used = details.get('arithmetic')
    if used is None:  # a machine without bfloat16
        return table
    lines = [
        table,
        '',
        f'One step is {used["operations"] / 1e9:.0f} GFLOP at '
        f'{used["operations_per_s"] / 1e9:.0f} GFLOP/s: {used["share"]:.0%} of the '
        f'{used["bfloat16_operations_per_s"] / 1e9:.0f} GFLOP/s of a product of two large '
        'matrices in bfloat16 on the same device.',
    ]
    return '\n'.join(lines)


def _one_table(content: Mapping[str, Any]) -> str:
    lines = [
        f'`{content["command"]}`, {content["hardware"]}, {content["date"][:10]}',
        '',
        comparison_table(('', entry) for entry in content['rows']),
    ]
    for reason in content.get('skipped', ()):
        lines += ['', f'Not measured: {reason}.']
    return '\n'.join(lines)


def _quantity(entry: Mapping[str, Any], of: str) -> str:
    """Return `<of>_s` in seconds or milliseconds, else `<of>_mb` or `<of>_per_s`."""
    seconds = entry.get(f'{of}_s')
    if seconds is not None:
        return f'{seconds:.2f} s' if seconds >= 1 else f'{seconds * 1000:.1f} ms'
    for unit, shown in (('mb', 'MB'), ('per_s', '/s')):
        if entry.get(f'{of}_{unit}') is not None:
            return f'{entry[f"{of}_{unit}"]:.0f} {shown}'
    return 'not finished' if of == 'baseline' and entry.get('baseline') else ''
