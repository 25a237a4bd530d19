"""The results table of a README, made from `metrics.json` files and nothing else."""

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.classification import DEFAULT_POSITIVE
from isic_mmdet.report.run_files import Report, data_and_split, find, training_data

BEGIN = '<!-- results:begin -->'
END = '<!-- results:end -->'
UNKNOWN = '—'


def with_block(path: str | Path, begin: str, end: str, content: str) -> str:
    """Return the text of a Markdown file with other content between two marker lines.

    Raises:
        InputError: the file cannot be read, or does not have each marker once, in order.
    """
    try:
        text = Path(path).read_text(encoding='utf-8')
    except OSError as error:
        raise InputError(f'{path}: cannot be read ({error.strerror})') from error
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise InputError(
            f'{path}: needs one line {begin} and below it one line {end}; '
            'the table goes between them'
        )
    head, _, rest = text.partition(begin)
    _, _, tail = rest.partition(end)
    return f'{head}{begin}\n\n{content}\n\n{end}{tail}'


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
        _TRAINING_DATA: any(map(training_data, reports)),
        **dict.fromkeys(_OF_POSITIVE, any(_has_positive(report) for report in reports)),
        **dict.fromkeys(_OF_CLASSES, any(_has_many_classes(report) for report in reports)),
    }
    columns = [name for name in COLUMNS if needed.get(name, True)]
    rows = [['#', *columns], ['---'] * (len(columns) + 1)]
    for number, report in enumerate(reports, 1):
        rows.append([str(number), *(_cell(name, report) for name in columns)])
    for numbers in _same_recipe(reports):
        group = [reports[number - 1] for number in numbers]
        name = f'mean of {", ".join(map(str, numbers))}'
        rows.append([name, *(_over_seeds(name, group) for name in columns)])
    lines = ['| ' + ' | '.join(cell.replace('|', '\\|') for cell in row) + ' |' for row in rows]
    lines += ['', 'Commands:', '']
    for number, report in enumerate(reports, 1):
        # The command of a validation is that of its training.
        commands = dict.fromkeys([find(report, 'training', 'command'), find(report, 'command')])
        text = ', then '.join(f'`{command}`' for command in commands if command is not None)
        lines.append(f'{number}. {text or UNKNOWN}')
    return '\n'.join(lines)


def _same_recipe(reports: Sequence[Report]) -> list[list[int]]:
    """Return the numbers, from 1, of reports that differ only in their seed."""
    groups: dict[tuple, dict[str, int]] = {}
    for number, report in enumerate(reports, 1):
        seed, recipe = report.get('seed'), find(report, 'training', 'settings_digest')
        if seed is not None and recipe is not None:
            data = report.get('data_digest'), find(report, 'training', 'data_digest')
            key = (*(_cell(name, report) for name in _SHARED), *data, recipe)
            groups.setdefault(key, {}).setdefault(str(seed), number)
    return [list(numbers.values()) for numbers in groups.values() if len(numbers) > 1]


def _over_seeds(column: str, group: Sequence[Report]) -> str:
    values = [COLUMNS[column](report) for report in group]
    # The interval is over images, not over seeds.
    if column == _INTERVAL or (column in _SCORES and None in values):
        return UNKNOWN
    if column in _SCORES:
        return f'{mean(values):.3f} ± {stdev(values):.3f}'
    texts = [_cell(column, report) for report in group]
    return texts[0] if len(set(texts)) == 1 else ', '.join(texts)


def _cell(column: str, report: Report) -> str:
    value = COLUMNS[column](report)
    if value is None:
        return UNKNOWN
    return f'{value:.3f}' if column in _SCORES else str(value)


def _entry(*keys: str) -> Callable[[Report], Any]:
    return lambda report: find(report, *keys)


def _score(metric: str) -> Callable[[Report], float | None]:
    return lambda report: report['metrics'].get(metric.format(positive=_positive(report)))


def _positive(report: Report) -> str:
    return find(report, 'confusion_matrix', 'positive') or DEFAULT_POSITIVE


def _has_positive(report: Report) -> bool:
    return f'{_positive(report)}/auc' in report['metrics']


def _has_many_classes(report: Report) -> bool:
    return len(find(report, 'confusion_matrix', 'classes') or ()) > 2


def _interval(report: Report) -> str | None:
    low, high = (report['metrics'].get(f'lesion/iou_ci_{end}') for end in ('low', 'high'))
    return None if low is None or high is None else f'{low:.3f} to {high:.3f}'


def _minutes(report: Report) -> str | None:
    seconds = find(report, 'training', 'seconds')
    return None if seconds is None else f'{seconds / 60:.1f}'


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
COLUMNS: dict[str, Callable[[Report], Any]] = {
    'config': _entry('config'),
    'weights': _entry('training', 'weights'),
    _TRAINING_DATA: training_data,
    'split': data_and_split,
    'images': _entry('images'),
    _TTA: lambda report: {None: None, False: 'no', True: 'yes'}[report.get('tta')],
    '`iou`': _score('lesion/iou'),
    _INTERVAL: _interval,
    **{n: _score(metric) for n, metric in _SCORES.items() if n not in ('`iou`', *_OF_POSITIVE)},
    _POSITIVE: _positive,
    **{name: _score(metric) for name, metric in _OF_POSITIVE.items()},
    'training, minutes': _minutes,
    'training hardware': _entry('training', 'hardware'),
    'seed': _entry('seed'),
}
