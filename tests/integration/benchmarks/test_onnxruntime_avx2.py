import os
import platform
import subprocess
import sys

import pytest

from benchmarks.onnxruntime_avx2 import copy_with_avx2

pytestmark = pytest.mark.skipif(platform.machine() != 'x86_64', reason='only x86 has AVX2')


def test_the_masks_of_the_project_are_the_same_without_avx512(tiny_data, root, tmp_path):
    runtime = copy_with_avx2(tmp_path)
    command = [sys.executable, 'tools/predict.py', tiny_data / 'images', '--out']
    for name, path in ('installed', [root]), ('copy', [runtime, root]):
        environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(map(str, path))}
        done = subprocess.run(
            [*command, tmp_path / name], cwd=root, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    installed = sorted((tmp_path / 'installed').glob('*.png'))
    assert len(installed) == len(list((tiny_data / 'images').iterdir())) > 0
    assert [path.read_bytes() for path in installed] == [
        (tmp_path / 'copy' / path.name).read_bytes() for path in installed
    ]
