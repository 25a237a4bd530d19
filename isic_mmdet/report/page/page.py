"""One evaluation as one HTML page that needs nothing else: no network, server or library."""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.per_image import Row
from isic_mmdet.report.confusion import Confusion
from isic_mmdet.report.page.dataset import Record, read_predictions, read_records
from isic_mmdet.report.page.gallery import gallery, image_facts
from isic_mmdet.report.page.plots import iou_plots, training_plots
from isic_mmdet.report.page.scores import groups, results
from isic_mmdet.report.page.thumbnails import make_thumbnails
from isic_mmdet.report.published_results import comparable_protocol
from isic_mmdet.report.run_files import (
    Report,
    TrainingLog,
    data_and_split,
    read_evaluation,
    read_log,
    training_data,
)
from isic_mmdet.utils.files import require_not_read, write_atomically

_FOLDER = Path(__file__).parent


def write_report(
    work_dir: str | Path,
    out: str | Path,
    data_root: str | Path | None = None,
    detections: str | Path | None = None,
    show_progress: bool = True,
) -> list[str]:
    """Write the report of an evaluation as one HTML file; return what it lacks and the remedies.

    Args:
        work_dir: folder of a test, or of a run for its last validation. The `scalars.json` of the
            training is there or in the folder above.
        out: file to write.
        data_root: prepared data set of the evaluation. The default is `data/<name>`, with the name
            in `metrics.json`; without such a folder the report has no images.
        detections: written by `tools/test.py --out`. The default is `detections.json` of the work
            dir; without one the gallery shows the truth only.
        show_progress: in a bar.

    Raises:
        InputError: a file that was named or is required is missing, damaged, or belongs to
            another evaluation.
    """
    folder = Path(work_dir)
    names = ('metrics.json', 'per_image.csv', 'detections.json', 'scalars.json')
    require_not_read(out, [*(folder / name for name in names), detections])
    report, rows = read_evaluation(folder)
    notes: list[str] = []
    logs = [path / 'scalars.json' for path in (folder, folder.resolve().parent)]
    log = next((read_log(path) for path in logs if path.is_file()), TrainingLog())
    if not log.records:
        notes.append(
            f'There is no scalars.json in {work_dir} or in the folder above it, so there are no '
            'training curves; copy the file of the training there.'
        )
    records = _records(report, rows, data_root, notes)
    predictions = {}
    path = Path(detections or folder / 'detections.json')
    if records and (detections or path.is_file()):
        predictions = read_predictions(path, rows)
    elif records:
        notes.append(
            f'There is no {path}, so the images show the truth only; write the detections '
            'with tools/test.py --out and name them with --detections.'
        )
    thumbnails = make_thumbnails(records, predictions, show_progress)
    facts = image_facts(rows, records, thumbnails)
    confusion = Confusion.of(report)
    protocol = comparable_protocol(report.get('data'), report.get('split'), len(rows))
    training, loss_parts = training_plots(log)
    page = _render(
        report=report,
        trained_on=training_data(report),
        split=data_and_split(report) or '',
        images=len(rows),
        missed=sum(row['detections'] == 0 for row in rows),
        notes=notes,
        protocol=protocol,
        results=results(rows, confusion, report['metrics'], protocol),
        confusion=confusion,
        iou_plots=iou_plots(rows),
        groups=groups(facts),
        gallery=gallery(facts, thumbnails),
        training=training,
        loss_parts=loss_parts,
        style=_asset('report.css'),
        script=_asset('select.js') + _asset('gallery.js') if thumbnails else Markup(),
    )
    write_atomically(out, page.encode())
    return notes


def _records(
    report: Report, rows: Sequence[Row], data_root: str | Path | None, notes: list[str]
) -> dict[str, Record]:
    """Return what the data set says about the images; nothing, and a note, without one."""
    if report.get('data_sets'):
        notes.append('The images are of several data sets, so the report shows no images.')
        return {}
    data, split = report.get('data'), report.get('split')
    if data_root is not None and not split:
        raise InputError('metrics.json does not name the split; run tools/test.py again')
    root = Path(data_root or Path('data') / str(data))
    if data_root is None and not (data and split and root.is_dir()):
        notes.append(
            f'There is no {root}, so the report shows no images; name the prepared data set with '
            '--data-root.'
        )
        return {}
    fold = report.get('fold')
    folder = f'fold{fold["number"]}/' if fold else ''
    return read_records(root, f'{folder}{split}', rows)


def _render(**content: Any) -> str:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER / 'templates'),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {'score': _score, 'policy_hash': _policy_hash}
    return environment.get_template('page.html').render(content)


def _score(value: Any) -> Any:
    """Return a score with three digits, a dash if there is none, and other values unchanged."""
    if value is None:
        return '–'
    return f'{value:.3f}' if isinstance(value, float) else value


def _policy_hash(text: str) -> str:
    """Return how a security policy names the only style or script that it allows."""
    return 'sha256-' + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _asset(name: str) -> Markup:
    return Markup((_FOLDER / 'assets' / name).read_text(encoding='utf-8'))
