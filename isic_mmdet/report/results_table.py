"""The results table of a README, made from `metrics.json` files and nothing else."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from isic_mmdet.evaluation.classification import DEFAULT_POSITIVE
from isic_mmdet.evaluation.metrics_file import read_reports
from isic_mmdet.report.markers import replace_between
from isic_mmdet.report.run_files import training_data

BEGIN = '<!-- results:begin -->'
END = '<!-- results:end -->'
UNKNOWN = '—'

Report = Mapping[str, Any]


def results_table(reports: Sequence[Report]) -> str:
    """Return a Markdown table with one row a report, and the commands below it.

    Reports that differ only in the seed share one more row: the mean of each score and its standard
    deviation over the seeds (that of n - 1).

    Args:
        reports: contents of `metrics.json` files. What one does not hold becomes an em dash. Some
            columns are there only where a report needs them: how well the positive class is told
            from the others and which it is unless melanoma, how well more than two classes are
            told apart, and whether several views were looked at.
    """
    unused = set()
    if not any(_metric_name('`auc`', report) in report['metrics'] for report in reports):
        unused |= set(_OF_POSITIVE)
    if all(_positive(report) == DEFAULT_POSITIVE for report in reports):
        unused.add(_POSITIVE)
    if all(len(_find(report, 'confusion_matrix', 'classes') or ()) <= 2 for report in reports):
        unused |= set(_OF_CLASSES)
    if not any(map(_has_views, reports)):
        unused.add(_VIEWS)
    if not any(map(_training_data, reports)):
        unused.add(_TRAINING_DATA)
    columns = {name: cell for name, cell in COLUMNS.items() if name not in unused}
    lines = [_row(['#', *columns]), _row(['---'] * (len(columns) + 1))]
    for number, report in enumerate(reports, 1):
        cells = (cell(report) or UNKNOWN for cell in columns.values())
        lines.append(_row([str(number), *cells]))
    for numbers in _seeds_of_one_run(reports):
        group = [reports[number - 1] for number in numbers]
        cells = (_all_seeds(name, group) for name in columns)
        lines.append(_row([f'mean of {", ".join(map(str, numbers))}', *cells]))
    lines += ['', 'Commands:', '']
    for number, report in enumerate(reports, 1):
        # A validation is scored by the command that trains.
        commands = dict.fromkeys([_find(report, 'training', 'command'), _find(report, 'command')])
        told = ', then '.join(f'`{command}`' for command in commands if command is not None)
        lines.append(f'{number}. {told or UNKNOWN}')
    return '\n'.join(lines)


def _seeds_of_one_run(reports: Sequence[Report]) -> list[list[int]]:
    """Return the numbers, from 1, of reports that differ in nothing but their seed."""
    groups: dict[tuple, dict[str, int]] = {}
    for number, report in enumerate(reports, 1):
        seed = COLUMNS['seed'](report)
        recipe = _find(report, 'training', 'settings_digest')
        if seed is not None and recipe is not None:
            alike = (
                *(COLUMNS[name](report) for name in _ALIKE),
                report.get('data_digest'),
                _find(report, 'training', 'data_digest'),
                recipe,
            )
            groups.setdefault(alike, {}).setdefault(seed, number)
    return [list(numbers.values()) for numbers in groups.values() if len(numbers) > 1]


def _all_seeds(column: str, group: Sequence[Report]) -> str:
    if column == _INTERVAL:  # of the images, not of the seeds
        return UNKNOWN
    if column in _SCORES:
        values = [_find(report, 'metrics', _metric_name(column, report)) for report in group]
        return UNKNOWN if None in values else f'{mean(values):.3f} ± {stdev(values):.3f}'
    texts = [COLUMNS[column](report) or UNKNOWN for report in group]
    return texts[0] if len(set(texts)) == 1 else ', '.join(texts)


def _row(cells: Sequence[str]) -> str:
    return '| ' + ' | '.join(text.replace('|', '\\|') for text in cells) + ' |'


def update_table(readme: str | Path, metrics_files: Sequence[str | Path]) -> None:
    """Put the table of some `metrics.json` files between the two markers of a Markdown file.

    Raises:
        InputError: if a file is missing or no `metrics.json`, or the markers are not there
            once each, in order.
    """
    replace_between(readme, BEGIN, END, results_table(read_reports(metrics_files)))


def _find(report: Report, *keys: str) -> Any:
    """Return a nested value, or None where the report does not hold it."""
    value: Any = report
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _text(*keys: str) -> Callable[[Report], str | None]:
    def cell(report: Report) -> str | None:
        value = _find(report, *keys)
        return None if value is None else str(value)

    return cell


def _positive(report: Report) -> str:
    return _find(report, 'confusion_matrix', 'positive') or DEFAULT_POSITIVE


def _metric_name(column: str, report: Report) -> str:
    return _SCORES[column].format(positive=_positive(report))


def _score(column: str) -> Callable[[Report], str | None]:
    def cell(report: Report) -> str | None:
        value = _find(report, 'metrics', _metric_name(column, report))
        return None if value is None else f'{value:.3f}'

    return cell


def _interval(report: Report) -> str | None:
    low, high = (_find(report, 'metrics', f'lesion/iou_ci_{end}') for end in ('low', 'high'))
    return None if low is None or high is None else f'{low:.3f} to {high:.3f}'


def _split(report: Report) -> str | None:
    names = [report[key] for key in ('data', 'split') if report.get(key)]
    return ' '.join(names) or None


def _training_data(report: Report) -> str | None:
    return training_data(report.get('training'))


def _minutes(report: Report) -> str | None:
    seconds = _find(report, 'training', 'seconds')
    return None if seconds is None else f'{seconds / 60:.1f}'


def _has_views(report: Report) -> bool:
    return bool(report.get('tta'))


def _views(report: Report) -> str | None:
    if report.get('tta') is None:
        return None
    return 'yes' if _has_views(report) else 'no'


_VIEWS = '`--tta`'
_TRAINING_DATA = 'training data'
_INTERVAL = '95 % interval'
_POSITIVE = 'positive class'
_OF_POSITIVE = {f'`{name}`': f'{{positive}}/{name}' for name in ('auc', 'precision_at_recall76')}
_OF_CLASSES = {f'`{name}`': f'classes/{name}' for name in ('balanced_accuracy', 'macro_auc')}
_SCORES = {
    **{f'`{name}`': f'lesion/{name}' for name in ('iou', 'iou_max', 'iou_thr65', 'dice', 'missed')},
    **_OF_CLASSES,
    **_OF_POSITIVE,
}
# What runs of one recipe share, next to data and settings.
_ALIKE = ('config', 'weights', 'split', 'images', _POSITIVE, _VIEWS, 'training hardware')
COLUMNS: dict[str, Callable[[Report], str | None]] = {
    'config': _text('config'),
    'weights': _text('training', 'weights'),
    _TRAINING_DATA: _training_data,
    'split': _split,
    'images': _text('images'),
    _VIEWS: _views,
    '`iou`': _score('`iou`'),
    _INTERVAL: _interval,
    **{name: _score(name) for name in _SCORES if name not in ('`iou`', *_OF_POSITIVE)},
    _POSITIVE: _positive,
    **{name: _score(name) for name in _OF_POSITIVE},
    'training, minutes': _minutes,
    'training hardware': _text('training', 'hardware'),
    'seed': _text('seed'),
}
