"""Batches that cannot be trained on: one message with the images at fault, and the state saved."""

import json
import os
import resource
import shutil
import signal
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook

from isic_mmdet.engine.train.checkpoints import INTERRUPTED
from tests.support.training_runs import Run, tensors


@pytest.fixture
def copied(tiny_data, tmp_path) -> Path:
    """The tiny data in a folder of its own, to be damaged."""

    return shutil.copytree(tiny_data, tmp_path / 'data')


def training_image(data: Path, number: int) -> Path:
    coco = json.loads((data / 'annotations/train.json').read_text())
    return data / 'images' / coco['images'][number]['file_name']


def once_checked(damage):
    """Return what damages the data after they were checked and before they are trained on."""

    def prepare(runner) -> None:
        class Damage(Hook):
            def before_train(self, runner):
                damage()

        runner.register_hook(Damage())

    return prepare


def assert_saved_and_named(run: Run, status: int, *images: str) -> None:
    assert status == 1, run.errors
    assert run.errors.count('error: ') == 1
    assert 'Traceback' not in run.errors
    for image in images:
        assert image in run.errors
    assert '--resume' in run.errors
    for name, tensor in tensors(run.checkpoint(INTERRUPTED)['state_dict']).items():
        assert torch.isfinite(tensor.float()).all(), name


@pytest.mark.slow
def test_an_image_that_disappears_is_named(copied, new_run):
    run, image = new_run(copied), training_image(copied, 5)
    status, _ = run.finish(prepare=once_checked(image.unlink))
    assert_saved_and_named(run, status, image.stem, str(image))


def test_a_damaged_image_is_named_and_training_goes_on_once_it_is_mended(
    copied, new_run, reference
):
    run, image = new_run(copied), training_image(copied, 7)
    whole = image.read_bytes()
    status, _ = run.finish(prepare=once_checked(lambda: image.write_bytes(whole[:50])))
    assert_saved_and_named(run, status, image.stem)
    image.write_bytes(whole)
    assert run.finish() == (0, run.errors), run.errors
    assert run.log() == reference.log()


def test_bad_batches_are_left_out_and_counted(copied, new_run):
    run, image = new_run(copied, train_cfg__skip_bad_batches=True), training_image(copied, 7)
    status, errors = run.finish(prepare=once_checked(lambda: image.write_bytes(b'no image')))
    assert status == 0, errors
    told = run.work.with_suffix('.stdout').read_text() + errors
    assert '3 in all' in told  # one an epoch
    assert image.stem in told
    assert run.checkpoint()['meta']['iter'] == 9
    assert run.steps() == 6


@pytest.mark.slow
def test_only_bad_batches_are_no_training(copied, new_run):
    run = new_run(copied, train_cfg__skip_bad_batches=True)

    def damage() -> None:
        for image in (copied / 'images').iterdir():
            image.write_bytes(b'no image')

    status, errors = run.finish(prepare=once_checked(damage))
    assert status == 1
    assert 'all 3 batches were skipped' in errors


def test_a_loss_that_is_no_number_leaves_the_weights_alone(new_run):
    run = new_run(
        optim_wrapper__optimizer__lr=1e20,
        param_scheduler=[],
        auto_scale_lr__enable=False,
    )
    status, errors = run.finish()
    assert_saved_and_named(run, status, 'ISIC_')
    assert any(words in errors for words in ('is nan', 'is inf', 'gradients is'))


def kill_a_worker(runner) -> None:
    class Killer(Hook):
        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
            if runner.iter == 3:
                for worker in runner.train_dataloader._iterator._workers:
                    os.kill(worker.pid, signal.SIGKILL)

    runner.register_hook(Killer())


def test_a_loader_that_is_killed_is_told(new_run):
    run = new_run()
    status, errors = run.finish(prepare=kill_a_worker)
    assert_saved_and_named(run, status, 'ISIC_')
    assert 'memory ran out' in errors


@pytest.mark.slow
def test_training_goes_on_with_new_loaders(new_run):
    run = new_run(train_cfg__skip_bad_batches=True)
    status, errors = run.finish(prepare=kill_a_worker)
    assert status == 0, errors
    assert run.checkpoint()['meta']['iter'] == 9
    assert run.steps() >= 7


@pytest.mark.slow
def test_no_memory_is_told(new_run):
    run = new_run()

    def prepare(runner) -> None:
        step = runner.model.train_step

        def hungry(*args, **kwargs):
            if runner.iter == 4:
                torch.empty(2**60, dtype=torch.uint8)
            return step(*args, **kwargs)

        runner.model.train_step = hungry

    status, errors = run.finish(prepare=prepare)
    assert_saved_and_named(run, status, 'ISIC_')
    assert 'memory' in errors


@pytest.mark.slow
def test_a_fault_of_the_code_keeps_its_traceback(new_run):
    run = new_run()

    def prepare(runner) -> None:
        runner.model.train_step = lambda *args, **kwargs: 1 / 0

    status, errors = run.finish(prepare=prepare)
    assert status == 99
    assert 'ZeroDivisionError' in errors


def test_a_disk_that_is_full_leaves_the_checkpoint_before(new_run, reference):
    """The system itself refuses, through a limit on the size of files."""
    run = new_run()
    size = (reference.work / 'epoch_3.pth').stat().st_size

    def prepare(runner) -> None:
        class Limit(Hook):
            def before_train_epoch(self, runner):
                if runner.epoch == 1:
                    resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, size // 2))

        runner.register_hook(Limit())

    status, errors = run.finish(prepare=prepare)
    assert status == 1
    assert errors.count('error: ') == 1
    assert 'epoch_2.pth cannot be written' in errors
    assert 'Traceback' not in errors
    assert sorted(path.name for path in run.work.glob('*epoch_[0-9].pth')) == [
        'best_lesion_iou_epoch_1.pth',
        'epoch_1.pth',
    ]
    assert run.finish() == (0, run.errors), run.errors
    assert run.log() == reference.log()
