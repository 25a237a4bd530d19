"""The commands as users type them, on a tiny data set: train, resume, test, many processes."""

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import isic_mmdet.register  # noqa: F401
from tests.support.tool_runs import ONE_EPOCH

SMALL_TEST = [
    '--cfg-options',
    'test_dataloader.num_workers=0',
    'test_dataloader.persistent_workers=False',
    'test_dataloader.batch_size=2',
]
QUICKSTART = 'configs/quickstart.py'
Call = Callable[..., subprocess.CompletedProcess]


@pytest.fixture(scope='module')
def call(root, tiny_data) -> Call:
    """Return a function that starts a tool on the tiny data set."""

    def start(
        tool: str,
        config: str,
        *arguments: str | Path,
        work: Path,
        status: int = 0,
        cwd: Path = root,
        gpu: bool = False,
    ) -> subprocess.CompletedProcess:
        environment = {**os.environ, 'PYTHON': sys.executable, 'OMP_NUM_THREADS': '1'}
        if not gpu:
            environment['CUDA_VISIBLE_DEVICES'] = ''
        command = ['bash' if tool.endswith('.sh') else sys.executable, root / 'tools' / tool]
        command += [root / config, *arguments, '--data-root', tiny_data, '--work-dir', work]
        done = subprocess.run(
            [str(part) for part in command],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            timeout=280,
        )
        assert done.returncode == status, done.stderr[-3000:]
        assert status == 0 or 'Traceback' not in done.stderr
        return done

    return start


def small(*more: str) -> list[str]:
    changed = {word.partition('=')[0] for word in more}
    kept = [word for word in ONE_EPOCH if word.partition('=')[0] not in changed]
    return ['--cfg-options', *kept, *more]


@pytest.fixture(scope='module')
def trained(call, tmp_path_factory) -> Path:
    """The work dir of a run of one epoch, started from another folder than the project's."""
    work, elsewhere = (tmp_path_factory.mktemp(name) for name in ('run', 'elsewhere'))
    call('train.py', QUICKSTART, *small(), work=work, cwd=elsewhere)
    assert not list(elsewhere.iterdir())
    return work


@pytest.fixture(scope='module')
def checkpoint(trained) -> Path:
    (path,) = trained.glob('best_lesion_iou_epoch_*.pth')
    return path


@pytest.fixture(scope='module')
def tested(call, checkpoint, tmp_path_factory) -> Path:
    """The work dir of a test of that run, in one process, with drawings."""
    work = tmp_path_factory.mktemp('test')
    images = work / 'images'
    done = call('test.py', QUICKSTART, checkpoint, '--show-dir', images, *SMALL_TEST, work=work)
    assert 'lesion/iou' in done.stdout
    assert str(images) in done.stdout
    return work


def scalars(work: Path) -> list[dict]:
    return [json.loads(line) for line in (work / 'scalars.json').read_text().splitlines()]


def test_training_leaves_what_the_report_needs(trained):
    rows = scalars(trained)
    assert any('loss_mask' in row for row in rows)
    assert any('lesion/iou' in row for row in rows)
    for name in ('metrics.json', 'per_image.csv', 'plots/iou_box.png'):
        assert (trained / name).is_file()
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


def test_a_run_is_continued_only_with_resume(call, trained, tmp_path):
    work = Path(shutil.copytree(trained, tmp_path / 'work'))
    refused = call('train.py', QUICKSTART, *small(), work=work, status=1)
    assert '--resume' in refused.stderr
    # A scheduler starts the command again, which had these options to begin with.
    again = ('--partial-weights', '--skip-bad-batches', '--resume')
    call('train.py', QUICKSTART, *again, *small('train_cfg.max_epochs=2'), work=work)
    assert torch.load(work / 'epoch_2.pth')['meta']['iter'] == 6
    assert len([row for row in scalars(work) if 'loss' in row]) == 2  # one per part of the run


def test_all_errors_of_an_experiment_come_at_once(call, tmp_path):
    options = (
        *('--cfg-options', 'model.roi_head.mask_head.num_classes=7'),
        'val_dataloader.dataset.ann_file=annotations/none.json',
    )
    config = 'configs/isic2017_maskrcnn.py'
    done = call('train.py', config, *options, work=tmp_path, status=1)
    for expected in ('none.json', 'mask_head.num_classes is 7'):
        assert expected in done.stderr


def test_two_processes_score_as_one(call, checkpoint, tested, tmp_path):
    # Three images over two processes with batches of two: the last batch is uneven.
    done = call('dist_test.sh', QUICKSTART, checkpoint, '2', *SMALL_TEST, work=tmp_path)
    alone = json.loads((tested / 'metrics.json').read_text())
    together = json.loads((tmp_path / 'metrics.json').read_text())
    assert alone['images'] == together['images'] == 3
    assert ', 2 processes\n' in done.stdout
    for name, value in alone['metrics'].items():
        np.testing.assert_allclose(together['metrics'][name], value, atol=1e-6, err_msg=name)
    first, second = (
        [entry['isic_id'] for entry in json.loads((work / 'detections.json').read_text())]
        for work in (tested, tmp_path)
    )
    assert first == second


