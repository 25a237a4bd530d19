"""Own images with classes of a table: trained by folds, and on two data sets together."""

import csv
import json
import re
import shutil
import statistics
from pathlib import Path

import pytest
import torch

from tests.support.disk_faults import Tool
from tests.support.own_files import add_pairs
from tests.support.tool_runs import succeed

CONFIG = 'configs/quickstart.py'
ONE_EPOCH = (
    '--cfg-options',
    *('train_cfg.max_epochs=1', 'train_cfg.val_interval=1', 'param_scheduler.0.end=1'),
    *('train_dataloader.batch_size=4', 'train_dataloader.num_workers=0'),
    'val_dataloader.num_workers=0',
)
IMAGES = {'north': 12, 'south': 8}


@pytest.fixture(scope='module')
def clinics(tmp_path_factory) -> list[Path]:
    """Two data sets of the classes benign and melanoma, each with two folds and a test part."""
    folder = tmp_path_factory.mktemp('clinics')
    prepared = []
    for clinic, number in IMAGES.items():
        names = [f'{clinic}_{k}' for k in range(number)]
        add_pairs(folder / clinic, *names)
        rows = [f'{name}.jpg;{"MEL" if k % 3 == 0 else "nv"}' for k, name in enumerate(names)]
        table = folder / clinic / 'labels.csv'
        table.write_text('\r\n'.join(['file;dx', *rows]), encoding='utf-8-sig')
        source = ('--images', folder / clinic / 'photos', '--masks', folder / clinic / 'masks')
        labels = ('--labels', table, '--id-column', 'file', '--label-column', 'dx')
        classes = ('--classes', '*=benign,MEL=melanoma', '--split', '60/20/20', '--folds', 2)
        prepared.append(folder / f'{clinic}_data')
        out = ('--out', prepared[-1], '--workers', 1)
        assert 'errors: none' in succeed('prepare_folder', *source, *labels, *classes, *out)
    return prepared


@pytest.fixture(scope='module')
def run(root):
    """Return a function that runs a tool, which must end with status 0; it returns the output."""

    def start(tool: str, *arguments: object) -> str:
        ended = Tool(root, tool)(*arguments)
        assert ended.status == 0, ended.printed[-3000:]
        return ended.printed

    return start


def best_checkpoint(work: Path) -> Path:
    (path,) = work.glob('best_lesion_iou_epoch_*.pth')
    return path


def iou(folder: Path) -> float:
    return json.loads((folder / 'metrics.json').read_text())['metrics']['lesion/iou']


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / 'per_image.csv').open(encoding='utf-8', newline='') as file:
        return list(csv.DictReader(file))


def scores_in(table: str) -> list[str]:
    return re.findall(r'\d\.\d{3} ± \d\.\d{3}', table)


def test_folds_are_trained_and_scored_and_averaged(run, clinics, tmp_path):
    data, results = clinics[0], []
    for k in range(2):
        fold, work = ('--data-root', data, '--fold', k), tmp_path / f'fold_{k}'
        run('train.py', CONFIG, *fold, '--work-dir', work, *ONE_EPOCH)
        results.append(work / 'val')
        of_split = ('--split', 'val', '--work-dir', results[-1])
        run('test.py', CONFIG, best_checkpoint(work), *fold, *of_split)
    weights = torch.load(best_checkpoint(work), weights_only=True)['state_dict']
    assert weights['roi_head.bbox_head.fc_cls.weight'].shape[0] == 3, 'two classes and background'

    validated = [[row['image_id'] for row in rows(folder)] for folder in results]
    ids = set()
    for name in ('train', 'val'):
        coco = json.loads((data / f'annotations/{name}.json').read_text())
        ids |= {image['isic_id'] for image in coco['images']}
    assert sorted(validated[0] + validated[1]) == sorted(ids)

    table = run('results_table.py', *(folder / 'metrics.json' for folder in results))
    found = [iou(folder) for folder in results]
    assert scores_in(table)[0] == f'{statistics.mean(found):.3f} ± {statistics.stdev(found):.3f}'
    assert f'| folds | 2 of 2 |\n| images | {len(ids)} |\n' in table


def test_two_data_sets_are_trained_together_and_scored_each(run, clinics, tmp_path):
    together, work = ('--data-root', *clinics), tmp_path / 'run'
    run('train.py', CONFIG, *together, '--work-dir', work, *ONE_EPOCH)
    checkpoint = best_checkpoint(work)
    printed = run('test.py', CONFIG, checkpoint, *together, '--work-dir', tmp_path / 'both')
    run('test.py', CONFIG, checkpoint, '--data-root', clinics[1], '--work-dir', tmp_path / 'alone')

    report = json.loads((tmp_path / 'both/metrics.json').read_text())
    assert report['training']['data'] == 'north_data + south_data train'
    parts = report['data_sets']
    assert list(parts) == ['north_data_test', 'south_data_test']
    assert parts['south_data_test']['metrics']['lesion/iou'] == iou(tmp_path / 'alone')
    total = sum(part['images'] * part['metrics']['lesion/iou'] for part in parts.values())
    assert total / report['images'] == pytest.approx(iou(tmp_path / 'both'))
    assert {row['image_id'][:5] + row['data_set'] for row in rows(tmp_path / 'both')} == {
        'northnorth_data_test',
        'southsouth_data_test',
    }
    assert re.search(r'all +north_data_test +south_data_test\n', printed)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_cross_validation_resumes_what_it_has_done(clinics, tmp_path, monkeypatch):
    data = shutil.copytree(clinics[1], tmp_path / 'data')
    (data / 'annotations/test.json').unlink()
    runs = tmp_path / 'runs'
    monkeypatch.setenv('WORK_DIR', str(runs))
    command = ('cross_validate.sh', CONFIG, data, *ONE_EPOCH)
    table = succeed(*command)
    assert len(scores_in(table)) > 2
    before = {path: path.stat().st_mtime_ns for path in runs.glob('fold_*/*.pth')}
    assert len(before) == 4, 'the last and the best checkpoint of two folds'
    assert scores_in(succeed(*command)) == scores_in(table)
    assert {path: path.stat().st_mtime_ns for path in before} == before
