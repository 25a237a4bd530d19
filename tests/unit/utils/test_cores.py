import os
import subprocess
import sys

import pytest

from isic_mmdet.utils.cores import available_cores


def test_at_least_one_core():
    assert 1 <= available_cores() <= (os.cpu_count() or 1)


@pytest.mark.skipif(not hasattr(os, 'sched_setaffinity'), reason='needs a way to take cores away')
def test_cores_that_were_taken_away_do_not_count():
    code = (
        'import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});'
        'from isic_mmdet.utils.cores import available_cores; print(available_cores())'
    )
    assert subprocess.check_output([sys.executable, '-c', code], text=True).strip() == '1'
