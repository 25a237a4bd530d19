"""The same test by one, two and four processes."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from tests.support.disk_faults import Tool
from tests.support.random_model import NARROW

IMAGES = 7  # in batches of two, so that the last one is uneven for each number of processes
OPTIONS = ['batch_size=2', 'num_workers=0', 'persistent_workers=False']
OPTIONS = [f'test_dataloader.{option}' for option in OPTIONS]


@pytest.fixture(scope='module')
def arguments(root, checkpoint, tiny_data, tmp_path_factory) -> list:
    """Arguments of tools/test.py for the tiny data with seven images in the test split."""
    data = Path(shutil.copytree(tiny_data, tmp_path_factory.mktemp('data') / 'tiny'))
    content = json.loads((data / 'annotations/train.json').read_text())
    content['images'] = content['images'][:IMAGES]
    ids = {image['id'] for image in content['images']}
    content['annotations'] = [a for a in content['annotations'] if a['image_id'] in ids]
    (data / 'annotations/test.json').write_text(json.dumps(content))
    return [NARROW, checkpoint, '--data-root', data]


def results(work: Path) -> tuple[dict[str, float], list[dict[str, str]]]:
    with (work / 'per_image.csv').open() as file:
        rows = list(csv.DictReader(file))
    report = json.loads((work / 'metrics.json').read_text())
    assert report['images'] == len(rows)
    return report['metrics'], rows


@pytest.fixture(scope='module')
def alone(root, arguments, tmp_path_factory) -> Path:
    work = tmp_path_factory.mktemp('alone')
    ended = Tool(root, 'test.py')(*arguments, '--work-dir', work, '--cfg-options', *OPTIONS)
    assert ended.status == 0, ended.printed[-3000:]
    return work


@pytest.mark.parametrize('processes', [pytest.param(2, marks=pytest.mark.slow), 4])
def test_every_image_counts_once_however_many_processes_there_are(
    root, arguments, alone, processes, figure, tmp_path
):
    ended = Tool(root, 'test.py').group(
        processes, *arguments, '--work-dir', tmp_path, '--cfg-options', *OPTIONS
    )
    assert [process.status for process in ended] == [0] * processes, ended[0].printed[-3000:]
    (metrics, rows), (expected, expected_rows) = results(tmp_path), results(alone)
    assert len({row['image_id'] for row in rows}) == len(rows) == IMAGES
    assert metrics == pytest.approx(expected, abs=1e-6)
    for row, expected_row in zip(rows, expected_rows, strict=True):
        assert row['image_id'] == expected_row['image_id']
        assert float(row['iou']) == pytest.approx(float(expected_row['iou']), abs=1e-6)
    figure(
        f'{IMAGES} images tested by {processes} processes in batches of 2, next to one process',
        'each image counted once, all scores equal to 1e-6',
    )
