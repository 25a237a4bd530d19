"""What a preparation did: `prepare_report.json` and the table on the screen."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from isic_mmdet.isic.labels import Label, category_of
from isic_mmdet.isic.layouts import PairError
from isic_mmdet.isic.names import CATEGORIES
from isic_mmdet.isic.prepare.pairs import Record

_SHOWN_FAULTS = 20


def split_summary(
    records: Sequence[Record], labels: dict[str, Label], classes: str
) -> dict[str, Any]:
    """Return counts, sizes and lesion shares of one split.

    Args:
        records: the samples of the split, at least one.
        labels: ISIC id to what is known besides the lesion.
        classes: `lesion` or `diagnosis`.

    Returns:
        `images`, `flip_copies` (how many of these are copies), `classes`, `diagnoses` (where
        known), `official_size` and `prepared_size` (`[width, height]` of the smallest, the median
        and the largest image by area), `lesion_share` (the same three, of the official area),
        `touching_border`, `gray_masks`.
    """
    names = CATEGORIES[classes]
    known = [labels.get(record.official_id, {}) for record in records]
    found = Counter(names[category_of(classes, label) - 1] for label in known)
    diagnoses = Counter(label.get('diagnosis', 'unknown') for label in known)
    shares = sorted(record.share for record in records)
    official = [(r.original_width, r.original_height) for r in records]
    return {
        'images': len(records),
        'flip_copies': sum(bool(record.copy_of) for record in records),
        'classes': {name: found[name] for name in names},
        'diagnoses': dict(sorted(diagnoses.items())),
        'official_size': _spread_of_sizes(official),
        'prepared_size': _spread_of_sizes([(r.width, r.height) for r in records]),
        'lesion_share': dict(zip(_SPREAD, _spread(shares), strict=True)),
        'touching_border': sum(record.touches_border for record in records),
        'gray_masks': sum(record.grays > 0 for record in records),
    }


def errors_summary(errors: Sequence[PairError]) -> dict[str, Any]:
    """Return how many errors of each kind there are, and all of them, in id order."""
    return {
        'counts': dict(sorted(Counter(problem.kind for problem in errors).items())),
        'list': [problem.as_dict() for problem in sorted(errors)],
    }


_SPREAD = ('min', 'median', 'max')


def _spread(ordered: list[Any]) -> list[Any]:
    return [ordered[0], ordered[(len(ordered) - 1) // 2], ordered[-1]]


def _spread_of_sizes(sizes: list[tuple[int, int]]) -> dict[str, list[int]]:
    chosen = _spread(sorted(sizes, key=lambda size: (size[0] * size[1], size)))
    return {name: list(size) for name, size in zip(_SPREAD, chosen, strict=True)}


def format_report(report: dict[str, Any]) -> str:
    """Return the report of `prepare` as a text to read."""
    options = report['options']
    lines = [
        f'ISIC {report["year"]} prepared in {report["out"]}: split {options["split"]},'
        f' resize {options["resize"]}, classes {options["classes"]},'
        f' lesion from gray {options["foreground"]}',
        '',
        *_table(report['splits'], report['official_counts']),
        '',
    ]
    lines += [f'note: {note}' for note in report['notes']]
    errors, duplicates = report['errors'], report['near_duplicates']
    lines.append(
        f'split overlaps: no id is in two splits; {len(duplicates["pairs"])} pairs of'
        f' near-duplicates ({duplicates["distance"]} of 256 bits or less),'
        f' {len(duplicates["left_out"])} images skipped so that none straddles two splits'
    )
    lines += [f'  - {PairError(**entry)}' for entry in _shown(duplicates['left_out'])]
    if errors['list']:
        left_out = sum(problem['left_out'] for problem in errors['list'])
        lines.append(f'errors: {len(errors["list"])}, {left_out} of them pairs skipped')
        lines += [f'  {kind}: {count}' for kind, count in errors['counts'].items()]
        lines += [f'  - {PairError(**entry)}' for entry in _shown(errors['list'])]
        if len(errors['list']) > _SHOWN_FAULTS:
            lines.append(f'  all of them: {report["out"]}/prepare_report.json')
    else:
        lines.append('errors: none')
    return '\n'.join(lines)


def _shown(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return entries[:_SHOWN_FAULTS]


def _table(splits: dict[str, dict[str, Any]], official: dict[str, int]) -> list[str]:
    rows: list[list[str]] = [['', *splits]]

    def add(title: str, cells: list[str]) -> None:
        rows.append([title, *cells])

    summaries = list(splits.values())
    add('images', [str(summary['images']) for summary in summaries])
    if any(summary['flip_copies'] for summary in summaries):
        add('  of them flip copies', [str(summary['flip_copies']) for summary in summaries])
    if official:
        add('published', [str(official.get(split, '-')) for split in splits])
    for key, title in (('classes', ''), ('diagnoses', 'diagnosis ')):
        names = sorted({name for summary in summaries for name in summary[key]})
        for name in names if names not in (['lesion'], ['unknown']) else ():
            add(title + name, [str(summary[key].get(name, 0)) for summary in summaries])
    for key, title in (('official_size', 'official size'), ('prepared_size', 'prepared size')):
        for name in _SPREAD:
            add(f'{title}, {name}', [_size(summary[key][name]) for summary in summaries])
    for name in _SPREAD:
        cells = [f'{100 * summary["lesion_share"][name]:.1f} %' for summary in summaries]
        add(f'lesion share, {name}', cells)
    add('touching the border', [str(summary['touching_border']) for summary in summaries])
    add('gray masks', [str(summary['gray_masks']) for summary in summaries])

    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        '  '.join(
            cell.rjust(width) if number else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _size(size: list[int]) -> str:
    width, height = size
    return f'{width} x {height} ({width * height / 1e6:.2f} MP)'
