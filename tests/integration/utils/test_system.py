import os
import subprocess
import sys

import pytest
import torch

from isic_mmdet.errors import InputError
from isic_mmdet.utils import system

PROGRAM = """
import resource
import numpy as np
from isic_mmdet.utils.system import keep_freed_memory

def page_errors():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(100):
        arrays = [np.ones(2**20, np.uint8) for _ in range(3)]
        del arrays
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

page_errors()
before = page_errors()
keep_freed_memory()
page_errors()
print(before, page_errors())
"""


@pytest.mark.skipif(sys.platform != 'linux', reason='the allocator is that of glibc')
def test_arrays_get_the_memory_of_freed_ones():
    done = subprocess.run([sys.executable, '-c', PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    before, after = map(int, done.stdout.split())
    assert before > 20_000  # 100 times 3 MB of 4 KB pages, most of them cleared anew
    assert after < before / 100


@pytest.mark.skipif(not hasattr(os, 'sched_setaffinity'), reason='needs a way to take cores away')
def test_cores_that_were_taken_away_do_not_count():
    code = (
        'import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});'
        'from isic_mmdet.utils.system import available_cores; print(available_cores())'
    )
    assert subprocess.check_output([sys.executable, '-c', code], text=True).strip() == '1'


@pytest.fixture
def cpu_with_bfloat16(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    monkeypatch.setattr(torch.ops.mkldnn, '_is_mkldnn_bf16_supported', lambda: True)


def test_a_cpu_without_it_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    monkeypatch.setattr(torch.ops.mkldnn, '_is_mkldnn_bf16_supported', lambda: False)
    with pytest.raises(InputError, match='remove --amp'):
        system.check_bfloat16()


def test_the_trial_is_a_program_that_ends_well(cpu_with_bfloat16, monkeypatch):
    # On any CPU, for oneDNN emulates what is lacking.
    system.check_bfloat16()


def test_a_cpu_that_dies_of_it_is_refused(cpu_with_bfloat16, monkeypatch):
    # What an illegal instruction looks like from outside.
    monkeypatch.setattr(system, 'TRIAL', 'import os; os.kill(os.getpid(), 4)')
    with pytest.raises(InputError, match=r'exit status -4.*ONEDNN_MAX_CPU_ISA'):
        system.check_bfloat16()


def test_a_gpu_without_it_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'is_bf16_supported', lambda including_emulation: False)
    monkeypatch.setattr(torch.cuda, 'get_device_name', lambda: 'Tesla T4')
    monkeypatch.setattr(subprocess, 'run', None)  # no CPU is tried
    with pytest.raises(InputError, match='Tesla T4 lacks'):
        system.check_bfloat16()
