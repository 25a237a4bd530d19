"""What `tools/score.py` computes, and the two files it writes."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.calibration import calibration
from isic_mmdet.evaluation.class_rows import (
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
    read_per_image,
    write_per_image,
)
from isic_mmdet.evaluation.summary import summarize
from isic_mmdet.evaluation.tables import read_labels, read_scores
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
        group_keys: of `groups.GROUPINGS`; none takes all of which something is known.
        annotations: file with diagnosis, sex and age.
        scores: table with the score of each mask; a `per_image.csv` holds its own.
        baseline: other predictions of the same images, as `predictions`, to compare with.
        positive: class that is told from all others, of a `per_image.csv` with several classes;
            None takes melanoma.
        out: `scores.json`, with `per_image.csv` beside it unless that is what was read; None
            writes nothing.
        workers: number of threads; None takes one for each core.
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
    """Tell whether predictions come as the scores of an earlier evaluation."""
    return source.suffix.lower() == '.csv'


def evaluate(request: Request) -> dict[str, Any]:
    """Score a set of predictions.

    Returns:
        The content of `scores.json`: `metrics`, `images`, `extra_predictions` (files that belong
        to no truth), `notes` on the masks as a whole, `confusion_matrix` where several classes are
        told apart, `groups` and `comparison` if asked for, `calibration` if scores are known, and
        where it all comes from.

    Raises:
        InputError: the official scorer would refuse the masks; another input is wrong; two sets
            differ in their images; nothing is known of a group; `out` is one of the
            inputs, or its table would replace that of another tool.
        ValueError: masks without a truth.
    """
    table = None
    if request.out:
        read = (request.predictions, request.truth, request.baseline)
        require_not_read(request.out, (*read, request.annotations, request.scores))
    if request.out and not is_table(request.predictions):
        table = _table_beside(request.out)
    # The tables first: they are read in no time, and may be wrong.
    known: dict[Path, dict[str, Row]] = {}
    if request.scores:
        scores = read_scores(request.scores)
        known[request.scores] = {name: {'score': score} for name, score in scores.items()}
    if request.annotations:
        known[request.annotations] = read_labels(request.annotations)
    found, *baselines = _all_rows(request)
    rows = found.rows
    for source, values in known.items():
        _add(rows, values, source)
    content: dict[str, Any] = {
        'metrics': summarize(rows),
        'images': len(rows),
        'extra_predictions': found.extra,
        'notes': list(dict.fromkeys(note for each in (found, *baselines) for note in each.notes)),
    }
    _add_classes(content, rows, request.positive)
    if request.groups:
        content['groups'] = by_group(rows, request.group_keys)
    if any(row['score'] is not None for row in rows):
        content['calibration'] = calibration(rows)
    for baseline in baselines:
        content['comparison'] = compare(rows, baseline.rows)
    content |= _provenance(request)
    # The larger file first: on a disk that is full both stay what they were.
    if table:
        _write_table(table, rows)
    if request.out:
        write_metrics(request.out, content)
    return content


def _table_beside(out: Path) -> Path:
    """Return where the table goes, which replaces nothing but an earlier one of this tool."""
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


def _write_table(path: Path, rows: Sequence[Row]) -> None:
    names = (*TRUTH_COLUMNS, *BOUNDARY_COLUMNS, *LABEL_COLUMNS)
    extra = tuple(name for name in names if any(name in row for row in rows))
    write_per_image(path, rows, PER_IMAGE_COLUMNS + extra)


def _all_rows(request: Request) -> list[ScoredMasks]:
    """Return the rows of the one set or the two, and what belongs to them; lists all faults."""
    found, errors = [], []
    for source in filter(None, (request.predictions, request.baseline)):
        try:
            found.append(_rows(request, source))
        except InputError as error:
            errors.append(error)
    if errors:
        raise InputError('\n'.join(map(str, errors)))
    return found


def _rows(request: Request, source: Path) -> ScoredMasks:
    if is_table(source):
        return ScoredMasks(read_per_image(source), 0, [])
    if request.truth is None:
        raise ValueError(f'{source}: masks need a truth')
    return score_masks(
        source, request.truth, request.boundary, request.workers, request.show_progress
    )


def _add(rows: list[Row], known: dict[str, Row], source: Path) -> None:
    found = [row for row in rows if row['image_id'] in known]
    if not found:
        raise InputError(
            f'{source}: names none of the {len(rows)} images scored; give the one that does'
        )
    for row in found:
        row.update(known[row['image_id']])


def _add_classes(content: dict[str, Any], rows: Sequence[Row], wanted: str | None) -> None:
    """Add how well the classes are told apart, where the rows hold their scores."""
    classes = classes_of(rows[0])
    positive = positive_class(wanted, classes)
    if have_classes(rows):
        content['metrics'] |= rows_class_metrics(rows, positive)
        content['confusion_matrix'] = rows_confusion(rows, positive)


def _provenance(request: Request) -> dict[str, Any]:
    return {
        'predictions': str(request.predictions),
        'truth': None if request.truth is None else str(request.truth),
        'baseline': None if request.baseline is None else str(request.baseline),
        'command': shlex.join(['python', *sys.argv]),
        'date': datetime.now(timezone.utc).isoformat(timespec='seconds'),
    }
