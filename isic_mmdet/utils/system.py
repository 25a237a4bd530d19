"""The machine: usable cores, memory of arrays, and bfloat16 instructions."""

import os
import subprocess
import sys

import numpy as np

from isic_mmdet.errors import InputError

# In bytes; glibc adapts to freed blocks of up to 32 MiB.
_LARGE = 31 * 2**20
# Forward and backward use different instructions.
TRIAL = """
import torch
convolution = torch.nn.Conv2d(16, 16, 3)
with torch.autocast('cpu', torch.bfloat16):
    convolution(torch.randn(2, 16, 32, 32)).float().sum().backward()
"""


def available_cores() -> int:
    """Return how many cores this process may use; a container may limit them."""
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def keep_freed_memory() -> None:
    """Keep the memory of freed arrays for the next ones, up to about 60 MB in this process.

    By default glibc returns large blocks to the kernel, which clears every page for the next array:
    a third of the time of a pipeline with a dozen arrays per image. It stops doing so once a block
    of that size was freed (mallopt(3), "dynamic mmap threshold"). Forked processes inherit this.
    """
    np.empty(_LARGE, np.uint8)


def check_bfloat16() -> None:
    """Check that the GPU, or the CPU without one, has instructions for bfloat16.

    A CPU may announce instructions that a virtual machine refuses, and the process would end
    without a message. So another process tries them first. Raises `InputError` without them.
    """
    import torch

    if torch.cuda.is_available():
        if not torch.cuda.is_bf16_supported(including_emulation=False):
            name = torch.cuda.get_device_name()
            raise InputError(f'--amp computes in bfloat16, which {name} lacks; remove --amp')
        return
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        raise InputError('--amp computes in bfloat16, which this CPU lacks; remove --amp')
    trial = subprocess.run([sys.executable, '-c', TRIAL], capture_output=True, text=True)
    if trial.returncode != 0:
        reason = f'exit status {trial.returncode}; {trial.stderr.strip()}'
        raise InputError(
            'this CPU announces bfloat16 instructions and does not run them '
            f'({reason.rstrip("; ")}); remove --amp, or set ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16'
        )
