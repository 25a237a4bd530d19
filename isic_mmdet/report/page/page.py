"""One evaluation as one HTML page that needs nothing else: no network, server or library."""

import base64
import hashlib
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from isic_mmdet.errors import InputError
from isic_mmdet.report.confusion import Confusion
from isic_mmdet.report.page import scores
from isic_mmdet.report.page.dataset import Record, read_predictions, read_records
from isic_mmdet.report.page.evaluation import Evaluation, read_evaluation
from isic_mmdet.report.page.gallery import FILTERS, SORT_ORDERS, gallery, image_rows
from isic_mmdet.report.page.plots import iou_plots, score_text, training_plots
from isic_mmdet.report.page.provenance import data_and_split, provenance
from isic_mmdet.report.page.thumbnails import Thumbnail, make_thumbnails
from isic_mmdet.utils.files import require_not_read, write_atomically

_FOLDER = Path(__file__).parent


def write_report(
    work_dir: str | Path,
    out: str | Path,
    data_root: str | Path | None = None,
    detections: str | Path | None = None,
    show_progress: bool = True,
) -> list[str]:
    """Write the report of an evaluation as one HTML file.

    Args:
        work_dir: folder of a test, or of a run for its last validation, see `read_evaluation`.
        out: file to write.
        data_root: prepared data set of the evaluation. None takes `data/<name>`, with the name in
            `metrics.json`; without such a folder the report has no images.
        detections: written by `tools/test.py --out`. None takes `detections.json` of the work
            dir; without one the gallery shows the truth only.
        show_progress: in a bar.

    Returns:
        What the report lacks and how to fix that; one sentence each.

    Raises:
        InputError: a file that was named or is required is missing, damaged, or belongs to
            another evaluation.
    """
    names = ('metrics.json', 'per_image.csv', 'detections.json', 'scalars.json')
    require_not_read(out, [*(Path(work_dir, name) for name in names), detections])
    evaluation = read_evaluation(work_dir)
    notes: list[str] = []
    if not evaluation.scalars:
        notes.append(
            f'There is no scalars.json in {work_dir} or in the folder above it, so there are no '
            'training curves; copy the one of the training there.'
        )
    records = _records(evaluation, data_root, notes)
    thumbnails: dict[str, Thumbnail] = {}
    if records:
        path = Path(detections) if detections else Path(work_dir) / 'detections.json'
        predictions = {}
        if detections or path.is_file():
            predictions = read_predictions(path, evaluation.images)
        else:
            notes.append(
                f'There is no {path}, so the images show the truth only; write the detections '
                'with tools/test.py --out and name them with --detections.'
            )
        thumbnails = make_thumbnails(records, predictions, show_progress)
    page = _page(evaluation, records, thumbnails, notes)
    write_atomically(out, page.encode())
    return notes


def _records(
    evaluation: Evaluation, data_root: str | Path | None, notes: list[str]
) -> dict[str, Record]:
    """Return what the data set says about the images; nothing, and a note, without one."""
    if evaluation.find('data_sets'):
        notes.append('The images are of several data sets, so the report shows no images.')
        return {}
    data, split = evaluation.find('data'), evaluation.find('split')
    if data_root is not None and not split:
        raise InputError('metrics.json does not name the split; run tools/test.py again')
    root = Path(data_root or Path('data') / str(data))
    if data_root is None and not (data and split and root.is_dir()):
        notes.append(
            f'There is no {root}, so the report shows no images; name the prepared data set with '
            '--data-root.'
        )
        return {}
    return read_records(root, split, [image.image_id for image in evaluation.images])


def _page(
    evaluation: Evaluation,
    records: dict[str, Record],
    thumbnails: dict[str, Thumbnail],
    notes: list[str],
) -> str:
    rows = image_rows(evaluation, records, thumbnails)
    confusion = Confusion.of(evaluation.metrics)
    results = scores.results(evaluation, confusion)
    training, loss_parts = training_plots(evaluation.scalars)
    images = gallery(rows, thumbnails)
    style = _asset('report.css')
    script = _asset('select.js') + _asset('gallery.js') if images else ''
    content: dict[str, Any] = {
        'config': evaluation.find('config') or 'evaluation',
        'split': data_and_split(evaluation),
        'images': len(rows),
        'missed': sum(row['detections'] == 0 for row in rows),
        'notes': notes,
        'results': results,
        'headline': scores.headline(results, confusion.positive if confusion else None),
        'comparisons': scores.comparisons(results),
        'confusion': confusion,
        'iou_plots': iou_plots(evaluation),
        'groups': scores.groups(rows),
        'gallery': images,
        'sort_orders': SORT_ORDERS,
        'filters': FILTERS,
        'training': training,
        'loss_parts': loss_parts,
        'provenance': provenance(evaluation),
        'metrics': evaluation.metrics['metrics'],
        'style': Markup(style),
        'script': Markup(script),
        'style_hash': _policy_hash(style),
        'script_hash': _policy_hash(script),
    }
    environment = Environment(
        loader=FileSystemLoader(_FOLDER / 'templates'),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters['score'] = score_text
    return environment.get_template('page.html').render(content)


def _policy_hash(text: str) -> str:
    """Return how a security policy names the only style or script that it allows."""
    return 'sha256-' + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _asset(name: str) -> str:
    return (_FOLDER / 'assets' / name).read_text(encoding='utf-8')
