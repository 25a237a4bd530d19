"""Three classes of any names, from an annotation file made elsewhere: trained and evaluated."""

import json
import shutil
import subprocess
import sys

import pytest

NAMES = ('Näv us', 'mel', 'плоский лишай')
CONFIG = """
_base_ = '{root}/configs/quickstart.py'
dataset = dict(
    type='LesionDataset',
    metainfo=dict(classes={names!r}, palette=[(0, 0, 0), (9, 9, 9), (99, 9, 9)]),
)
loader = dict(num_workers=0, persistent_workers=False, dataset=dataset)
model = dict(roi_head=dict(bbox_head=dict(num_classes=3), mask_head=dict(num_classes=3)))
train_dataloader = dict(batch_size=2, **loader)
val_dataloader = loader
train_cfg = dict(max_epochs=1)
val_evaluator = dict(positive='{positive}')
"""


@pytest.fixture
def data(tiny_data, tmp_path):
    """Categories with ids of their own, and none of the last class in validation."""
    folder = shutil.copytree(tiny_data, tmp_path / 'data')
    (folder / 'prepare_report.json').unlink()
    for path in (folder / 'annotations').iterdir():
        coco = json.loads(path.read_text())
        coco['categories'] = [{'id': 7 + k, 'name': name} for k, name in enumerate(NAMES)]
        for number, annotation in enumerate(coco['annotations']):
            annotation['category_id'] = 7 + number % (2 if path.stem == 'val' else 3)
        path.write_text(json.dumps(coco))
    return folder


def train(root, data, work, positive):
    config = work.parent / 'three_classes.py'
    config.write_text(CONFIG.format(root=root, names=NAMES, positive=positive), encoding='utf-8')
    command = [sys.executable, root / 'tools/train.py', config]
    command += ['--data-root', data, '--work-dir', work]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=root)


@pytest.mark.slow
def test_three_classes_of_a_foreign_file_are_trained_and_scored(root, data, tmp_path):
    done = train(root, data, tmp_path / 'run', 'mel')
    assert done.returncode == 0, done.stderr[-3000:]
    assert 'tools/check_dataset.py' in done.stdout + done.stderr
    report = json.loads((tmp_path / 'run/metrics.json').read_text())
    matrix = report['confusion_matrix']
    assert matrix['classes'] == list(NAMES)
    assert matrix['positive'] == 'mel'
    assert sum(map(sum, matrix['counts'])) + sum(matrix['no_detection']) == report['images'] == 3
    assert report['metrics'][f'classes/auc/{NAMES[2]}'] is None
    assert 'mel/auc' in report['metrics']
    header = (tmp_path / 'run/per_image.csv').read_text(encoding='utf-8').splitlines()[0]
    assert header.endswith(','.join(f'{name}_score' for name in NAMES))
    assert (tmp_path / 'run/plots/confusion_matrix.png').is_file()


def test_a_positive_class_that_is_none_ends_the_run_before_training(root, data, tmp_path):
    done = train(root, data, tmp_path / 'run', 'melanoma')
    assert done.returncode == 1
    assert "positive class 'melanoma'" in done.stderr
    assert 'Traceback' not in done.stderr
    assert not list((tmp_path / 'run').glob('*.pth'))
