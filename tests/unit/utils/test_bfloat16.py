import subprocess

import pytest
import torch

from isic_mmdet.errors import InputError
from isic_mmdet.utils import bfloat16


@pytest.fixture
def cpu_with_bfloat16(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    monkeypatch.setattr(torch.ops.mkldnn, '_is_mkldnn_bf16_supported', lambda: True)


def test_a_cpu_without_it_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    monkeypatch.setattr(torch.ops.mkldnn, '_is_mkldnn_bf16_supported', lambda: False)
    with pytest.raises(InputError, match='leave --amp out'):
        bfloat16.check_bfloat16()


def test_the_trial_is_a_program_that_ends_well(cpu_with_bfloat16, monkeypatch):
    # On any CPU, for oneDNN emulates what is lacking.
    bfloat16.check_bfloat16()


def test_a_cpu_that_dies_of_it_is_refused(cpu_with_bfloat16, monkeypatch):
    # What an illegal instruction looks like from outside.
    monkeypatch.setattr(bfloat16, '_TRIAL', 'import os; os.kill(os.getpid(), 4)')
    with pytest.raises(InputError, match=r'exit status -4.*ONEDNN_MAX_CPU_ISA'):
        bfloat16.check_bfloat16()


def test_a_gpu_without_it_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'is_bf16_supported', lambda including_emulation: False)
    monkeypatch.setattr(torch.cuda, 'get_device_name', lambda: 'Tesla T4')
    monkeypatch.setattr(subprocess, 'run', None)  # no CPU is tried
    with pytest.raises(InputError, match='Tesla T4 lacks'):
        bfloat16.check_bfloat16()
