import os
import sys
from functools import partial

import pytest

from isic_mmdet.prepare.pool import run_calls


@pytest.mark.skipif(sys.platform != 'linux', reason='elsewhere each worker is a new process')
def test_libraries_of_workers_use_one_thread(monkeypatch):
    monkeypatch.delenv('OPENBLAS_NUM_THREADS', raising=False)
    calls = [partial(os.getenv, 'OPENBLAS_NUM_THREADS')] * 2
    assert list(run_calls(calls, workers=2)) == ['1', '1']
    assert 'OPENBLAS_NUM_THREADS' not in os.environ