def test_two_processes_train(call, tmp_path):
    call('dist_train.sh', QUICKSTART, '2', *small(), work=tmp_path)
    # Twelve images in batches of four by two processes.
    assert torch.load(tmp_path / 'epoch_1.pth')['meta']['iter'] == 2
    assert json.loads((tmp_path / 'metrics.json').read_text())['images'] == 3


@pytest.mark.slow  # test_staged_training_hook.py always tests two processes
def test_two_processes_train_in_stages(call, tmp_path):
    options = (
        'model.backbone.init_cfg=None',
        'train_dataloader.sampler.num_samples=4',
        'train_dataloader.batch_size=2',
        'train_cfg.max_epochs=2',
        'train_cfg.val_interval=2',
        'val_dataloader.dataset.subset=None',
        'default_hooks.staged_training.stages.1.begin=1',
    )
    config = 'configs/student_projects/student2018_r18_256px.py'
    done = call('dist_train.sh', config, '2', '--cfg-options', *options, work=tmp_path)
    assert 'stage 2 of 2 from epoch 2 on' in done.stdout
    assert [row['step'] for row in scalars(tmp_path) if 'val/loss' in row] == [1, 2]
    first, second = (torch.load(tmp_path / f'epoch_{epoch}.pth')['state_dict'] for epoch in (1, 2))
    moved = {name for name in first if not torch.equal(first[name], second[name])}
    assert any(name.startswith('backbone.layer3') for name in moved)
    assert not any(name.startswith(('backbone.conv1', 'backbone.layer1')) for name in moved)


def test_time_augmentation_gives_one_mask_per_image(call, checkpoint, tmp_path):
    call('test.py', QUICKSTART, checkpoint, '--tta', *SMALL_TEST, work=tmp_path)
    assert json.loads((tmp_path / 'metrics.json').read_text())['images'] == 3
    with (tmp_path / 'per_image.csv').open() as file:
        # One merged detection per image leaves nothing for the oracle to choose.
        assert [row['detections'] for row in csv.DictReader(file)] == ['1', '1', '1']


@pytest.mark.gpu
def test_a_gpu_trains_in_mixed_precision_and_resumes(call, tmp_path):
    for more in (small(), ['--resume', *small('train_cfg.max_epochs=2')]):
        call('train.py', QUICKSTART, '--amp', *more, work=tmp_path, gpu=True)
    last = torch.load(tmp_path / 'epoch_2.pth')
    assert last['meta']['iter'] == 6
    assert 'pin_memory=True' in last['meta']['cfg']
    assert json.loads((tmp_path / 'metrics.json').read_text())['images'] == 3


@pytest.mark.parametrize('arguments', [['--split', 'test'], ['--split', 'val', '--tta']])
def test_only_one_view_of_validation_images_calibrates(call, checkpoint, tmp_path, arguments):
    copy = tmp_path / 'copy.pth'
    command = ('test.py', QUICKSTART, checkpoint, *arguments, '--calibrate', copy)
    done = call(*command, work=tmp_path / 'work', status=2)
    assert '--calibrate needs --split val' in done.stderr
    assert not copy.exists()


def test_a_copy_never_replaces_its_checkpoint(call, checkpoint, tmp_path):
    before = checkpoint.read_bytes()
    command = ('test.py', QUICKSTART, checkpoint, '--split', 'val', '--calibrate', checkpoint)
    call(*command, *SMALL_TEST, work=tmp_path, status=1)
    assert checkpoint.read_bytes() == before


def test_weights_that_do_not_fit_are_refused(call, checkpoint, tmp_path):
    config = 'configs/ablations/isic2018_r18_256px.py'
    done = call('test.py', config, checkpoint, work=tmp_path, status=1)
    assert 'does not hold the weights of' in done.stderr
    assert 'size mismatch' in done.stderr
    assert not (tmp_path / 'metrics.json').exists()


@pytest.mark.parametrize(
    ('tool', 'arguments'),
    [
        ('train.py', [QUICKSTART, '--resume', 'nowhere.pth']),
        ('train.py', [QUICKSTART, '--cfg-options', 'model.rio_head.x=1']),
    ],
)
def test_a_mistyped_command_gets_one_message(call, tmp_path, tool, arguments):
    done = call(tool, *arguments, work=tmp_path, status=1)
    assert done.stderr.count('error: ') == 1


@pytest.mark.parametrize('tool', ['train.py', 'test.py'])
def test_help_ends_with_an_example(root, tool):
    command = [sys.executable, f'tools/{tool}', '--help']
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert f'python tools/{tool} configs/' in done.stdout.split('example:')[1]
