import sys

import numpy as np
import pytest

from benchmarks.memory import peak_of_command
from isic_mmdet.errors import InputError


def test_the_peak_of_a_command_is_its_own():
    held = np.ones(400_000_000, np.uint8)  # which the command has nothing to do with
    small = peak_of_command([sys.executable, '-c', 'pass'])
    large = peak_of_command([sys.executable, '-c', 'held = bytearray(150_000_000); del held'])
    assert held.size == 400_000_000
    assert small < 100
    assert large - small == pytest.approx(150, abs=10)


def test_a_command_that_fails_is_an_error():
    with pytest.raises(InputError, match=r'no such thing') as error:
        peak_of_command([sys.executable, '-c', 'raise SystemExit("no such thing")'])
    assert 'failed' in str(error.value)
