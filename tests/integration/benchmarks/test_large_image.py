import io
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from benchmarks import large_image
from isic_mmdet.images.encoding import encode_jpeg


def test_a_picture_has_the_shape_and_the_noise_that_files_of_its_size_have():
    image = large_image.picture((1000, 1500))
    assert image.shape == (1000, 1500, 3) and image.dtype == np.uint8
    gray = image.mean(axis=2)
    assert 1 < (gray[1:] - gray[:-1]).std() < 10
    data = encode_jpeg(image)
    assert Image.open(io.BytesIO(data)).size == (1500, 1000)
    # Photographs of quality 95 take a few bits a pixel.
    assert 1 < 8 * len(data) / 1.5e6 < 8


def test_rows_hold_ours_against_its_own_small_image_and_every_baseline():
    times = {
        'ours, bfloat16': [[0.3], [0.4, 0.5, 0.6], [0.9, 0.8, 1.0]],
        'ours': [[0.3], [0.4], [1.1]],
        'stock mmdet': [[2.0], [4.0], [18.0]],
        'torchvision': [[2.0], [4.0]],
    }
    decoding = [[0.1], [0.1], [0.2, 0.3, 0.1]]
    rows = large_image.time_rows(times, decoding, (4499, 6748))
    fast, slow, mmdet, torchvision = rows
    assert fast['ours_s'] == 0.9 and fast['baseline_s'] == pytest.approx(1.5 * 0.5 + 0.2)
    assert fast['met'] is True
    assert slow['baseline_s'] == pytest.approx(1.5 * 0.4 + 0.2) and slow['met'] is False
    assert mmdet['ratio'] == pytest.approx(20)
    assert torchvision['baseline'] == 'torchvision' and torchvision['baseline_s'] is None


def test_memory_rows_count_from_the_loaded_model():
    memory = {
        'ours': {'loaded_mb': 700.0, 'peak_mb': 900.0},
        'stock mmdet': {'loaded_mb': 800.0, 'peak_mb': 4800.0},
        'torchvision': {'loaded_mb': 600.0, 'error': 'not finished in 300 s'},
    }
    mmdet, torchvision = large_image.memory_rows(memory, (4499, 6748))
    assert (mmdet['ours_mb'], mmdet['baseline_mb'], mmdet['met']) == (200, 4000, True)
    assert mmdet['ratio'] == 20
    assert torchvision['baseline_mb'] is None and torchvision['ratio'] is None


@pytest.mark.slow
def test_it_runs_and_leaves_its_numbers(root, tmp_path):
    out = tmp_path / 'large.json'
    command = [sys.executable, '-m', 'benchmarks.large_image', '--quick', '--out', out]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    content = json.loads(out.read_text())
    assert {'stock mmdet', 'torchvision'} <= {row['baseline'] for row in content['rows']}
    assert all(row['ratio'] > 0 for row in content['rows'])
    assert content['command'].startswith('python -m benchmarks.large_image --quick')
    assert str(root) not in content['command']
