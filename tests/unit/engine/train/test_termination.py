"""Requests to end, and who is asked again while the state is saved."""

import os
import signal

import pytest

from isic_mmdet.engine.train.termination import Termination
from isic_mmdet.errors import Terminated


def ask() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_the_first_request_ends_the_work_and_a_second_one_does_not_end_the_saving():
    termination, saved = Termination(), []
    with termination.listening():
        with pytest.raises(Terminated):
            ask()
        ask()
        saved.append('state')
    assert saved
    assert termination.requested


def test_a_request_during_a_step_is_taken_note_of():
    termination, done = Termination(), []
    with termination.listening():
        with termination.deferred():
            ask()
            done.append('step')
        assert termination.requested
        ask()
        done.append('saved')
    assert done == ['step', 'saved']


def test_the_signal_means_what_it_meant_before_once_the_training_is_over():
    before = signal.getsignal(signal.SIGTERM)
    with Termination().listening():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before
