"""The table of `docs/performance.md`, made from the files of `benchmarks/results`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isic_mmdet.report.markers import replace_between

BEGIN = '<!-- performance:begin -->'
END = '<!-- performance:end -->'
_COLUMNS = ('what', 'ours', 'beside', 'its', 'ratio', 'goal', 'reached')


def update_performance(page: Path, results: Sequence[Path]) -> None:
    """Write the table of some result files into a page.

    Args:
        page: Markdown with the two markers.
        results: JSON files of `tools/benchmark.py`.

    Raises:
        InputError: the page has no such markers.
    """
    contents = [json.loads(path.read_text(encoding='utf-8')) for path in results]
    replace_between(page, BEGIN, END, performance_table(contents))


def performance_table(contents: Sequence[Mapping[str, Any]]) -> str:
    """Return one table a benchmark, under the command, the machine and the date."""
    return '\n\n'.join(_one_table(content) for content in contents)


def _one_table(content: Mapping[str, Any]) -> str:
    lines = [
        f'`{content["command"]}`, {content["hardware"]}, {content["date"][:10]}',
        '',
        '| ' + ' | '.join(_COLUMNS) + ' |',
        '| ' + ' | '.join(['---'] * len(_COLUMNS)) + ' |',
    ]
    for entry in content['rows']:
        reached = {True: 'yes', False: '**no**', None: ''}[entry.get('reached')]
        cells = (
            entry['what'],
            _quantity(entry, 'ours'),
            entry.get('peer', ''),
            _quantity(entry, 'peer'),
            f'{entry["ratio"]:.2f}' if entry.get('ratio') is not None else '',
            entry.get('goal', ''),
            reached,
        )
        lines.append('| ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines)


def _quantity(entry: Mapping[str, Any], of: str) -> str:
    """Return `<of>_s` in seconds or milliseconds, else `<of>_mb` or `<of>_per_s`."""
    seconds = entry.get(f'{of}_s')
    if seconds is not None:
        return f'{seconds:.2f} s' if seconds >= 1 else f'{seconds * 1000:.1f} ms'
    for unit, shown in (('mb', 'MB'), ('per_s', '/s')):
        if entry.get(f'{of}_{unit}') is not None:
            return f'{entry[f"{of}_{unit}"]:.0f} {shown}'
    return 'not finished' if of == 'peer' and entry.get('peer') else ''
