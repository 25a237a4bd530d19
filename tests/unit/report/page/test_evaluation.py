"""Reading a run's files: what does not belong together is refused, with every error."""

import json
import re

import numpy as np
import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.scores import threshold_jaccard
from isic_mmdet.report.page.dataset import read_predictions, read_records
from isic_mmdet.report.page.evaluation import read_evaluation
from tests.support.report_run import make_run


@pytest.fixture
def run(tmp_path, tiny_data):
    return tmp_path / 'test', make_run(tmp_path / 'test', tiny_data)


def edit(path, change):
    """Change the text of a file, and make sure that it did change."""
    before = path.read_text(encoding='utf-8')
    after = change(before)
    assert after != before
    path.write_text(after, encoding='utf-8')


def test_reads_every_row_as_it_is(run):
    folder, rows = run
    evaluation = read_evaluation(folder)
    assert [image.image_id for image in evaluation.images] == [row['image_id'] for row in rows]
    last = evaluation.images[-1]
    assert (last.score, last.predicted_label, last.detections) == (None, None, 0)
    columns = evaluation.per_image()
    np.testing.assert_array_equal(columns['iou'], [row['iou'] for row in rows])
    expected = [threshold_jaccard(row['iou']) for row in rows]
    np.testing.assert_array_equal(columns['iou_thr65'], expected)
    assert columns['missed'].sum() == 1


def test_log_of_the_training_is_found_beside_or_above(run):
    folder, _ = run
    above = read_evaluation(folder).scalars
    assert len(above) == 12
    (folder.parent / 'scalars.json').rename(folder / 'scalars.json')
    assert read_evaluation(folder).scalars == above
    (folder / 'scalars.json').unlink()
    assert read_evaluation(folder).scalars == ()


def test_files_of_two_evaluations_are_refused(run):
    folder, _ = run
    metrics = json.loads((folder / 'metrics.json').read_text())
    metrics['metrics']['lesion/dice'] += 1e-4
    (folder / 'metrics.json').write_text(json.dumps(metrics))
    with pytest.raises(InputError, match='lesion/dice'):
        read_evaluation(folder)


@pytest.mark.parametrize('name', ['metrics.json', 'per_image.csv'])
def test_missing_file_is_named(run, name):
    (run[0] / name).unlink()
    with pytest.raises(InputError, match=name):
        read_evaluation(run[0])


def test_errors_of_the_table_are_told_at_once(run):
    folder, rows = run
    twice, wrong = rows[3]['image_id'], rows[5]['image_id']
    edit(folder / 'per_image.csv', lambda text: text.replace(rows[4]['image_id'], twice))
    edit(folder / 'per_image.csv', lambda text: re.sub(f'{wrong},[^,]*', f'{wrong},nan', text))
    edit(folder / 'per_image.csv', lambda text: text.replace(',96,96\n', ',tall,96\n', 1))
    with pytest.raises(InputError) as caught:
        read_evaluation(folder)
    assert f'{twice} is there twice' in str(caught.value)
    assert 'line 7' in str(caught.value), 'not a number'
    assert "'tall'" in str(caught.value)


def test_table_of_something_else_is_refused(run):
    path = run[0] / 'per_image.csv'
    path.write_text('image_id,iou\nISIC_0000001,0.5\n')
    with pytest.raises(InputError, match='column'):
        read_evaluation(run[0])
    path.write_text('')
    with pytest.raises(InputError, match='no rows'):
        read_evaluation(run[0])


def test_records_hold_image_truth_and_facts(run, tiny_data):
    names = [row['image_id'] for row in run[1]][::-1]
    records = read_records(tiny_data, 'train', names)
    assert list(records) == names
    content = json.loads((tiny_data / 'annotations' / 'train.json').read_text())
    for image, entry in zip(content['images'], content['annotations'], strict=True):
        record = records[image['isic_id']]
        assert record.path.is_file()
        assert record.truth.decode().sum() == entry['area']
        assert record.diagnosis == image.get('diagnosis')


def test_data_of_another_evaluation_are_refused(run, tiny_data):
    with pytest.raises(InputError, match='--data-root') as caught:
        read_records(tiny_data, 'val', [row['image_id'] for row in run[1]])
    assert len(caught.value.errors) == 12


@pytest.mark.parametrize('text', ['{', '[]', '{"images": [{}], "annotations": []}'])
def test_damaged_annotations_are_refused(tmp_path, text):
    (tmp_path / 'annotations').mkdir()
    (tmp_path / 'annotations' / 'test.json').write_text(text)
    with pytest.raises(InputError, match=r'test\.json'):
        read_records(tmp_path, 'test', ['a'])


def test_highest_scoring_detection_is_taken(run):
    folder, _ = run
    images = read_evaluation(folder).images
    path = folder / 'detections.json'
    expected = read_predictions(path, images)
    assert images[0].image_id in expected and images[-1].image_id not in expected
    detections = json.loads(path.read_text())
    path.write_text(json.dumps(detections[::-1]))
    assert read_predictions(path, images) == expected, 'whatever their order'


def test_detections_of_another_evaluation_are_refused(run):
    folder, _ = run
    images = read_evaluation(folder).images
    path = folder / 'detections.json'
    detections = json.loads(path.read_text())
    detections[3]['score'] += 1e-3
    path.write_text(json.dumps(detections[:-1]))
    with pytest.raises(InputError) as caught:
        read_predictions(path, images)
    assert len(caught.value.errors) == 2, 'another score, and a detection that is not there'


@pytest.mark.parametrize(
    'text',
    [
        '{',
        '{}x',
        '[1]',
        '[{"isic_id": "a", "score": 1, "segmentation": {"size": [1], "counts": ""}}]',
    ],
)
def test_damaged_detections_are_refused(tmp_path, text):
    path = tmp_path / 'detections.json'
    path.write_text(text)
    with pytest.raises(InputError, match='--out'):
        read_predictions(path, [])


@pytest.mark.parametrize(
    'change',
    [
        lambda image, entry: image.update(file_name='../../private.jpg'),
        lambda image, entry: image.update(file_name='/home/private.jpg'),
        lambda image, entry: image.update(age='old'),
        lambda image, entry: image.update(sex=1),
        lambda image, entry: image.update(isic_id=[]),
        lambda image, entry: entry['segmentation'].update(counts='1'),
        lambda image, entry: entry['segmentation'].update(size=[60_000, 60_000]),
        lambda image, entry: entry.update(segmentation=[[1, 1, 9, 9, 1, 9]]),
    ],
)
def test_annotations_that_cannot_be_right_are_refused(tiny_data, tmp_path, change):
    content = json.loads((tiny_data / 'annotations' / 'train.json').read_text())
    change(content['images'][0], content['annotations'][0])
    (tmp_path / 'annotations').mkdir()
    (tmp_path / 'annotations' / 'train.json').write_text(json.dumps(content))
    with pytest.raises(InputError, match=r'train\.json: '):
        read_records(tmp_path, 'train', [image['isic_id'] for image in content['images']])


@pytest.mark.parametrize('height', ['0', '-5', '9' * 400])
def test_sizes_that_no_image_has_are_refused(run, height):
    folder, rows = run
    size = f',{rows[0]["height"]},{rows[0]["width"]}\n'
    edit(
        folder / 'per_image.csv',
        lambda text: text.replace(size, f',{height},{rows[0]["width"]}\n', 1),
    )
    with pytest.raises(InputError, match=r'per_image\.csv: damaged'):
        read_evaluation(folder)
