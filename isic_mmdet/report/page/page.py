"""One evaluation as one HTML page that needs nothing else: no network, no server, no library."""

import base64
import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from isic_mmdet.errors import InputError
from isic_mmdet.report.page.curves import training_section
from isic_mmdet.report.page.dataset import Record, read_predictions, read_records
from isic_mmdet.report.page.evaluation import Evaluation, read_evaluation
from isic_mmdet.report.page.gallery import gallery_data, gallery_records, gallery_section
from isic_mmdet.report.page.groups import groups_section
from isic_mmdet.report.page.headline import headline_section
from isic_mmdet.report.page.markup import Markup, element, join
from isic_mmdet.report.page.pictures import Picture, draw_pictures
from isic_mmdet.report.page.plot import clip
from isic_mmdet.report.page.sections import confusion_section, provenance_section
from isic_mmdet.report.page.spread import spread_section
from isic_mmdet.utils.files import require_not_read, write_atomically

_ASSETS = Path(__file__).parent / 'assets'


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
        data_root: prepared data set of the evaluation. None takes `data/<name>` as
            `metrics.json` names it; without such a folder the report has no pictures.
        detections: what `tools/test.py --out` wrote. None takes `detections.json` of the work
            dir; without one the gallery shows the truth alone.
        show_progress: on a bar.

    Returns:
        What the report lacks, and how to mend that; one sentence each.

    Raises:
        InputError: if a file is missing that was named or is needed, is damaged, or belongs to
            another evaluation.
    """
    names = ('metrics.json', 'per_image.csv', 'detections.json', 'scalars.json')
    require_not_read(out, [*(Path(work_dir, name) for name in names), detections])
    evaluation = read_evaluation(work_dir)
    notes: list[str] = []
    if not evaluation.scalars:
        notes.append(
            f'There is no scalars.json in {work_dir} or in the folder above it, so there are no '
            'curves; copy that of the training there.'
        )
    records = _records(evaluation, data_root, notes)
    pictures: dict[str, Picture] = {}
    if records:
        path = Path(detections) if detections else Path(work_dir) / 'detections.json'
        predictions = {}
        if detections or path.is_file():
            predictions = read_predictions(path, evaluation.images)
        else:
            notes.append(
                f'There is no {path}, so the pictures show the truth alone; write the detections '
                'with tools/test.py --out and name them with --detections.'
            )
        pictures = draw_pictures(records, predictions, show_progress)
    rows = _rows(evaluation, records, pictures)
    write_atomically(out, _page(evaluation, rows, pictures, notes).encode())
    return notes


def _records(
    evaluation: Evaluation, data_root: str | Path | None, notes: list[str]
) -> dict[str, Record]:
    if evaluation.find('data_sets'):
        notes.append('The images are of several data sets, so there are no pictures.')
        return {}
    data, split = evaluation.find('data'), evaluation.find('split')
    if data_root is not None and not split:
        raise InputError('metrics.json does not name the split; run tools/test.py again')
    root = Path(data_root or Path('data') / str(data))
    if data_root is None and not (data and split and root.is_dir()):
        notes.append(
            f'There is no {root}, so there are no pictures; name the prepared data set with '
            '--data-root.'
        )
        return {}
    return read_records(root, split, [image.image_id for image in evaluation.images])


def _rows(
    evaluation: Evaluation, records: dict[str, Record], pictures: dict[str, Picture]
) -> list[dict[str, Any]]:
    """Return scores and facts of every image in one mapping, as groups and gallery take them."""
    # Where there is one class only, it says nothing.
    told = len({image.label for image in evaluation.images}) > 1
    rows = []
    for image in evaluation.images:
        row = asdict(image)
        row |= row.pop('scores')
        record, picture = records.get(image.image_id), pictures.get(image.image_id)
        label = image.label if told else None
        row['diagnosis'] = _spoken(record.diagnosis if record and record.diagnosis else label)
        row['predicted_label'] = _spoken(image.predicted_label) if told else None
        row['age'] = record.age if record else None
        row['sex'] = record.sex if record else None
        row['lesion_share'] = picture.lesion_share if picture else None
        row['touches_border'] = picture.touches_border if picture else None
        rows.append(row)
    return rows


def _spoken(label: str | None) -> str | None:
    """Return a label as people write it: the files have `seborrheic_keratosis`."""
    return None if label is None else label.replace('_', ' ')


def _page(
    evaluation: Evaluation,
    rows: list[dict[str, Any]],
    pictures: dict[str, Picture],
    notes: list[str],
) -> str:
    columns = evaluation.per_image()
    shown = gallery_records(rows, pictures) if pictures else []
    sections = {
        'scores': headline_section(evaluation, columns),
        'confusion': confusion_section(evaluation),
        'spread': spread_section(evaluation.images, columns),
        'groups': groups_section(rows),
        'gallery': gallery_section(shown) if shown else None,
        'training': training_section(evaluation.scalars),
        'provenance': provenance_section(evaluation),
    }
    titles = {
        'scores': 'Scores',
        'confusion': 'Confusion matrix',
        'spread': 'IoU per image',
        'groups': 'Groups',
        'gallery': 'Gallery',
        'training': 'Training',
        'provenance': 'Provenance',
    }
    links = [
        element('a', titles[name], href=f'#{name}')
        for name, section in sections.items()
        if section is not None
    ]
    name = evaluation.find('config') or 'evaluation'
    split = ' '.join(str(evaluation.find(k)) for k in ('data', 'split') if evaluation.find(k))
    body = [
        element('a', 'Skip to the scores', href='#scores', class_='skip'),
        element(
            'header',
            element('h1', name),
            element('p', f'{split}, {len(rows)} images. For research, not a medical device.'),
            element('nav', links, aria_label='Sections'),
            [element('p', note, class_='note') for note in notes],
        ),
        clip(),
        element('main', list(sections.values())),
    ]
    style = _asset('report.css')
    script = _asset('select.js') + _asset('gallery.js') if shown else None
    head = [
        element('meta', charset='utf-8'),
        element(
            'meta', http_equiv='Content-Security-Policy', content=_security_policy(style, script)
        ),
        element('meta', name='viewport', content='width=device-width, initial-scale=1'),
        element('meta', name='color-scheme', content='light dark'),
        element('title', f'{name}: {split}'),
        element('style', Markup(style)),
    ]
    if script:
        body += [gallery_data(shown, pictures), element('script', Markup(script))]
    page = element('html', element('head', head), element('body', join(body)), lang='en')
    return f'<!DOCTYPE html>\n{page}\n'


def _security_policy(style: str, script: str | None) -> str:
    """Return the policy by which the browser itself refuses all requests and foreign scripts."""
    hashes = [
        'sha256-' + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in (style, script or '')
    ]
    return (
        f"default-src 'none'; img-src data:; style-src '{hashes[0]}'; script-src '{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding='utf-8')
