import subprocess
import sys

import pytest

PROGRAM = """
import resource
import numpy as np
from isic_mmdet.utils.memory import keep_freed_memory

def page_faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(100):
        arrays = [np.ones(2**20, np.uint8) for _ in range(3)]
        del arrays
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

page_faults()
before = page_faults()
keep_freed_memory()
page_faults()
print(before, page_faults())
"""


@pytest.mark.skipif(sys.platform != 'linux', reason='the allocator is that of glibc')
def test_arrays_get_the_memory_of_freed_ones():
    done = subprocess.run([sys.executable, '-c', PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    before, after = map(int, done.stdout.split())
    assert before > 20_000  # 100 times 3 MB of 4 KB pages, most of them cleared anew
    assert after < before / 100
