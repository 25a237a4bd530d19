"""Runs that are killed, asked to end, or die while they write, against one that was not."""

import os
import random
import signal
import time
from pathlib import Path

import pytest
import torch

from isic_mmdet.engine.train.checkpoints import INTERRUPTED, newest_checkpoint
from tests.support.training_runs import assert_same


@pytest.mark.parametrize('seed', [0, pytest.param(1, marks=pytest.mark.slow)])
def test_kills_at_random_moments_change_nothing(reference, new_run, figure, seed):
    run, generator = new_run(), random.Random(seed)
    for _ in range(4):
        before = run.log_bytes()
        process = run.start()
        # Some way into what it logs, so that it gets on however slow the machine is.
        run.wait_for(
            lambda before=before, process=process: (
                run.log_bytes() != before or not process.is_alive()
            )
        )
        time.sleep(generator.uniform(0, 1.5))
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    assert run.finish() == (0, run.errors), run.errors
    assert_same(run, reference)
    figure(
        f'training of 9 steps, 4 times kill -9 at random moments (seed {seed}), then `--resume`',
        'weights, optimizer, log and scores equal bit for bit',
    )


def kill_while_writing(number: int):
    """Return what makes a run kill itself in the middle of its n-th write of a checkpoint."""

    def prepare(runner) -> None:
        synced = []

        def torn(descriptor: int) -> None:
            synced.append(descriptor)
            if len(synced) == number:
                os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
                os.kill(os.getpid(), signal.SIGKILL)

        os.fsync = torn

    return prepare


# The writes of an epoch: its checkpoint, the best one, and its own again with the best score.
@pytest.mark.parametrize(
    'number', [pytest.param(1, marks=pytest.mark.slow), 4, pytest.param(5, marks=pytest.mark.slow)]
)
def test_a_kill_while_a_checkpoint_is_written_costs_no_more_than_that(
    reference, new_run, figure, number
):
    run = new_run()
    assert run.finish(prepare=kill_while_writing(number))[0] == -signal.SIGKILL
    newest, torn = newest_checkpoint(run.work)
    assert torn == []  # what was half written is not under its name
    assert (newest is None) == (number == 1)
    assert run.finish() == (0, run.errors), run.errors
    assert_same(run, reference)
    figure(
        f'kill -9 in the middle of write {number} of a checkpoint, then `--resume`',
        'no torn file under a name; equal bit for bit',
    )


@pytest.mark.slow
def test_a_kill_before_a_validation_does_not_lose_it(reference, new_run):
    run = new_run()

    def prepare(runner) -> None:
        runner.val_loop.run = lambda: os.kill(os.getpid(), signal.SIGKILL)

    assert run.finish(prepare=prepare)[0] == -signal.SIGKILL
    assert not any('lesion/iou' in row for row in run.log())
    assert run.finish() == (0, run.errors), run.errors
    assert_same(run, reference)


@pytest.mark.parametrize('steps', [pytest.param(1, marks=pytest.mark.slow), 5])
def test_a_request_to_end_saves_the_step_in_hand(reference, new_run, figure, steps):
    run = new_run()
    process = run.start()
    run.wait_for(lambda: run.steps() >= steps or not process.is_alive())
    asked = time.monotonic()
    os.kill(process.pid, signal.SIGTERM)
    process.join(200)
    seconds = time.monotonic() - asked
    assert process.exitcode == 75, run.errors
    assert '--resume' in run.errors
    found = run.checkpoint(INTERRUPTED)['meta']['iter']
    assert found >= steps
    assert newest_checkpoint(run.work)[0] == run.work / INTERRUPTED
    assert run.finish() == (0, run.errors), run.errors
    assert not (run.work / INTERRUPTED).exists()
    assert_same(run, reference)
    figure(
        f'SIGTERM after step {steps}, then `--resume`',
        f'saved and ended with status 75 after {seconds:.1f} s; equal bit for bit',
    )


def test_a_request_to_the_whole_group_saves_the_step_in_hand(reference, new_run, figure):
    """As `timeout` and Slurm send it: those that load data end with it."""
    run = new_run()
    process = run.start()
    run.wait_for(lambda: run.steps() >= 4 or not process.is_alive())
    workers = Path(f'/proc/{process.pid}/task/{process.pid}/children').read_text().split()
    assert len(workers) >= 2  # and a git for the while that a checkpoint is written
    for pid in (process.pid, *map(int, workers)):
        os.kill(pid, signal.SIGTERM)
    process.join(200)
    assert process.exitcode == 75, run.errors
    assert '--resume' in run.errors
    assert newest_checkpoint(run.work)[0] == run.work / INTERRUPTED
    assert run.finish() == (0, run.errors), run.errors
    assert_same(run, reference)
    figure(
        'SIGTERM to the training and all that load data for it, then `--resume`',
        'saved and ended with status 75; equal bit for bit',
    )


@pytest.mark.slow
def test_a_request_to_end_during_a_validation_ends_it(reference, new_run):
    run = new_run()

    def prepare(runner) -> None:
        validate = runner.val_loop.run

        def asked():
            os.kill(os.getpid(), signal.SIGTERM)
            validate()

        runner.val_loop.run = asked

    assert run.finish(prepare=prepare)[0] == 75, run.errors
    assert not (run.work / INTERRUPTED).exists()  # the epoch was saved before
    assert run.finish() == (0, run.errors), run.errors
    assert_same(run, reference)


@pytest.mark.slow
def test_a_torn_checkpoint_is_passed_over(reference, new_run):
    run = new_run(train_cfg__max_epochs=2)
    run.finish()
    newest = run.work / 'epoch_2.pth'
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 1
    newest.write_bytes(data)
    run.options['train_cfg.max_epochs'] = 2
    assert newest_checkpoint(run.work) == (run.work / 'epoch_1.pth', [newest])
    before = torch.load(run.work / 'epoch_1.pth', weights_only=True)['meta']['iter']
    status, errors = run.finish()
    assert status == 0, errors
    assert run.checkpoint('epoch_2.pth')['meta']['iter'] == 2 * before
    assert 'damaged' in Path(run.work.with_suffix('.stdout')).read_text() + errors


@pytest.mark.slow
def test_the_number_of_workers_changes_nothing(reference, new_run):
    run = new_run(train_dataloader__num_workers=0, train_dataloader__persistent_workers=False)
    assert run.finish() == (0, run.errors), run.errors
    assert_same(run, reference)
