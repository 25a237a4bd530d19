"""The commands as users type them, on a tiny data set: train, resume, test, many processes."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import isic_mmdet.register  # noqa: F401

SMALL = [
    'train_cfg.max_epochs=1',
    'train_cfg.val_interval=1',
    'param_scheduler.0.end=1',
    'train_dataloader.batch_size=4',
    'train_dataloader.num_workers=0',
    'train_dataloader.persistent_workers=False',
    'val_dataloader.num_workers=0',
    'val_dataloader.persistent_workers=False',
]
SMALL_TEST = [
    'test_dataloader.num_workers=0',
    'test_dataloader.persistent_workers=False',
    'test_dataloader.batch_size=2',
]


def call(
    root: Path, *command: str | Path, cwd: Path | None = None, gpu: bool = False
) -> subprocess.CompletedProcess:
    environment = {**os.environ, 'PYTHON': sys.executable, 'OMP_NUM_THREADS': '1'}
    if not gpu:
        environment['CUDA_VISIBLE_DEVICES'] = ''
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd or root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
    )


def small(*more: str) -> list[str]:
    changed = {word.partition('=')[0] for word in more}
    kept = [word for word in SMALL if word.partition('=')[0] not in changed]
    return ['--cfg-options', *kept, *more]


@pytest.fixture(scope='module')
def trained(root, tiny_data, tmp_path_factory) -> Path:
    """The work dir of a run of one epoch, started from another folder than the project's."""
    work = tmp_path_factory.mktemp('run')
    elsewhere = tmp_path_factory.mktemp('elsewhere')
    done = call(
        root,
        sys.executable,
        root / 'tools/train.py',
        root / 'configs/quickstart.py',
        '--data-root',
        tiny_data,
        '--work-dir',
        work,
        *small(),
        cwd=elsewhere,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert not list(elsewhere.iterdir())
    return work


def checkpoint_of(work: Path) -> Path:
    (path,) = work.glob('best_lesion_iou_epoch_*.pth')
    return path


@pytest.fixture(scope='module')
def tested(root, tiny_data, trained, tmp_path_factory) -> Path:
    """The work dir of a test of that run, in one process, with everything that can be asked."""
    work = tmp_path_factory.mktemp('test')
    done = call(
        root,
        sys.executable,
        'tools/test.py',
        'configs/quickstart.py',
        checkpoint_of(trained),
        '--data-root',
        tiny_data,
        '--work-dir',
        work,
        '--show-dir',
        work / 'images',
        '--cfg-options',
        *SMALL_TEST,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert 'lesion/iou' in done.stdout
    assert str(work / 'images') in done.stdout
    return work


def test_training_leaves_what_the_report_needs(trained):
    rows = [json.loads(line) for line in (trained / 'scalars.json').open()]
    assert any('loss_mask' in row for row in rows)
    assert any('lesion/iou' in row for row in rows)
    assert (trained / 'metrics.json').is_file()
    assert (trained / 'per_image.csv').is_file()
    assert (trained / 'plots/iou_box.png').is_file()
    assert list(trained.glob('tensorboard/events.out.tfevents.*'))


def test_testing_scores_every_image_and_draws_it(tested, tiny_data):
    coco = json.loads((tiny_data / 'annotations/test.json').read_text())
    ids = {image['isic_id'] for image in coco['images']}
    report = json.loads((tested / 'metrics.json').read_text())
    assert report['images'] == len(ids)
    assert 0 <= report['metrics']['lesion/iou'] <= report['metrics']['lesion/iou_max'] <= 1
    assert {path.stem for path in (tested / 'images').iterdir()} == ids
    found = json.loads((tested / 'detections.json').read_text())
    assert {entry['isic_id'] for entry in found} <= ids


def test_a_new_run_never_writes_over_an_older_one(root, tiny_data, trained):
    done = call(
        root,
        sys.executable,
        'tools/train.py',
        'configs/quickstart.py',
        '--data-root',
        tiny_data,
        '--work-dir',
        trained,
        *small(),
    )
    assert done.returncode == 1
    assert '--resume' in done.stderr
    assert 'Traceback' not in done.stderr


def test_resume_goes_on_where_the_run_ended(root, tiny_data, trained, tmp_path):
    work = Path(shutil.copytree(trained, tmp_path / 'work'))
    done = call(
        root,
        sys.executable,
        'tools/train.py',
        'configs/quickstart.py',
        '--data-root',
        tiny_data,
        '--work-dir',
        work,
        '--resume',
        *small('train_cfg.max_epochs=2'),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert torch.load(work / 'epoch_2.pth')['meta']['iter'] == 6
    rows = [json.loads(line) for line in (work / 'scalars.json').open()]
    assert len([row for row in rows if 'loss' in row]) == 2  # one a part of the run


def test_all_errors_of_an_experiment_come_at_once(root, tiny_data, tmp_path):
    done = call(
        root,
        sys.executable,
        'tools/train.py',
        'configs/isic2017_maskrcnn.py',
        '--data-root',
        tiny_data,
        '--work-dir',
        tmp_path,
        '--cfg-options',
        'model.roi_head.mask_head.num_classes=7',
    )
    assert done.returncode == 1
    assert 'Traceback' not in done.stderr
    for expected in ('train.json', 'val.json', "class 'melanoma'", 'mask_head.num_classes is 7'):
        assert expected in done.stderr


def test_two_processes_score_as_one(root, tiny_data, trained, tested, tmp_path):
    # Three images over two processes with batches of two: the last batch is uneven.
    done = call(
        root,
        'bash',
        'tools/dist_test.sh',
        'configs/quickstart.py',
        checkpoint_of(trained),
        '2',
        '--data-root',
        tiny_data,
        '--work-dir',
        tmp_path,
        '--out',
        tmp_path / 'detections.json',
        '--cfg-options',
        *SMALL_TEST,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    alone = json.loads((tested / 'metrics.json').read_text())
    together = json.loads((tmp_path / 'metrics.json').read_text())
    assert alone['images'] == together['images'] == 3
    assert 'Distributed training: True' in done.stdout
    assert 'GPU number: 2' in done.stdout
    for name, value in alone['metrics'].items():
        np.testing.assert_allclose(together['metrics'][name], value, atol=1e-6, err_msg=name)
    first, second = (
        [entry['isic_id'] for entry in json.loads((work / 'detections.json').read_text())]
        for work in (tested, tmp_path)
    )
    assert first == second


def test_two_processes_train(root, tiny_data, tmp_path):
    done = call(
        root,
        'bash',
        'tools/dist_train.sh',
        'configs/quickstart.py',
        '2',
        '--data-root',
        tiny_data,
        '--work-dir',
        tmp_path,
        *small(),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    # Twelve images in batches of four by two processes.
    assert torch.load(tmp_path / 'epoch_1.pth')['meta']['iter'] == 2
    assert json.loads((tmp_path / 'metrics.json').read_text())['images'] == 3


def test_two_processes_train_in_stages(root, tiny_data, tmp_path):
    done = call(
        root,
        'bash',
        'tools/dist_train.sh',
        'configs/student_projects/student2018_r18_256px.py',
        '2',
        '--data-root',
        tiny_data,
        '--work-dir',
        tmp_path,
        '--cfg-options',
        'model.backbone.init_cfg=None',
        'train_dataloader.sampler.num_samples=4',
        'train_dataloader.batch_size=2',
        'train_cfg.max_epochs=2',
        'train_cfg.val_interval=2',
        'val_dataloader.dataset.subset=None',
        'default_hooks.staged_training.stages.1.begin=1',
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert 'stage 2 of 2 from epoch 2 on' in done.stdout
    scalars = [json.loads(line) for line in (tmp_path / 'scalars.json').read_text().splitlines()]
    assert [record['step'] for record in scalars if 'val/loss' in record] == [1, 2]
    first, second = (torch.load(tmp_path / f'epoch_{epoch}.pth')['state_dict'] for epoch in (1, 2))
    moved = {name for name in first if not torch.equal(first[name], second[name])}
    assert any(name.startswith('backbone.layer3') for name in moved)
    assert not any(name.startswith(('backbone.conv1', 'backbone.layer1')) for name in moved)


def test_time_augmentation_gives_one_mask_per_image(root, tiny_data, trained, tmp_path):
    done = call(
        root,
        sys.executable,
        'tools/test.py',
        'configs/quickstart.py',
        checkpoint_of(trained),
        '--data-root',
        tiny_data,
        '--work-dir',
        tmp_path,
        '--tta',
        '--cfg-options',
        *SMALL_TEST,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads((tmp_path / 'metrics.json').read_text())
    assert report['images'] == 3
    with (tmp_path / 'per_image.csv').open() as file:
        # One merged detection per image leaves nothing for the oracle to choose.
        assert [row['detections'] for row in csv.DictReader(file)] == ['1', '1', '1']


@pytest.mark.gpu
def test_a_gpu_trains_in_mixed_precision_and_resumes(root, tiny_data, tmp_path):
    train = (sys.executable, 'tools/train.py', 'configs/quickstart.py', '--amp')
    common = ('--data-root', tiny_data, '--work-dir', tmp_path)
    for more in ((*small(),), ('--resume', *small('train_cfg.max_epochs=2'))):
        done = call(root, *train, *common, *more, gpu=True)
        assert done.returncode == 0, done.stderr[-3000:]
    assert torch.load(tmp_path / 'epoch_2.pth')['meta']['iter'] == 6
    assert json.loads((tmp_path / 'metrics.json').read_text())['images'] == 3


def test_weights_that_do_not_fit_are_refused(root, tiny_data, trained, tmp_path):
    done = call(
        root,
        sys.executable,
        'tools/test.py',
        'configs/isic2018_maskrcnn_r18_256px.py',
        checkpoint_of(trained),
        '--data-root',
        tiny_data,
        '--work-dir',
        tmp_path,
    )
    assert done.returncode == 1
    assert 'does not hold the weights of' in done.stderr
    assert 'size mismatch' in done.stderr
    assert 'Traceback' not in done.stderr
    assert not (tmp_path / 'metrics.json').exists()


@pytest.mark.parametrize(
    ('tool', 'arguments'),
    [
        ('train.py', ['configs/nowhere.py']),
        ('train.py', ['configs/quickstart.py', '--resume', 'nowhere.pth']),
        ('train.py', ['configs/quickstart.py', '--cfg-options', 'model.rio_head.x=1']),
        ('test.py', ['configs/quickstart.py', 'nowhere.pth']),
    ],
)
def test_a_mistyped_command_gets_one_message(root, tmp_path, tool, arguments):
    done = call(root, sys.executable, f'tools/{tool}', *arguments, '--work-dir', tmp_path)
    assert done.returncode == 1
    assert done.stderr.count('error: ') == 1
    assert 'Traceback' not in done.stderr


@pytest.mark.parametrize('tool', ['train.py', 'test.py'])
def test_help_ends_with_an_example(root, tool):
    done = call(root, sys.executable, f'tools/{tool}', '--help')
    assert done.returncode == 0
    assert f'python tools/{tool} configs/' in done.stdout.split('example:')[1]
