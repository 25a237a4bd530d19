"""A copy of ONNX Runtime that uses AVX2 and no AVX-512, as on most laptops.

ONNX Runtime has no setting for that. It asks the operating system, by the instruction XGETBV, which
registers programs may use. In the copy the answer is: those of AVX (bits 0 to 2), not those of
AVX-512 (bits 5 to 7). See "Detection of AVX-512" in volume 1 of the manual of Intel, 15.2.
"""

import re
import shutil
from importlib.util import find_spec
from pathlib import Path

from isic_mmdet.errors import InputError

# XGETBV with the number 0 of its register in front, as compilers write it. The bytes of XGETBV
# alone are also parts of other instructions.
_ASKS = re.compile(rb'(\x31\xc9|\x48\x89\xd5)\x0f\x01\xd0')
_ANSWER = b'\xb0\x07\x90'  # mov al, 7; nop


def copy_with_avx2(folder: Path) -> Path:
    """Copy the installed ONNX Runtime into a folder, which then belongs first in `sys.path`.

    Raises:
        InputError: its library asks in another way.
    """
    spec = find_spec('onnxruntime')
    assert spec is not None and spec.origin is not None  # it is a requirement
    shutil.copytree(Path(spec.origin).parent, folder / 'onnxruntime')
    (library,) = folder.glob('onnxruntime/capi/onnxruntime_pybind11_state*')
    data, number = _ASKS.subn(rb'\1' + _ANSWER, library.read_bytes())
    if number == 0:
        raise InputError(f'{library.name}: XGETBV was not found; adapt {Path(__file__).name}')
    library.write_bytes(data)
    return folder
