"""Summarizes a preparation for `prepare_report.json` and for the screen."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from isic_mmdet.isic.layouts import PairError
from isic_mmdet.prepare.plan import Plan
from isic_mmdet.prepare.record import Record

_SHOWN_ERRORS = 20


def split_summary(records: Sequence[Record], plan: Plan) -> dict[str, Any]:
    """Return counts, sizes and lesion shares of one split that has samples.

    `classes` counts lesions, `diagnoses` images. Sizes are `[width, height]` of the smallest,
    median and largest image by area. The share of the lesion is that of the original area.
    """
    found = Counter(name for record in records for name in plan.lesion_classes(record))
    known = [plan.labels.get(record.official_id, {}) for record in records]
    diagnoses = Counter(label.get('diagnosis', 'unknown') for label in known)
    return {
        'images': len(records),
        'flip_copies': sum(bool(record.copy_of) for record in records),
        'classes': {name: found[name] for name in plan.classes},
        'diagnoses': dict(sorted(diagnoses.items())),
        'original_size': _spread([[r.original_width, r.original_height] for r in records], _area),
        'prepared_size': _spread([[r.width, r.height] for r in records], _area),
        'lesion_share': _spread([record.share for record in records]),
        'touching_border': sum(record.touches_border for record in records),
        'gray_masks': sum(record.grays > 0 for record in records),
    }


def rule_counts(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Return what counted as lesion, where it was detected: each rule, its masks and one of them.

    The most frequent rule comes first.
    """
    of_rule: dict[str, list[str]] = {}
    for record in records:
        if record.rule:
            of_rule.setdefault(record.rule, []).append(record.isic_id)
    return [
        {'rule': rule, 'masks': len(ids), 'example': ids[0]}
        for rule, ids in sorted(of_rule.items(), key=lambda item: (-len(item[1]), item[0]))
    ]


def _area(size: list[int]) -> tuple[int, list[int]]:
    return size[0] * size[1], size


def _spread(values: list[Any], key: Callable[[Any], Any] | None = None) -> dict[str, Any]:
    ordered = sorted(values, key=key)
    return {'min': ordered[0], 'median': ordered[(len(values) - 1) // 2], 'max': ordered[-1]}


def format_report(report: dict[str, Any]) -> str:
    """Return the report of `prepare` as a text to read."""
    options, errors = report['options'], report['errors']['list']
    duplicates = report['near_duplicates']
    settings = [f'{name} {options[name]}' for name in ('split', 'resize', 'classes')]
    if options.get('foreground'):
        settings.append(f'lesion from gray {options["foreground"]}')
    lines = [
        f'{report["dataset"]} prepared in {report["out"]}: {", ".join(settings)}',
        '',
        *_table(report['splits'], report['official_counts']),
        '',
        *(
            f'lesion in {found["masks"]} masks: {found["rule"]} (such as {found["example"]})'
            for found in report['lesion_rules']
        ),
        *(f'note: {note}' for note in report['notes']),
        f'split overlaps: no id is in two splits; {len(duplicates["pairs"])} pairs of'
        f' near-duplicates ({duplicates["distance"]} of 256 bits or less),'
        f' {len(duplicates["left_out"])} images skipped so that none straddles two splits',
        *_shown(duplicates['left_out']),
    ]
    if errors:
        left_out = sum(error['left_out'] for error in errors)
        lines.append(f'errors: {len(errors)}, {left_out} of them pairs skipped')
        lines += [f'  {kind}: {count}' for kind, count in report['errors']['counts'].items()]
        lines += _shown(errors)
        if len(errors) > _SHOWN_ERRORS:
            lines.append(f'  all of them: {report["out"]}/prepare_report.json')
    else:
        lines.append('errors: none')
    return '\n'.join(lines)


def _shown(entries: list[dict[str, Any]]) -> list[str]:
    return [f'  - {PairError(**entry)}' for entry in entries[:_SHOWN_ERRORS]]


def _table(splits: dict[str, dict[str, Any]], official: dict[str, int]) -> list[str]:
    summaries = list(splits.values())
    rows = [['', *splits], ['images', *(str(s['images']) for s in summaries)]]
    if any(s['flip_copies'] for s in summaries):
        rows.append(['  of them flip copies', *(str(s['flip_copies']) for s in summaries)])
    if official:
        rows.append(['published', *(str(official.get(split, '-')) for split in splits)])
    for key, title in (('classes', ''), ('diagnoses', 'diagnosis ')):
        names = sorted({name for summary in summaries for name in summary[key]})
        for name in names if names not in (['lesion'], ['unknown']) else ():
            rows.append([title + name, *(str(s[key].get(name, 0)) for s in summaries)])
    for key, form in (('original_size', _size), ('prepared_size', _size), ('lesion_share', _share)):
        for name in ('min', 'median', 'max'):
            title = f'{key.replace("_", " ")}, {name}'
            rows.append([title, *(form(summary[key][name]) for summary in summaries)])
    rows.append(['touching the border', *(str(s['touching_border']) for s in summaries)])
    rows.append(['gray masks', *(str(s['gray_masks']) for s in summaries)])

    first, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
    return [
        '  '.join([title.ljust(first), *map(str.rjust, cells, others)]).rstrip()
        for title, *cells in rows
    ]


def _size(size: list[int]) -> str:
    width, height = size
    return f'{width} x {height} ({width * height / 1e6:.2f} MP)'


def _share(share: float) -> str:
    return f'{100 * share:.1f} %'
