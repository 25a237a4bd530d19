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
Cell = Callable[[Report], str | None]


def update_table(readme: str | Path, metrics_files: Sequence[str | Path]) -> None:
    """Put the table of some `metrics.json` files between the two markers of a Markdown file.

    Raises:
        InputError: a file is missing or no `metrics.json`, or the two markers are not there once
            each, in order.
    """
    replace_between(readme, BEGIN, END, results_table(read_reports(metrics_files)))


def results_table(reports: Sequence[Report]) -> str:
    """Return a Markdown table with one row per report, and the commands below it.

    Reports that differ only in the seed share one more row: the mean of each score and its
    standard deviation over the seeds (that of n - 1).

    Args:
        reports: contents of `metrics.json` files. An unknown value becomes an em dash. Some
            columns are shown only if a report needs them: the scores of several classes and of the
            positive class, its name unless it is melanoma, test-time augmentation and the
            training data.
    """
    needed = {
        _POSITIVE: any(_positive(report) != DEFAULT_POSITIVE for report in reports),
        _TTA: any(report.get('tta') for report in reports),
        _TRAINING_DATA: any(training_data(report.get('training')) for report in reports),
        **dict.fromkeys(_OF_POSITIVE, any(_has_positive(report) for report in reports)),
        **dict.fromkeys(_OF_CLASSES, any(_has_many_classes(report) for report in reports)),
    }
    columns = [name for name in COLUMNS if needed.get(name, True)]
    lines = [_row(['#', *columns]), _row(['---'] * (len(columns) + 1))]
    for number, report in enumerate(reports, 1):
        lines.append(_row([str(number), *(COLUMNS[name](report) or UNKNOWN for name in columns)]))
    for numbers in _same_recipe(reports):
        group = [reports[number - 1] for number in numbers]
        cells = (_over_seeds(name, group) for name in columns)
        lines.append(_row([f'mean of {", ".join(map(str, numbers))}', *cells]))
    lines += ['', 'Commands:', '']
    for number, report in enumerate(reports, 1):
        # The command of a validation is that of its training.
        commands = dict.fromkeys([_find(report, 'training', 'command'), _find(report, 'command')])
        text = ', then '.join(f'`{command}`' for command in commands if command is not None)
        lines.append(f'{number}. {text or UNKNOWN}')
    return '\n'.join(lines)


def _same_recipe(reports: Sequence[Report]) -> list[list[int]]:
    """Return the numbers, from 1, of reports that differ only in their seed."""
    groups: dict[tuple, dict[str, int]] = {}
    for number, report in enumerate(reports, 1):
        seed = COLUMNS['seed'](report)
        recipe = _find(report, 'training', 'settings_digest')
        if seed is not None and recipe is not None:
            key = (
                *(COLUMNS[name](report) for name in _SHARED),
                report.get('data_digest'),
                _find(report, 'training', 'data_digest'),
                recipe,
            )
            groups.setdefault(key, {}).setdefault(seed, number)
    return [list(numbers.values()) for numbers in groups.values() if len(numbers) > 1]


def _over_seeds(column: str, group: Sequence[Report]) -> str:
    if column == _INTERVAL:  # over images, not over seeds
        return UNKNOWN
    if column in _SCORES:
        values = [_value(column, report) for report in group]
        return UNKNOWN if None in values else f'{mean(values):.3f} ± {stdev(values):.3f}'
    texts = [COLUMNS[column](report) or UNKNOWN for report in group]
    return texts[0] if len(set(texts)) == 1 else ', '.join(texts)


def _row(cells: Sequence[str]) -> str:
    return '| ' + ' | '.join(text.replace('|', '\\|') for text in cells) + ' |'


def _find(report: Report, *keys: str) -> Any:
    """Return a nested value, or None if the report does not hold it."""
    value: Any = report
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _positive(report: Report) -> str:
    return _find(report, 'confusion_matrix', 'positive') or DEFAULT_POSITIVE


def _has_positive(report: Report) -> bool:
    return f'{_positive(report)}/auc' in report['metrics']


def _has_many_classes(report: Report) -> bool:
    return len(_find(report, 'confusion_matrix', 'classes') or ()) > 2


def _value(column: str, report: Report) -> Any:
    return report['metrics'].get(_SCORES[column].format(positive=_positive(report)))


def _text(*keys: str) -> Cell:
    def cell(report: Report) -> str | None:
        value = _find(report, *keys)
        return None if value is None else str(value)

    return cell


def _score(column: str) -> Cell:
    def cell(report: Report) -> str | None:
        value = _value(column, report)
        return None if value is None else f'{value:.3f}'

    return cell


def _interval(report: Report) -> str | None:
    low, high = (report['metrics'].get(f'lesion/iou_ci_{end}') for end in ('low', 'high'))
    return None if low is None or high is None else f'{low:.3f} to {high:.3f}'


def _split(report: Report) -> str | None:
    return ' '.join(report[key] for key in ('data', 'split') if report.get(key)) or None


def _minutes(report: Report) -> str | None:
    seconds = _find(report, 'training', 'seconds')
    return None if seconds is None else f'{seconds / 60:.1f}'


def _tta(report: Report) -> str | None:
    return {None: None, False: 'no', True: 'yes'}[report.get('tta')]


_TTA = '`--tta`'
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
# The columns that runs of one recipe share, besides data and settings.
_SHARED = ('config', 'weights', 'split', 'images', _POSITIVE, _TTA, 'training hardware')
COLUMNS: dict[str, Cell] = {
    'config': _text('config'),
    'weights': _text('training', 'weights'),
    _TRAINING_DATA: lambda report: training_data(report.get('training')),
    'split': _split,
    'images': _text('images'),
    _TTA: _tta,
    '`iou`': _score('`iou`'),
    _INTERVAL: _interval,
    **{name: _score(name) for name in _SCORES if name not in ('`iou`', *_OF_POSITIVE)},
    _POSITIVE: _positive,
    **{name: _score(name) for name in _OF_POSITIVE},
    'training, minutes': _minutes,
    'training hardware': _text('training', 'hardware'),
    'seed': _text('seed'),
}
