import os

from isic_mmdet.utils.system import available_cores


def test_at_least_one_core():
    assert 1 <= available_cores() <= (os.cpu_count() or 1)
