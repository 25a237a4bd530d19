"""Runs that are killed, or receive SIGTERM, compared with one that was not."""

import os
import random
import signal
import time
from pathlib import Path

import pytest

from isic_mmdet.engine.train.checkpoints import INTERRUPTED, newest_checkpoint
from tests.support.training_runs import assert_same, calling
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(900)


@pytest.mark.parametrize('seed', [0, pytest.param(1, marks=pytest.mark.slow)])
def test_kills_at_random_moments_change_nothing(reference, new_run, figure, seed):
    run, generator = new_run(), random.Random(seed)
    for _ in range(4):
        before, process = run.log_bytes(), run.start()
        # After the process has logged something, so that a slow machine makes progress too.
        wait_until(
            lambda before=before, process=process: (
                run.log_bytes() != before or not process.is_alive()
            ),
            200,
        )
        process.join(generator.uniform(0, 1.5))
        process.kill()
        process.join()
    run.complete()
    assert_same(run, reference)
    figure(
        f'training of 9 steps, 4 times kill -9 at random moments (seed {seed}), then `--resume`',
        'weights, optimizer, log and scores equal bit for bit',
    )


def kill_while_writing(number: int):
    """Return what makes a run kill itself in the middle of its n-th write of a checkpoint."""

    def prepare(runner) -> None:
        synced = []

        def truncated(descriptor: int) -> None:
            synced.append(descriptor)
            if len(synced) == number:
                os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
                os.kill(os.getpid(), signal.SIGKILL)

        os.fsync = truncated

    return prepare


# The writes of an epoch: its checkpoint, the best one, and the first again with the best score.
@pytest.mark.parametrize(
    'number', [pytest.param(1, marks=pytest.mark.slow), 4, pytest.param(5, marks=pytest.mark.slow)]
)
def test_a_kill_during_a_write_costs_only_that_checkpoint(reference, new_run, figure, number):
    run = new_run()
    assert run.finish(prepare=kill_while_writing(number))[0] == -signal.SIGKILL
    newest, damaged = newest_checkpoint(run.work)
    assert damaged == []  # the truncated file has another name
    assert (newest is None) == (number == 1)
    run.complete()
    assert_same(run, reference)
    figure(
        f'kill -9 in the middle of write {number} of a checkpoint, then `--resume`',
        'no truncated file under a name; equal bit for bit',
    )


@pytest.mark.parametrize(('steps', 'kept'), [(1, 'no epoch was saved yet'), (4, 'epoch_1.pth')])
def test_ctrl_c_says_what_is_kept(new_run, steps, kept):
    def interrupt(runner) -> None:
        if runner.iter == steps:
            raise KeyboardInterrupt

    run = new_run()
    assert run.finish(prepare=calling('before_train_iter', interrupt))[0] == 130, run.errors
    assert run.errors.startswith(f'interrupted; {kept}')
    assert run.errors.endswith('continue with --resume\n')
    assert (run.work / 'epoch_1.pth').exists() == (steps == 4)


def signal_validation(number: int):
    """Return what makes a run send itself a signal at the start of a validation."""

    def prepare(runner) -> None:
        validate = runner.val_loop.run

        def signaled():
            os.kill(os.getpid(), number)
            validate()

        runner.val_loop.run = signaled

    return prepare


@pytest.mark.slow
@pytest.mark.parametrize(
    ('number', 'status'), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 75)]
)
def test_an_interrupted_validation_is_made_after_the_resumption(reference, new_run, number, status):
    run = new_run()
    assert run.finish(prepare=signal_validation(number))[0] == status, run.errors
    assert not any('lesion/iou' in row for row in run.log())
    assert not (run.work / INTERRUPTED).exists()  # the epoch was saved before
    run.complete()
    assert_same(run, reference)


@pytest.mark.parametrize(
    ('steps', 'to_group'),
    [
        pytest.param(1, False, marks=pytest.mark.slow),
        pytest.param(5, False, marks=pytest.mark.slow),
        (4, True),
    ],
)
def test_sigterm_saves_the_current_step(reference, new_run, figure, steps, to_group):
    """To the process alone, or also to its data loading processes, as `timeout` and Slurm do."""
    run = new_run()
    process = run.start()
    run.wait_for_steps(process, steps)
    pids = [process.pid]
    if to_group:
        children = Path(f'/proc/{process.pid}/task/{process.pid}/children').read_text().split()
        pids += map(int, children)
        assert len(pids) >= 3  # and a git while a checkpoint is written
    started = time.monotonic()
    for pid in pids:
        os.kill(pid, signal.SIGTERM)
    process.join(200)
    seconds = time.monotonic() - started
    assert process.exitcode == 75, run.errors
    assert '--resume' in run.errors
    assert run.checkpoint(INTERRUPTED)['meta']['iter'] >= steps
    assert newest_checkpoint(run.work)[0] == run.work / INTERRUPTED
    run.complete()
    assert not (run.work / INTERRUPTED).exists()
    assert_same(run, reference)
    where = ' to the training and all that load data for it' if to_group else f' after step {steps}'
    figure(
        f'SIGTERM{where}, then `--resume`',
        f'saved and ended with status 75 after {seconds:.1f} s; equal bit for bit',
    )


@pytest.mark.slow
def test_the_number_of_workers_changes_nothing(reference, new_run):
    run = new_run(train_dataloader__num_workers=0, train_dataloader__persistent_workers=False)
    run.complete()
    assert_same(run, reference)
