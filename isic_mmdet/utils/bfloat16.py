"""Whether this machine's processor or GPU computes in bfloat16."""

import subprocess
import sys

import torch

from isic_mmdet.errors import InputError

# Forward and backward, for they use different instructions.
_TRIAL = """
import torch
convolution = torch.nn.Conv2d(16, 16, 3)
with torch.autocast('cpu', torch.bfloat16):
    convolution(torch.randn(2, 16, 32, 32)).float().sum().backward()
"""


def check_bfloat16() -> None:
    """Return if the GPU, or the CPU where there is none, runs bfloat16 as its own instructions.

    A CPU may announce instructions that a virtual machine then refuses, and the process would end
    without a word; so another process tries them first.

    Raises:
        InputError: it does not.
    """
    if torch.cuda.is_available():
        if not torch.cuda.is_bf16_supported(including_emulation=False):
            name = torch.cuda.get_device_name()
            raise InputError(f'--amp computes in bfloat16, which {name} lacks; leave --amp out')
        return
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        raise InputError('--amp computes in bfloat16, which this CPU lacks; leave --amp out')
    trial = subprocess.run([sys.executable, '-c', _TRIAL], capture_output=True, text=True)
    if trial.returncode != 0:
        reason = f'exit status {trial.returncode}; {trial.stderr.strip()}'
        raise InputError(
            'this CPU announces bfloat16 instructions and does not run them '
            f'({reason.rstrip("; ")}); leave --amp out, or set ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16'
        )
