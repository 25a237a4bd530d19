"""SIGTERM before, during and after a step, and again while the state is saved."""

import os
import signal

import pytest

from isic_mmdet.engine.train.termination import Termination
from isic_mmdet.errors import Terminated


def send() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_the_first_signal_ends_the_work_and_a_second_one_does_not_end_the_saving():
    termination, saved = Termination(), []
    with termination.listening():
        with pytest.raises(Terminated):
            send()
        send()
        saved.append('state')
    assert saved
    assert termination.requested


def test_a_signal_during_a_step_is_deferred():
    termination, done = Termination(), []
    with termination.listening():
        with termination.deferred():
            send()
            done.append('step')
        assert termination.requested
        send()
        done.append('saved')
    assert done == ['step', 'saved']


def test_the_handler_is_restored_after_the_training():
    before = signal.getsignal(signal.SIGTERM)
    with Termination().listening():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before
