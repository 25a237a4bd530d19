"""The report as a file: its numbers are those of the run, and a browser needs nothing else."""

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
    """Elements and texts of a page; every element must be closed in the right place."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.source, self.open, self.elements, self.texts = text, [], [], []
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

    def texts_of(self, *tags):
        return [text for tag, text in self.texts if tag in tags]

    def records(self):
        """Return the records of the gallery."""
        scripts = [attrs.get('id') for attrs in self.all('script')]
        return json.loads(self.texts_of('script')[scripts.index('records')])

    def table_with(self, text):
        (found,) = (
            table
            for table in re.findall(r'<table>.*?</table>', self.source, re.DOTALL)
            if text in table
        )
        return found


@pytest.fixture
def run(tmp_path, tiny_data):
    return tmp_path / 'test', make_run(tmp_path / 'test', tiny_data)


def report(folder, data_root=None, **options):
    out = folder / 'report.html'
    notes = write_report(folder, out, data_root, show_progress=False, **options)
    return Page(out.read_text(encoding='utf-8')), notes


def edit(path, change):
    """Change the content of a JSON file."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def with_labels(folder, tiny_data, **labels):
    """Return a copy of a data set whose images all have these labels."""
    copy = folder.parent / 'data'
    shutil.copytree(tiny_data, copy)
    edit(
        copy / 'annotations' / 'train.json',
        lambda content: [image.update(labels) for image in content['images']],
    )
    return copy


def test_numbers_are_those_of_the_run(run, tiny_data):
    folder, rows = run
    page, notes = report(folder, tiny_data)
    assert notes == []
    assert page.texts_of('h2') == [
        'Scores',
        'IoU per image',
        'Groups',
        'Gallery',
        'Training',
        'Where the numbers come from',
    ]
    metrics = json.loads((folder / 'metrics.json').read_text())['metrics']
    cells = page.texts_of('td', 'th')
    for name, words in (('iou', 'IoU (Jaccard index)'), ('dice', 'Dice'), ('missed', 'share of')):
        at = next(i for i, cell in enumerate(cells) if cell.startswith(words))
        assert cells[at + 1] == f'{metrics[f"lesion/{name}"]:.3f}'
        if name == 'iou':
            low, high = metrics['lesion/iou_ci_low'], metrics['lesion/iou_ci_high']
            assert cells[at + 2] == f'{low:.3f} to {high:.3f}', 'the same interval as in the file'
    assert 'python tools/test.py tiny_config.py best.pth' in page.source
    assert '1.5 minutes' in page.source

    records = page.records()
    assert [record['id'] for record in records] == [row['image_id'] for row in rows]
    for record, row in zip(records, rows, strict=True):
        assert (record['iou'], record['score']) == (row['iou'], row['score'])
        assert record['truth'].startswith('M')
        assert (record['prediction'] is None) == (row['detections'] == 0)
    assert rows[0]['iou_max'] == 1
    assert records[0]['prediction'] != records[0]['truth'], 'the truth has the lower score'


def test_a_browser_needs_nothing_else_and_may_load_nothing_else(run, tiny_data):
    page, _ = report(run[0], tiny_data)
    for _, attrs in page.elements:
        for name in ('src', 'href', 'action', 'data', 'xlink:href', 'poster', 'srcset'):
            assert attrs.get(name, '#').startswith('#'), attrs
    assert not page.all('link') and not page.all('iframe')
    (style,) = page.texts_of('style')
    assert 'url(' not in style and '@import' not in style
    policy = next(a['content'] for a in page.all('meta') if 'http-equiv' in a)
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert 'unsafe' not in policy


def test_ids_are_unique_and_figures_have_names(run, tiny_data):
    page, _ = report(run[0], tiny_data)
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
    folder, rows = run
    evil = '</script><script>alert(1)</script><img src=x onerror=alert(2)>'
    facts = {'config': evil, 'command': evil, 'training': {'weights': evil}}
    edit(folder / 'metrics.json', lambda report: report.update(facts, versions={evil: evil}))
    page, _ = report(folder, with_labels(folder, tiny_data, diagnosis=evil, sex=evil))
    assert len(page.all('script')) == 2 + len(rows), 'the records, the code, and the images'
    assert not page.all('img')
    assert all(not name.startswith('on') for _, attrs in page.elements for name in attrs)
    assert page.records()[0]['diagnosis'] == evil


