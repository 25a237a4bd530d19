"""What `tools/score.py` computes, and the two files it writes."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.calibration import calibration
from isic_mmdet.evaluation.classification import (
    have_classes,
    positive_class,
    rows_class_metrics,
    rows_confusion,
)
from isic_mmdet.evaluation.comparison import compare
from isic_mmdet.evaluation.groups import by_group
from isic_mmdet.evaluation.mask_scores import ScoredMasks, score_masks
from isic_mmdet.evaluation.metrics_file import write_metrics
from isic_mmdet.evaluation.per_image import (
    BOUNDARY_COLUMNS,
    LABEL_COLUMNS,
    PER_IMAGE_COLUMNS,
    TRUTH_COLUMNS,
    Row,
    classes_of,
    read_labels,
    read_per_image,
    read_scores,
    write_per_image,
)
from isic_mmdet.evaluation.summary import summarize
from isic_mmdet.utils.csv_file import parse_header
from isic_mmdet.utils.files import require_not_read


@dataclass(frozen=True)
class Request:
    """What to score, and which results to compute.

    Attributes:
        predictions: folder or zip of masks, or a `per_image.csv`.
        truth: folder or zip of masks; not needed for a `per_image.csv`.
        boundary: also compute the distances between the borders and the best shift of the
            outline.
        groups: whether to score groups of images.
        group_keys: of `groups.GROUPINGS`; empty takes all that are known for some image.
        annotations: file with diagnosis, sex and age.
        scores: table with the score of each mask; a `per_image.csv` holds its own.
        baseline: other predictions of the same images, as `predictions`, to compare with.
        positive: class to separate from the others, of a `per_image.csv` with several classes;
            None takes melanoma.
        out: `scores.json`, with `per_image.csv` next to it unless that is the input; None
            writes nothing.
        workers: number of threads; None takes one per core.
        show_progress: show progress bars on stderr.
    """

    predictions: Path
    truth: Path | None = None
    boundary: bool = False
    groups: bool = False
    group_keys: Sequence[str] = ()
    annotations: Path | None = None
    scores: Path | None = None
    baseline: Path | None = None
    positive: str | None = None
    out: Path | None = None
    workers: int | None = None
    show_progress: bool = True


def is_table(source: Path) -> bool:
    """Return whether predictions come as the `per_image.csv` of an earlier evaluation."""
    return source.suffix.lower() == '.csv'


def evaluate(request: Request) -> dict[str, Any]:
    """Score a set of predictions.

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
    if request.out:
        inputs = (request.predictions, request.truth, request.baseline)
        require_not_read(request.out, (*inputs, request.annotations, request.scores))
        if not is_table(request.predictions):
            table = _table_next_to(request.out)
    # Tables are read first: errors in them are found before the slow scoring of masks.
    known: dict[Path, Mapping[str, Row]] = {}
    if request.scores:
        scores = read_scores(request.scores)
        known[request.scores] = {name: {'score': score} for name, score in scores.items()}
    if request.annotations:
        known[request.annotations] = read_labels(request.annotations)
    scored, *baselines = _score_all(request)
    rows = scored.rows
    for source, values in known.items():
        _add(rows, values, source)
    content: dict[str, Any] = {
        'metrics': summarize(rows),
        'images': len(rows),
        'extra_predictions': scored.extra,
        'notes': list(dict.fromkeys(note for each in (scored, *baselines) for note in each.notes)),
    }
    positive = positive_class(request.positive, classes_of(rows[0]))
    if have_classes(rows):
        content['metrics'] |= rows_class_metrics(rows, positive)
        content['confusion_matrix'] = rows_confusion(rows, positive)
    if request.groups:
        content['groups'] = by_group(rows, request.group_keys)
    if any(row['score'] is not None for row in rows):
        content['calibration'] = calibration(rows)
    for baseline in baselines:
        content['comparison'] = compare(rows, baseline.rows)
    for name in ('predictions', 'truth', 'baseline'):
        path = getattr(request, name)
        content[name] = None if path is None else str(path)
    content['command'] = shlex.join(['python', *sys.argv])
    content['date'] = datetime.now(timezone.utc).isoformat(timespec='seconds')
    # The larger file first: if the disk is full, both files keep their old content.
    if table:
        names = (*TRUTH_COLUMNS, *BOUNDARY_COLUMNS, *LABEL_COLUMNS)
        extra = tuple(name for name in names if any(name in row for row in rows))
        write_per_image(table, rows, PER_IMAGE_COLUMNS + extra)
    if request.out:
        write_metrics(request.out, content)
    return content


def _table_next_to(out: Path) -> Path:
    """Return the path of the table, which may replace only an earlier one of this tool."""
    table = out.with_name('per_image.csv')
    if table.is_file():
        try:
            header = parse_header(str(table), table.read_bytes(), TRUTH_COLUMNS)
            columns = set(header.columns)
        except (OSError, InputError):
            columns = set()
        if not set(TRUTH_COLUMNS) <= columns:
            raise InputError(
                f'{table}: was written by another tool and would be replaced; choose another'
                ' folder for --out'
            )
    return table


def _score_all(request: Request) -> list[ScoredMasks]:
    """Score the predictions and the baseline if there is one; lists the errors of both."""
    scored, errors = [], []
    for source in filter(None, (request.predictions, request.baseline)):
        try:
            scored.append(_score(request, source))
        except InputError as error:
            errors.append(error)
    if errors:
        raise InputError('\n'.join(map(str, errors)))
    return scored


def _score(request: Request, source: Path) -> ScoredMasks:
    if is_table(source):
        return ScoredMasks(read_per_image(source), 0, [])
    if request.truth is None:
        raise ValueError(f'{source}: masks need a truth')
    return score_masks(
        source, request.truth, request.boundary, request.workers, request.show_progress
    )


def _add(rows: list[dict[str, Any]], known: Mapping[str, Row], source: Path) -> None:
    found = [row for row in rows if row['image_id'] in known]
    if not found:
        raise InputError(
            f'{source}: names none of the {len(rows)} scored images; give the file of these images'
        )
    for row in found:
        row.update(known[row['image_id']])
