import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.onnxruntime_avx2 import copy_with_avx2

pytestmark = pytest.mark.skipif(platform.machine() != 'x86_64', reason='only x86 has AVX2')


# Multiplies 64 times the largest numbers of 8 bits.
PRODUCT = """
import numpy as np
import onnxruntime
from onnx import TensorProto, helper

kinds = ('a', TensorProto.UINT8, [1, 64]), ('b', TensorProto.INT8, [64, 32])
graph = helper.make_graph(
    [helper.make_node('MatMulInteger', ['a', 'b'], ['c'])],
    'product',
    [helper.make_tensor_value_info(*kind) for kind in kinds],
    [helper.make_tensor_value_info('c', TensorProto.INT32, [1, 32])],
)
opset = [helper.make_opsetid('', 13)]
model = helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()
session = onnxruntime.InferenceSession(model, providers=['CPUExecutionProvider'])
inputs = {'a': np.full((1, 64), 255, np.uint8), 'b': np.full((64, 32), 127, np.int8)}
print(session.run(None, inputs)[0].max())
"""


def run_with(path: list[Path], *arguments: object, root: Path) -> str:
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(map(str, path))}
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_copy_overflows_as_a_cpu_without_avx512(root, tmp_path):
    found = int(run_with([copy_with_avx2(tmp_path)], '-c', PRODUCT, root=root))
    # Sums of two products stop at the largest number of 16 bits.
    assert found == 32 * (2**15 - 1) < 64 * 255 * 127


def test_the_masks_of_the_project_are_the_same_without_avx512(tiny_data, root, tmp_path):
    runtime = copy_with_avx2(tmp_path)
    for name, path in ('installed', [root]), ('copy', [runtime, root]):
        run_with(
            path, 'tools/predict.py', tiny_data / 'images', '--out', tmp_path / name, root=root
        )
    installed = sorted((tmp_path / 'installed').glob('*.png'))
    assert len(installed) == len(list((tiny_data / 'images').iterdir())) > 0
    assert [path.read_bytes() for path in installed] == [
        (tmp_path / 'copy' / path.name).read_bytes() for path in installed
    ]
