"""What `tools/score.py` computes, and the two files it writes."""

import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.calibration import calibration
from isic_mmdet.evaluation.classification import (
    class_metrics,
    confusion_matrix,
    have_classes,
    positive_class,
)
from isic_mmdet.evaluation.comparison import compare
from isic_mmdet.evaluation.groups import by_group
from isic_mmdet.evaluation.mask_scores import ScoredMasks, score_masks
from isic_mmdet.evaluation.metrics_file import write_metrics
from isic_mmdet.evaluation.per_image import (
    APPEARANCE_COLUMNS,
    BOUNDARY_COLUMNS,
    LABEL_COLUMNS,
    PER_IMAGE_COLUMNS,
    TRUTH_COLUMNS,
    UNCERTAINTY_COLUMNS,
    Row,
    classes_of,
    read_labels,
    read_per_image,
    read_scores,
    write_per_image,
)
from isic_mmdet.evaluation.summary import summarize
from isic_mmdet.utils.files import require_not_read


def is_table(source: Path) -> bool:
    """Return whether predictions come as the `per_image.csv` of an earlier evaluation."""
    return source.suffix.lower() == '.csv'


def evaluate(
    predictions: Path,
    truth: Path | None = None,
    *,
    boundary: bool = False,
    groups: Sequence[str] | None = None,
    annotations: Path | None = None,
    scores: Path | None = None,
    baseline: Path | None = None,
    positive: str | None = None,
    out: Path | None = None,
    workers: int | None = None,
    show_progress: bool = True,
    strict: bool = False,
    mask_threshold: int | None = None,
    images: Path | None = None,
) -> dict[str, Any]:
    """Score a set of predictions.

    Args:
        predictions: folder or zip of masks, or a `per_image.csv`.
        truth: folder or zip of masks; not needed for a `per_image.csv`.
        boundary: also compute the boundary metrics.
        groups: by which of `groups.GROUPINGS` to score groups of images; empty takes all that are
            known for some image, None scores no groups.
        annotations: file with diagnosis, sex and age.
        scores: table with the score of each mask; a `per_image.csv` holds its own.
        baseline: other predictions of the same images, as `predictions`, to compare with.
        positive: class to separate from the others; None takes melanoma.
        out: `scores.json`, with `per_image.csv` next to it unless that is the input.
        workers: number of threads; None takes one per core.
        show_progress: show progress bars on stderr.
        strict: refuse truths that the challenge refuses.
        mask_threshold: lowest gray value of a lesion in the truth, 1 to 255; None detects it.
        images: folder or zip of the images, to estimate hair and skin tone.

    Returns:
        The content of `scores.json`: `metrics`, `images`, `extra_predictions` (files without a
        truth), `notes` on the masks, `confusion_matrix` of several classes, `groups` and
        `comparison` if requested, `calibration` if scores are known, and the provenance.

    Raises:
        InputError: the official scorer would refuse the masks; another input is wrong; two sets
            differ in their images; a requested grouping is unknown for all images; `out` is one of
            the inputs, or its table would replace that of another tool.
        ValueError: masks without a truth.
    """
    table = None
    if out:
        require_not_read(out, (predictions, truth, baseline, annotations, scores, images))
        if not is_table(predictions):
            table = _table_next_to(out)
    # Tables are read first: errors in them are found before the slow scoring of masks.
    known: dict[Path, Mapping[str, Row]] = {}
    if scores:
        known[scores] = read_scores(scores)
    if annotations:
        known[annotations] = read_labels(annotations)
    sources = filter(None, (predictions, baseline))
    score = partial(
        score_masks,
        boundary=boundary,
        workers=workers,
        show_progress=show_progress,
        strict=strict,
        threshold=mask_threshold,
        images=images,
    )
    scored, *baselines = _score_all(sources, truth, score)
    rows = scored.rows
    for source, values in known.items():
        _add(rows, values, source)
    content: dict[str, Any] = {
        'metrics': summarize(rows),
        'images': len(rows),
        'extra_predictions': scored.extra,
        'notes': list(dict.fromkeys(note for each in (scored, *baselines) for note in each.notes)),
    }
    positive = positive_class(positive, classes_of(rows[0]))
    if have_classes(rows):
        content['metrics'] |= class_metrics(rows, positive)
        content['confusion_matrix'] = confusion_matrix(rows, positive)
    if groups is not None:
        content['groups'] = by_group(rows, groups)
    if known_ratings := calibration(rows):
        content['calibration'] = known_ratings
    for other in baselines:
        content['comparison'] = compare(rows, other.rows)
    inputs = {'predictions': predictions, 'truth': truth, 'baseline': baseline}
    content |= {name: path and str(path) for name, path in inputs.items()}
    content['command'] = shlex.join(['python', *sys.argv])
    content['date'] = datetime.now(timezone.utc).isoformat(timespec='seconds')
    # The larger file first: if the disk is full, both files keep their old content.
    if table:
        names = (
            *(*TRUTH_COLUMNS, *UNCERTAINTY_COLUMNS, *BOUNDARY_COLUMNS),
            *(*LABEL_COLUMNS, *APPEARANCE_COLUMNS),
        )
        extra = tuple(name for name in names if any(name in row for row in rows))
        write_per_image(table, rows, PER_IMAGE_COLUMNS + extra)
    if out:
        write_metrics(out, content)
    return content


def _table_next_to(out: Path) -> Path:
    """Return the path of the table, which may replace only an earlier one of this tool."""
    table = out.with_name('per_image.csv')
    if table.is_file():
        with table.open('rb') as file:
            header = file.readline()
        if not all(name.encode() in header for name in TRUTH_COLUMNS):
            raise InputError(
                f'{table}: was written by another tool and would be replaced; choose another'
                ' folder for --out'
            )
    return table


def _score_all(
    sources: Iterable[Path], truth: Path | None, score: Callable[[Path, Path], ScoredMasks]
) -> list[ScoredMasks]:
    """Score the predictions, and the baseline if there is one; lists the errors of both."""
    scored, errors = [], []
    for source in sources:
        try:
            if is_table(source):
                scored.append(ScoredMasks(read_per_image(source), 0, []))
            elif truth is None:
                raise ValueError(f'{source}: masks need a truth')
            else:
                scored.append(score(source, truth))
        except InputError as error:
            errors.append(str(error))
    if errors:
        raise InputError('\n'.join(errors))
    return scored


def _add(rows: list[dict[str, Any]], known: Mapping[str, Row], source: Path) -> None:
    found = [row for row in rows if row['image_id'] in known]
    if not found:
        raise InputError(
            f'{source}: names none of the {len(rows)} scored images; give the file of these images'
        )
    for row in found:
        row.update(known[row['image_id']])
