"""The results table: one row per recipe, made from `metrics.json` files and nothing else."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from isic_mmdet.evaluation.classification import DEFAULT_POSITIVE
from isic_mmdet.report.command_templates import command_templates
from isic_mmdet.report.markdown import UNKNOWN, markdown_table
from isic_mmdet.report.run_files import Report, data_and_split, training_data

BEGIN = '<!-- results:begin -->'
END = '<!-- results:end -->'
_COMMANDS = (
    'Commands, with config, weights and seed of the recipe; `tools/test.py` with its `--split`, '
    'without and with `--tta`:'
)
_CLASS_SCORES = ('balanced_accuracy', 'macro_auc')
_POSITIVE_SCORES = ('auc', 'precision_at_recall76')
_TTA_SCORES = ('iou', 'iou_thr65', *_POSITIVE_SCORES)
_POSITIVE = 'positive class'
# Columns that are shown only if a row has another value than this.
_OPTIONAL = {
    **dict.fromkeys((f'`{name}`' for name in (*_CLASS_SCORES, *_POSITIVE_SCORES)), UNKNOWN),
    **dict.fromkeys((f'`{name}`, `--tta`' for name in _TTA_SCORES), UNKNOWN),
    'training data': UNKNOWN,
    'folds': UNKNOWN,
    _POSITIVE: DEFAULT_POSITIVE,
}

#: The evaluations of one trained model on one split: with test-time augmentation, and without.
Run = Mapping[bool, Report]


def results_table(reports: Sequence[Report]) -> str:
    """Return the table of recipes, and below it the templates of their commands.

    Args:
        reports: one or more contents of `metrics.json`, see `recipe_rows`.
    """
    recipes = _recipes(_with_parts(reports))
    evaluations = [[report for run in runs for report in run.values()] for runs in recipes]
    return '\n'.join([recipe_table(reports), '', _COMMANDS, '', *command_templates(evaluations)])


def recipe_table(reports: Sequence[Report]) -> str:
    """Return a Markdown table with one numbered row per recipe, see `recipe_rows`.

    The values of a single recipe stand below each other, because most pages are too narrow for the
    row.
    """
    rows = recipe_rows(reports)
    if len(rows) == 1:
        return markdown_table(['#', '1'], rows[0].items())
    cells = [[str(number), *row.values()] for number, row in enumerate(rows, 1)]
    return markdown_table(['#', *rows[0]], cells)


def recipe_rows(reports: Sequence[Report]) -> list[dict[str, str]]:
    """Return one row per recipe and split: its cells by column, the same columns in every row.

    Reports that differ only in seed, fold and test-time augmentation share a row. Scores of several
    seeds or folds become their mean and their standard deviation (that of n - 1).

    Args:
        reports: one or more contents of `metrics.json`. An unknown value becomes an em dash. Some
            columns are shown only if a report has a value: the scores of several classes and of
            the positive class, its name unless it is melanoma, the scores with test-time
            augmentation, and the training data.
    """
    rows = [dict(_cells(runs)) for runs in _recipes(_with_parts(reports))]
    shown = [
        name
        for name in rows[0]
        if name not in _OPTIONAL or any(row[name] != _OPTIONAL[name] for row in rows)
    ]
    return [{name: row[name] for name in shown} for row in rows]


def _with_parts(reports: Sequence[Report]) -> list[Report]:
    """Return each report, and after it those of the data sets that were evaluated together."""
    found: list[Report] = []
    for report in reports:
        parts = (report.get('data_sets') or {}).values()
        found += [report, *({**report, **part} for part in parts)]
    return found


def _recipes(reports: Sequence[Report]) -> list[list[Run]]:
    """Return the runs of each recipe, one per seed and fold, in the order of the reports."""
    runs: dict[tuple[Any, ...], dict[bool, Report]] = {}
    for number, report in enumerate(reports):
        is_tta = report.get('tta') is True
        repeat = report.get('seed'), _trained_fold(report).get('number')
        key = (_recipe(report), repeat, report.get('checkpoint_sha256', number))
        if is_tta in runs.get(key, ()):
            key = (*key[:2], number)  # evaluated again, with other settings
        runs.setdefault(key, {})[is_tta] = report
    recipes: dict[tuple[Any, ...], dict[Any, Run]] = {}
    for key, run in runs.items():
        recipe, repeat, _ = key
        # Without seed or settings nobody knows which other run is of this recipe.
        is_new = repeat[0] is None or recipe[-1] is None or repeat in recipes.get(recipe, ())
        recipes.setdefault(key if is_new else recipe, {})[repeat] = run
    return [list(repeats.values()) for repeats in recipes.values()]


def _recipe(report: Report) -> tuple[Any, ...]:
    """Return what the seeds and folds of one recipe on one split have in common."""
    training = report.get('training') or {}
    of_training, of_split = _trained_fold(report), report.get('fold') or {}
    return (
        *(report.get('config'), data_and_split(report), _positive(report)),
        *(training.get('weights'), training.get('hardware')),
        # Each fold has its own images; the digest of all folds takes the place of theirs.
        *((of_split['digest'],) if of_split else (report.get('images'), report.get('data_digest'))),
        of_training.get('digest') or training.get('data_digest'),
        training.get('settings_digest'),
    )


def _trained_fold(report: Report) -> Mapping[str, Any]:
    """Return the fold that a model was trained on, see `provenance.data_facts`; else nothing."""
    return (report.get('training') or {}).get('fold') or {}


def _cells(runs: Sequence[Run]) -> Iterator[tuple[str, str]]:
    """Yield the cells of a row by column."""
    reports = [next(iter(run.values())) for run in runs]
    trainings = [report.get('training') or {} for report in reports]
    report, training, positive = reports[0], trainings[0], _positive(reports[0])
    yield 'config', _text(report.get('config'))
    yield 'weights', _text(training.get('weights'))
    folds = len({_trained_fold(each).get('number') for each in reports} - {None})
    of = _trained_fold(report).get('of')
    yield 'training data', _text(training.get('data') if folds else training_data(report))
    yield 'split', _text(data_and_split(report))
    yield 'folds', _text(f'{folds} of {of}' if folds else None)
    # Every image is validated in one fold.
    validated = [each.get('images') or 0 for each in reports]
    yield 'images', _text(sum(validated) if 'fold' in report else report.get('images'))
    yield '`iou`', _score(runs, 'lesion/iou')
    yield '95 % interval', _interval(runs)
    for name in ('iou_max', 'iou_thr65', 'dice', 'missed'):
        yield f'`{name}`', _score(runs, f'lesion/{name}')
    for name in _CLASS_SCORES:
        yield f'`{name}`', _score(runs, f'classes/{name}')
    yield _POSITIVE, positive
    for name in _POSITIVE_SCORES:
        yield f'`{name}`', _score(runs, f'{positive}/{name}')
    for name in _TTA_SCORES:
        prefix = positive if name in _POSITIVE_SCORES else 'lesion'
        yield f'`{name}`, `--tta`', _score(runs, f'{prefix}/{name}', tta=True)
    seconds = [each.get('seconds') for each in trainings]
    yield 'training, minutes', _each(None if s is None else f'{s / 60:.1f}' for s in seconds)
    yield 'training hardware', _text(training.get('hardware'))
    yield 'seed', _each(each.get('seed') for each in reports)


def _positive(report: Report) -> str:
    return (report.get('confusion_matrix') or {}).get('positive') or DEFAULT_POSITIVE


def _score(runs: Sequence[Run], name: str, tta: bool = False) -> str:
    """Return a score of all seeds; a dash if one of them lacks it."""
    values = [run[tta]['metrics'].get(name) if tta in run else None for run in runs]
    known = [float(value) for value in values if value is not None]
    if not known or len(known) < len(values):
        return UNKNOWN
    spread = f' ± {stdev(known):.3f}' if len(known) > 1 else ''
    return f'{mean(known):.3f}{spread}'


def _interval(runs: Sequence[Run]) -> str:
    """Return the interval of the IoU over the images; several seeds have none in common."""
    metrics = runs[0][False]['metrics'] if len(runs) == 1 and False in runs[0] else {}
    low, high = (metrics.get(f'lesion/iou_ci_{end}') for end in ('low', 'high'))
    return UNKNOWN if low is None or high is None else f'{low:.3f} to {high:.3f}'


def _each(values: Iterable[Any]) -> str:
    """Return the values of all seeds, or the one that they share."""
    texts = [_text(value) for value in values]
    return texts[0] if len(set(texts)) == 1 else ', '.join(texts)


def _text(value: Any) -> str:
    return UNKNOWN if value is None else str(value)