def test_labels_are_shown_in_words(run, tiny_data):
    data = with_labels(run[0], tiny_data, diagnosis='seborrheic_keratosis')
    records = report(run[0], data)[0].records()
    assert {record['diagnosis'] for record in records} == {'seborrheic keratosis'}
    assert {record['predicted_label'] for record in records} == {None}, 'there is only one class'


def test_comparable_numbers_come_first_and_others_are_apart(run):
    folder, _ = run
    edit(folder / 'metrics.json', lambda report: report.update(data='isic2018', split='test'))
    page, _ = report(folder)
    metrics = json.loads((folder / 'metrics.json').read_text())['metrics']
    iou = page.table_with('IoU (Jaccard index) of the highest-scoring detection</caption>')
    apart = iou.index('Other test set, not comparable')
    assert iou.index(f'{metrics["lesion/iou"]:.3f}') < iou.index('0.8345') < apart
    assert apart < iou.index('arXiv 1902.00809')
    thresholded = page.table_with('arXiv 1809.03917')
    assert thresholded.index('Other test set') < thresholded.index('0.802')
    tiles = re.findall(r'<li><strong>.*?</li>', page.source)
    assert 'Ms RED: 0.8345, comparable images' in tiles[0]
    assert '95 % interval' in tiles[1] and '0.802, other test set' in tiles[1]
    assert 'checkpoint chosen on the 260' in page.source


def test_other_images_compare_with_nothing(run):
    page, _ = report(run[0])
    iou = page.table_with('IoU (Jaccard index) of the highest-scoring detection</caption>')
    assert iou.index('Other test set, not comparable') < iou.index('0.8345')
    assert 'comparable images' not in page.source


def test_the_log_of_the_training_may_be_next_to_the_test_or_missing(run, tiny_data):
    folder, _ = run
    above, _ = report(folder, tiny_data)
    (folder.parent / 'scalars.json').rename(folder / 'scalars.json')
    assert report(folder, tiny_data)[0].source == above.source, 'the same files, the same page'
    (folder / 'scalars.json').unlink()
    page, (note,) = report(folder, tiny_data)
    assert 'scalars.json' in note and note in page.texts_of('p')
    assert 'Training' not in page.texts_of('h2')


def test_without_data_there_are_no_images_and_a_note(run, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    page, (note,) = report(run[0])
    assert '--data-root' in note and note in page.texts_of('p')
    assert 'Gallery' not in page.texts_of('h2') and 'IoU per image' in page.texts_of('h2')
    assert not page.all('script')
    edit(run[0] / 'metrics.json', lambda report: report.update(data_sets={'a': {}}))
    assert 'several data sets' in report(run[0])[1][0]


def test_without_detections_only_the_truth_is_shown_and_a_note(run, tiny_data):
    folder, _ = run
    elsewhere = (folder / 'detections.json').rename(folder / 'elsewhere.json')
    page, (note,) = report(folder, tiny_data)
    assert '--detections' in note
    assert {record['prediction'] for record in page.records()} == {None}
    page, notes = report(folder, tiny_data, detections=elsewhere)
    assert notes == [] and page.records()[0]['prediction']


@pytest.mark.parametrize(
    ('options', 'words'),
    [({'detections': 'absent.json'}, r'absent\.json'), ({'data_root': 'absent'}, '--data-root')],
)
def test_a_named_file_that_is_missing_is_refused(run, tiny_data, options, words):
    with pytest.raises(InputError, match=words):
        report(run[0], **{'data_root': tiny_data} | options)
    assert not (run[0] / 'report.html').exists()


def test_confusion_matrix_and_melanoma_scores(run):
    folder, _ = run
    matrix = {'classes': ['not melanoma', 'melanoma'], 'counts': [[7, 1], [3, 1]]}
    scores = {'melanoma/precision': 0.5, 'melanoma/recall': 0.25, 'melanoma/auc': None}

    def add(content):
        content['confusion_matrix'] = matrix
        content['metrics'] |= scores

    edit(folder / 'metrics.json', add)
    page, _ = report(folder)
    assert 'Confusion matrix' in page.texts_of('h2')
    words = re.sub(r'<[^>]+>', '|', page.source)
    assert 'truth: melanoma||' in words and '3||' in words and '(75.0 %)' in words
    cells = page.texts_of('td', 'th')
    assert 'melanoma: AUC' in cells
    at = cells.index('melanoma: recall')
    assert cells[at + 1] == '0.250' and ' to ' in cells[at + 2]
    assert 'melanoma: recall' in page.texts_of('span'), 'a headline'
    assert '0.43' in page.table_with('melanoma: precision</caption>')
