"""Fine-tuning the model that comes with the project: `tools/train.py configs/finetune.py`."""

import json
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

from isic_mmdet.evaluation.per_image import read_per_image
from tests.support.waiting import wait_until

ONE_PROCESS = ('train_dataloader.num_workers=0', 'val_dataloader.num_workers=0')


@pytest.fixture
def tune(root, tmp_path):
    """Fine-tune in `<tmp_path>/run`, and return the finished process."""

    def call(data, *arguments, options=(), **process):
        command = [sys.executable, root / 'tools/train.py', root / 'configs/finetune.py']
        command += ['--data-root', data, '--work-dir', tmp_path / 'run', *arguments]
        command += ['--cfg-options', *ONE_PROCESS, *options]
        return subprocess.run(
            list(map(str, command)), capture_output=True, text=True, cwd=tmp_path, **process
        )

    return call


@pytest.fixture
def command(root, tiny_data, tmp_path):
    """Two epochs of fine-tuning in `<tmp_path>/run`."""
    options = (
        'train_cfg.max_epochs=2',
        'train_cfg.val_interval=1',
        'default_hooks.logger.interval=1',
    )
    parts = [sys.executable, root / 'tools/train.py', root / 'configs/finetune.py', '--data-root']
    parts += [tiny_data, '--work-dir', tmp_path / 'run', '--resume', '--cfg-options']
    return [*map(str, parts), *ONE_PROCESS, *options]


def weights_of(path):
    return torch.load(path, map_location='cpu', weights_only=True)['state_dict']


def ious(path):
    return {row['image_id']: row['iou'] for row in read_per_image(path)}


def test_before_and_after_are_compared(tune, tiny_data, root, tmp_path):
    done = tune(tiny_data, options=['train_cfg.max_epochs=2', 'train_cfg.val_interval=1'])
    assert done.returncode == 0, done.stderr[-3000:]
    run = tmp_path / 'run'
    content = json.loads((run / 'comparison.json').read_text())
    before, best = ious(run / 'per_image_before.csv'), ious(run / 'per_image_best.csv')
    assert before.keys() == best.keys() and len(before) == 3
    found = content['comparison']['lesion/iou']
    assert found['baseline'] == pytest.approx(np.mean(list(before.values())))
    assert found['difference'] == pytest.approx(np.mean([best[key] - before[key] for key in best]))
    assert found['ci_low'] <= found['difference'] <= found['ci_high']
    assert (run / f'best_lesion_iou_epoch_{content["best_epoch"]}.pth').is_file()
    logged = [json.loads(line) for line in (run / 'scalars.json').read_text().splitlines()]
    scores = {row['step']: row['lesion/iou'] for row in logged if 'lesion/iou' in row}
    assert scores.keys() == {0, 1, 2}
    assert scores[0] == pytest.approx(found['baseline'])
    assert max(scores.values()) == pytest.approx(found['value'])
    text = done.stdout + done.stderr
    assert (
        f'3 validation images, which also chose the epoch: iou {found["baseline"]:.3f} before'
        in text
    )
    assert 'no training curves drawn' not in text
    # Statistics stay as they were; everything else of the neck was trained.
    old, new = weights_of(root / 'models/lesion_lite.pth'), weights_of(run / 'epoch_2.pth')
    names = [name for name in old if name.endswith(('running_mean', 'running_var'))]
    assert len(names) > 50
    assert all(torch.equal(old[name].float(), new[name]) for name in names)
    assert not torch.equal(
        old['neck.fpn_convs.0.bn.weight'].float(), new['neck.fpn_convs.0.bn.weight']
    )


def test_weights_that_nothing_improves_stay_the_best(tune, tiny_data, root, tmp_path):
    done = tune(tiny_data, options=['train_cfg.max_epochs=1', 'optim_wrapper.optimizer.lr=0.02'])
    assert done.returncode == 0, done.stderr[-3000:]
    assert 'no epoch was better: keep the weights that the training started from' in (
        done.stdout + done.stderr
    )
    old = weights_of(root / 'models/lesion_lite.pth')
    new = weights_of(tmp_path / 'run/best_lesion_iou_epoch_0.pth')
    assert all(torch.equal(old[name].float(), new[name].float()) for name in old)
    content = json.loads((tmp_path / 'run/comparison.json').read_text())
    assert content['best_epoch'] == 0
    assert content['comparison']['lesion/iou']['difference'] == 0


@pytest.mark.slow
def test_without_a_best_epoch_the_end_says_that_there_is_no_comparison(tune, tiny_data, tmp_path):
    options = ['train_cfg.max_epochs=1', 'default_hooks.checkpoint.save_best=None']
    done = tune(tiny_data, options=options)
    assert done.returncode == 0, done.stderr[-3000:]
    assert 'no comparison with the weights before' in done.stdout + done.stderr
    assert not (tmp_path / 'run/comparison.json').exists()


@pytest.mark.slow
def test_weights_with_other_classes_are_never_the_best(tune, tiny_data, tmp_path):
    """They may have the best outlines, but know nothing of the classes."""
    data = shutil.copytree(tiny_data, tmp_path / 'data')
    (data / 'prepare_report.json').unlink()
    for path in (data / 'annotations').iterdir():
        coco = json.loads(path.read_text())
        coco['categories'] = [{'id': 1, 'name': 'nevus'}, {'id': 2, 'name': 'melanoma'}]
        for number, annotation in enumerate(coco['annotations']):
            annotation['category_id'] = 1 + number % 2
        path.write_text(json.dumps(coco))
    done = tune(data, options=['train_cfg.max_epochs=1'])
    assert done.returncode == 0, done.stderr[-3000:]
    text = done.stdout + done.stderr
    assert 'do not know these classes' in text
    assert 'from the filters of other classes: roi_head.bbox_head.fc_cls' in text
    assert (tmp_path / 'run/best_lesion_iou_epoch_1.pth').is_file()
    assert not (tmp_path / 'run/comparison.json').exists()


@pytest.mark.slow
@pytest.mark.parametrize('stop', [signal.SIGKILL, signal.SIGTERM])
def test_a_stopped_run_is_resumed_with_the_same_command(command, tmp_path, stop):
    run = tmp_path / 'run'
    first = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    # Before the first checkpoint, and in training.
    path = run / ('best_lesion_iou_epoch_0.pth' if stop == signal.SIGKILL else 'epoch_1.pth')
    wait_until(lambda: path.is_file() or first.poll() is not None, 200)
    first.send_signal(stop)
    assert first.wait(100) == (-signal.SIGKILL if stop == signal.SIGKILL else 75)
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    logged = [json.loads(line) for line in (run / 'scalars.json').read_text().splitlines()]
    scores = [row['step'] for row in logged if 'lesion/iou' in row]
    assert scores == [0, 1, 2]
    assert (
        json.loads((run / 'comparison.json').read_text())['comparison']['lesion/iou']['images'] == 3
    )
