"""Training steps under several OpenMP settings, alternating."""

import os
from pathlib import Path

import pytest

from benchmarks import waiting_threads
from isic_mmdet.utils.environment import set_waiting_time


@pytest.mark.slow
def test_every_setting_steps_alone_and_next_to_a_busy_process(monkeypatch):
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    result = waiting_threads.run(Path(), quick=True)
    assert [each['busy_processes'] for each in result['details']] == [0, 1]
    for each in result['details']:
        assert each['seconds'].keys() == waiting_threads.SETTINGS.keys()
        assert all(seconds > 0 for (seconds,) in each['seconds'].values())
    assert len(result['rows']) == 2 * (len(waiting_threads.SETTINGS) - 1)


def test_the_first_setting_is_what_the_package_sets(monkeypatch):
    for name in ('GOMP_SPINCOUNT', 'OMP_WAIT_POLICY'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr('sys.platform', 'linux')
    set_waiting_time()
    expected = waiting_threads.SETTINGS[waiting_threads.DEFAULT]
    assert {name: os.environ.get(name) for name in expected} == expected
