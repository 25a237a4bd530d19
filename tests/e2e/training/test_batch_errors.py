"""Batches that cannot be trained on: one message names the images, and the state is saved."""

import json
import os
import resource
import shutil
import signal
from pathlib import Path

import pytest
import torch

from isic_mmdet.engine.train.checkpoints import INTERRUPTED
from tests.support.training_runs import Run, calling, tensors

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def copied(tiny_data, tmp_path) -> Path:
    """The tiny data in a folder of its own, to be damaged."""
    return shutil.copytree(tiny_data, tmp_path / 'data')


def training_image(data: Path, number: int) -> Path:
    coco = json.loads((data / 'annotations/train.json').read_text())
    return data / 'images' / coco['images'][number]['file_name']


def after_the_checks(damage):
    """Return what damages the data between the checks and the training."""
    return calling('before_train', lambda runner: damage())


def assert_saved_and_named(run: Run, status: int, *images: str) -> None:
    assert status == 1, run.errors
    assert run.errors.count('error: ') == 1
    assert 'Traceback' not in run.errors
    assert [image for image in images if image not in run.errors] == []
    assert '--resume' in run.errors
    for name, tensor in tensors(run.checkpoint(INTERRUPTED)['state_dict']).items():
        assert torch.isfinite(tensor.float()).all(), name


def test_a_damaged_image_is_named_and_training_resumes_once_it_is_fixed(copied, new_run, reference):
    run, image = new_run(copied), training_image(copied, 7)
    content = image.read_bytes()
    status, _ = run.finish(prepare=after_the_checks(lambda: image.write_bytes(content[:50])))
    assert_saved_and_named(run, status, image.stem, str(image))
    image.write_bytes(content)
    run.complete()
    assert run.log() == reference.log()


def test_bad_batches_are_skipped_and_counted(copied, new_run):
    run, image = new_run(copied, train_cfg__skip_bad_batches=True), training_image(copied, 7)
    run.complete(prepare=after_the_checks(lambda: image.write_bytes(b'no image')))
    assert '3 in all' in run.printed  # one per epoch
    assert image.stem in run.printed
    assert run.checkpoint()['meta']['iter'] == 9
    assert run.steps() == 6


@pytest.mark.slow
def test_only_bad_batches_are_no_training(copied, new_run):
    run = new_run(copied, train_cfg__skip_bad_batches=True)

    def damage() -> None:
        for image in (copied / 'images').iterdir():
            image.write_bytes(b'no image')

    status, errors = run.finish(prepare=after_the_checks(damage))
    assert status == 1
    assert 'all 3 batches were skipped' in errors


def test_a_loss_that_is_not_finite_does_not_change_the_weights(new_run):
    run = new_run(
        optim_wrapper__optimizer__lr=1e20,
        param_scheduler=[],
        auto_scale_lr__enable=False,
    )
    status, errors = run.finish()
    assert_saved_and_named(run, status, 'ISIC_')
    assert any(words in errors for words in ('is nan', 'is inf', 'gradients is'))


def kill_the_workers(runner) -> None:
    if runner.iter == 3:
        for worker in runner.train_dataloader._iterator._workers:
            os.kill(worker.pid, signal.SIGKILL)


def test_a_killed_worker_is_reported(new_run):
    run = new_run()
    status, errors = run.finish(prepare=calling('after_train_iter', kill_the_workers))
    assert_saved_and_named(run, status, 'ISIC_')
    assert 'memory ran out' in errors


@pytest.mark.slow
def test_training_continues_with_new_workers(new_run):
    run = new_run(train_cfg__skip_bad_batches=True)
    run.complete(prepare=calling('after_train_iter', kill_the_workers))
    assert run.checkpoint()['meta']['iter'] == 9
    assert run.steps() >= 7


def in_step(number: int, function):
    """Return what calls a function in the training step of this number."""

    def prepare(runner) -> None:
        step = runner.model.train_step

        def train_step(*args, **kwargs):
            if runner.iter == number:
                function()
            return step(*args, **kwargs)

        runner.model.train_step = train_step

    return prepare


@pytest.mark.slow
def test_a_lack_of_memory_is_reported(new_run):
    run = new_run()
    allocate = in_step(4, lambda: torch.empty(2**60, dtype=torch.uint8))
    status, errors = run.finish(prepare=allocate)
    assert_saved_and_named(run, status, 'ISIC_')
    assert 'memory' in errors


@pytest.mark.slow
def test_a_bug_in_the_code_keeps_its_traceback(new_run):
    status, errors = new_run().finish(prepare=in_step(0, lambda: 1 / 0))
    assert status == 99
    assert 'ZeroDivisionError' in errors


def test_a_full_disk_keeps_the_checkpoint_before(new_run, reference):
    """The system itself refuses to write, because of a limit on the size of files."""
    run = new_run()
    size = (reference.work / 'epoch_3.pth').stat().st_size

    def limit(runner) -> None:
        if runner.epoch == 1:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, size // 2))

    status, errors = run.finish(prepare=calling('before_train_epoch', limit))
    assert status == 1
    assert errors.count('error: ') == 1
    assert 'epoch_2.pth cannot be written' in errors
    assert 'Traceback' not in errors
    names = sorted(path.name for path in run.work.glob('*epoch_[0-9].pth'))
    assert names == ['best_lesion_iou_epoch_1.pth', 'epoch_1.pth']
    run.complete()
    assert run.log() == reference.log()
