"""The report as a file: its numbers are those of the run, it stands alone, and it stays small."""

import json
import re
import shutil
from html.parser import HTMLParser

import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.report.page.page import write_report
from tests.support.report_run import make_run

VOID = {'meta', 'input', 'br', 'img'}


class Page(HTMLParser):
    """Collects elements and texts, and insists that every element is closed where it should."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.texts = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else None, data))

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]

    def headings(self):
        return [text for tag, text in self.texts if tag == 'h2']

    def cells(self):
        return [text for tag, text in self.texts if tag in ('td', 'th')]

    def script(self, name):
        """Return the text of a script element by its id."""
        scripts = [attrs.get('id') for attrs in self.all('script')]
        return [text for tag, text in self.texts if tag == 'script'][scripts.index(name)]


def tables(text):
    return re.findall(r'<table>.*?</table>', text, re.DOTALL)


@pytest.fixture
def run(tmp_path, tiny_data):
    return tmp_path / 'test', make_run(tmp_path / 'test', tiny_data)


def report(folder, **options):
    out = folder / 'report.html'
    notes = write_report(folder, out, show_progress=False, **options)
    return out.read_text(encoding='utf-8'), notes


def test_numbers_are_those_of_the_run(run, tiny_data):
    folder, rows = run
    text, notes = report(folder, data_root=tiny_data)
    assert notes == []
    page = Page(text)
    assert page.headings() == [
        'Scores',
        'IoU per image',
        'Groups',
        'Gallery',
        'Training',
        'Where the numbers come from',
    ]
    metrics = json.loads((folder / 'metrics.json').read_text())['metrics']
    cells = page.cells()
    for name, words in (('iou', 'IoU (Jaccard index)'), ('dice', 'Dice'), ('missed', 'share of')):
        at = next(i for i, cell in enumerate(cells) if cell.startswith(words))
        assert cells[at + 1] == f'{metrics[f"lesion/{name}"]:.3f}'
        if name == 'iou':
            low, high = metrics['lesion/iou_ci_low'], metrics['lesion/iou_ci_high']
            assert cells[at + 2] == f'{low:.3f} to {high:.3f}', 'the same interval as in the file'
    assert 'python tools/test.py tiny_config.py best.pth' in text
    assert '1.5 minutes' in text

    records = json.loads(page.script('records'))
    assert [record['id'] for record in records] == [row['image_id'] for row in rows]
    for record, row in zip(records, rows, strict=True):
        assert (record['iou'], record['score']) == (row['iou'], row['score'])
        assert record['truth'].startswith('M')
        assert (record['prediction'] is None) == (row['detections'] == 0)


def test_the_shown_prediction_is_the_highest_scoring_detection(run, tiny_data):
    folder, rows = run
    text, _ = report(folder, data_root=tiny_data)
    record = json.loads(Page(text).script('records'))[0]
    assert rows[0]['iou_max'] == 1
    assert record['prediction'] != record['truth'], 'the second detection is the truth itself'


def test_stands_alone(run, tiny_data):
    folder, _ = run
    text, _ = report(folder, data_root=tiny_data)
    page = Page(text)
    for _, attrs in page.elements:
        for name in ('src', 'href', 'action', 'data', 'xlink:href', 'poster', 'srcset'):
            assert attrs.get(name, '#').startswith('#'), attrs
    assert not page.all('link') and not page.all('iframe')
    style = next(text for tag, text in page.texts if tag == 'style')
    assert 'url(' not in style and '@import' not in style
    policy = next(a['content'] for a in page.all('meta') if 'http-equiv' in a)
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert 'unsafe' not in policy


def test_names_and_labels_are_told(run, tiny_data):
    page = Page(report(run[0], data_root=tiny_data)[0])
    assert page.all('html')[0]['lang'] == 'en'
    ids = [attrs['id'] for _, attrs in page.elements if 'id' in attrs]
    assert len(ids) == len(set(ids))
    for link in page.all('a'):
        assert link['href'].removeprefix('#') in ids
    plots = [attrs for attrs in page.all('svg') if attrs.get('role') == 'img']
    assert len(plots) == 6 and all(attrs['aria-label'] for attrs in plots)
    assert all(
        attrs.get('aria-hidden') == 'true' for attrs in page.all('svg') if attrs not in plots
    )


def test_text_from_files_is_never_markup(run, tiny_data):
    folder, _ = run
    evil = '</script><script>alert(1)</script><img src=x onerror=alert(2)>'
    metrics = json.loads((folder / 'metrics.json').read_text())
    metrics['config'] = metrics['command'] = metrics['training']['weights'] = evil
    metrics['versions'] = {evil: evil}
    (folder / 'metrics.json').write_text(json.dumps(metrics))
    copy = folder.parent / 'data'
    shutil.copytree(tiny_data, copy)
    path = copy / 'annotations' / 'train.json'
    annotations = json.loads(path.read_text())
    for image in annotations['images']:
        image['diagnosis'] = image['sex'] = evil
    path.write_text(json.dumps(annotations))

    page = Page(report(folder, data_root=copy)[0])
    # The records, an image each, and our own script.
    assert len(page.all('script')) == 2 + len(annotations['images'])
    assert not page.all('img')
    assert all(not name.startswith('on') for _, attrs in page.elements for name in attrs)
    assert json.loads(page.script('records'))[0]['diagnosis'] == evil


def test_published_numbers_are_next_to_those_of_the_model(run):
    text, _ = report(run[0])
    metrics = json.loads((run[0] / 'metrics.json').read_text())['metrics']
    for key, value, source in (
        ('lesion/iou_thr65', '0.802', 'arXiv 1809.03917'),
        ('lesion/iou', '0.765', 'ISIC 2017 challenge'),
        ('lesion/iou_max', '0.85', 'random quarter of the 2,594'),
    ):
        (beside,) = (table for table in tables(text) if source in table)
        assert beside.index(f'{metrics[key]:.3f}') < beside.index(value), 'the model comes first'
    tiles = re.findall(r'<li><strong>.*?</li>', text)
    assert '95 % interval' in tiles[1] and '0.802' in tiles[1]


def test_labels_are_told_as_people_write_them(run, tiny_data):
    folder, _ = run
    copy = folder.parent / 'data'
    shutil.copytree(tiny_data, copy)
    path = copy / 'annotations' / 'train.json'
    annotations = json.loads(path.read_text())
    for image in annotations['images']:
        image['diagnosis'] = 'seborrheic_keratosis'
    path.write_text(json.dumps(annotations))
    records = json.loads(Page(report(folder, data_root=copy)[0]).script('records'))
    assert {record['diagnosis'] for record in records} == {'seborrheic keratosis'}
    assert {record['predicted'] for record in records} == {None}, 'one class says nothing'


def test_a_test_without_the_log_of_its_training_says_so(run, tiny_data):
    folder, _ = run
    (folder.parent / 'scalars.json').unlink()
    text, (note,) = report(folder, data_root=tiny_data)
    assert 'scalars.json' in note and note.replace("'", '&#39;') in text
    assert 'Training' not in Page(text).headings()


def test_without_data_there_are_no_pictures_and_it_says_why(run, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    text, (note,) = report(run[0])
    assert '--data-root' in note
    page = Page(text)
    assert 'Gallery' not in page.headings()
    assert 'IoU per image' in page.headings()
    assert not page.all('script')
    assert '--data-root' in text


def test_without_detections_the_truth_is_shown_alone_and_it_says_why(run, tiny_data):
    folder, _ = run
    (folder / 'detections.json').rename(folder / 'elsewhere.json')
    text, (note,) = report(folder, data_root=tiny_data)
    assert '--detections' in note
    assert {r['prediction'] for r in json.loads(Page(text).script('records'))} == {None}
    with_them, notes = report(folder, data_root=tiny_data, detections=folder / 'elsewhere.json')
    assert notes == []
    assert json.loads(Page(with_them).script('records'))[0]['prediction']


def test_a_named_file_that_is_missing_is_refused(run, tiny_data):
    folder, _ = run
    with pytest.raises(InputError, match=r'absent\.json'):
        report(folder, data_root=tiny_data, detections='absent.json')
    with pytest.raises(InputError, match='--data-root'):
        report(folder, data_root=folder / 'absent')


def test_confusion_matrix_and_melanoma_scores(run):
    folder, _ = run
    metrics = json.loads((folder / 'metrics.json').read_text())
    metrics['confusion_matrix'] = {
        'classes': ['not melanoma', 'melanoma'],
        'counts': [[7, 1], [3, 1]],
    }
    metrics['metrics'] |= {'melanoma/precision': 0.5, 'melanoma/recall': 0.25, 'melanoma/auc': None}
    (folder / 'metrics.json').write_text(json.dumps(metrics))
    text, _ = report(folder)
    page = Page(text)
    assert 'Confusion matrix' in page.headings()
    words = re.sub(r'<[^>]+>', '|', text)
    assert 'truth: melanoma||' in words and '3||' in words and '(75.0 %)' in words
    cells = page.cells()
    assert 'melanoma: AUC' in cells
    at = cells.index('melanoma: recall')
    assert cells[at + 1] == '0.250' and ' to ' in cells[at + 2]
    assert 'melanoma: recall' in [text for tag, text in page.texts if tag == 'span'], 'a headline'
    assert any('ISIC 2017 validation' in table and '0.43' in table for table in tables(text))


def test_same_files_give_the_same_page(run, tiny_data):
    assert report(run[0], data_root=tiny_data) == report(run[0], data_root=tiny_data)
