"""The results table of a README, made from `metrics.json` files and nothing else."""

import re
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.classification import DEFAULT_POSITIVE
from isic_mmdet.report.run_files import Report, data_and_split, training_data

BEGIN = '<!-- results:begin -->'
END = '<!-- results:end -->'
UNKNOWN = '—'
_POSITIVE, _TTA, _INTERVAL = 'positive class', '`--tta`', '95 % interval'
# Columns that are shown only if a report has another value than these.
_OPTIONAL = {
    **dict.fromkeys(('training data', '`balanced_accuracy`', '`macro_auc`'), (None,)),
    **dict.fromkeys(('`auc`', '`precision_at_recall76`'), (None,)),
    _TTA: (None, 'no'),
    _POSITIVE: (DEFAULT_POSITIVE,),
}
# Columns that runs of one recipe share, besides data and settings.
_SHARED = ('config', 'weights', 'split', 'images', _POSITIVE, _TTA, 'training hardware')


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
        reports: one or more contents of `metrics.json`. An unknown value becomes an em dash. Some
            columns are shown only if a report has a value: the scores of several classes and of
            the positive class, its name unless it is melanoma, test-time augmentation and the
            training data.
    """
    rows = [_values(report) for report in reports]
    columns = [
        name
        for name in rows[0]
        if name not in _OPTIONAL or any(row[name] not in _OPTIONAL[name] for row in rows)
    ]
    cells = [['#', *columns], ['---'] * (len(columns) + 1)]
    for number, row in enumerate(rows, 1):
        cells.append([str(number), *(_text(row[name]) for name in columns)])
    for numbers in _same_recipe(reports, rows):
        group = [rows[number - 1] for number in numbers]
        title = f'mean of {", ".join(map(str, numbers))}'
        cells.append(
            [title, *(_over_seeds(name, [row[name] for row in group]) for name in columns)]
        )
    lines = ['| ' + ' | '.join(cell.replace('|', '\\|') for cell in line) + ' |' for line in cells]
    lines += ['', 'Commands:', '']
    for number, report in enumerate(reports, 1):
        # The command of a validation is that of its training.
        training = report.get('training') or {}
        commands = dict.fromkeys([training.get('command'), report.get('command')])
        text = ', then '.join(f'`{_portable(each)}`' for each in commands if each is not None)
        lines.append(f'{number}. {text or UNKNOWN}')
    return '\n'.join(lines)


def _values(report: Report) -> dict[str, Any]:
    """Return the values of a report by column; scores are floats, None is unknown."""
    training = report.get('training') or {}
    seconds = training.get('seconds')
    positive = (report.get('confusion_matrix') or {}).get('positive') or DEFAULT_POSITIVE

    def scores(prefix: str, *names: str) -> dict[str, float | None]:
        found = {name: report['metrics'].get(f'{prefix}/{name}') for name in names}
        return {f'`{name}`': None if v is None else float(v) for name, v in found.items()}

    low, high = scores('lesion', 'iou_ci_low', 'iou_ci_high').values()
    return {
        'config': report.get('config'),
        'weights': training.get('weights'),
        'training data': training_data(report),
        'split': data_and_split(report),
        'images': report.get('images'),
        _TTA: {None: None, False: 'no', True: 'yes'}[report.get('tta')],
        **scores('lesion', 'iou'),
        _INTERVAL: None if low is None or high is None else f'{low:.3f} to {high:.3f}',
        **scores('lesion', 'iou_max', 'iou_thr65', 'dice', 'missed'),
        **scores('classes', 'balanced_accuracy', 'macro_auc'),
        _POSITIVE: positive,
        **scores(positive, 'auc', 'precision_at_recall76'),
        'training, minutes': None if seconds is None else f'{seconds / 60:.1f}',
        'training hardware': training.get('hardware'),
        'seed': report.get('seed'),
    }


def _same_recipe(reports: Sequence[Report], rows: Sequence[dict[str, Any]]) -> list[list[int]]:
    """Return the numbers, from 1, of reports that differ only in their seed."""
    groups: dict[tuple, dict[str, int]] = {}
    for number, (report, row) in enumerate(zip(reports, rows, strict=True), 1):
        training = report.get('training') or {}
        recipe = training.get('settings_digest')
        if row['seed'] is not None and recipe is not None:
            data = report.get('data_digest'), training.get('data_digest')
            key = (*(str(row[name]) for name in _SHARED), *data, recipe)
            groups.setdefault(key, {}).setdefault(str(row['seed']), number)
    return [list(numbers.values()) for numbers in groups.values() if len(numbers) > 1]


def _over_seeds(column: str, values: Sequence[Any]) -> str:
    scores = [value for value in values if isinstance(value, float)]
    # The interval is over images, not over seeds, and a mean needs all scores.
    if column == _INTERVAL or 0 < len(scores) < len(values):
        return UNKNOWN
    if scores:
        return f'{mean(scores):.3f} ± {stdev(scores):.3f}'
    texts = [_text(value) for value in values]
    return texts[0] if len(set(texts)) == 1 else ', '.join(texts)


def _portable(command: str) -> str:
    """Return a command without the folders of files outside the checkout."""
    return re.sub(r'(?<=[ =])(/|\.\./)\S*/', '', command)


def _text(value: Any) -> str:
    if value is None:
        return UNKNOWN
    return f'{value:.3f}' if isinstance(value, float) else str(value)
