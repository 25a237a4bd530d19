"""Many generated rows and files."""

import subprocess
import sys

import pytest

from isic_mmdet.deploy.predict.folder import still_to_do
from isic_mmdet.deploy.predict.inputs import find_images
from isic_mmdet.deploy.predict.settings import FolderSettings
from isic_mmdet.deploy.predict.table import csv_lines, join_parts, part_of
from tests.support.predictions import rows_by_image

pytestmark = pytest.mark.slow

NUMBER = 200_000
FILES = 20_000
PARTS = 8
# Prints the growth of the peak memory in bytes.
JOIN = """
import re, sys
from pathlib import Path
from isic_mmdet.deploy.predict.table import join_parts

def peak():
    return 1024 * int(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])

before = peak()
join_parts(Path(sys.argv[1]))
print(peak() - before)
"""


def row(index: int) -> str:
    name = f'ISIC_{index:07d}'
    cells = {'file': f'{name}.jpg', 'label': 'lesion', 'score': 0.9876, 'area_px': 123456}
    return csv_lines([{'image': name, **cells, 'seconds': 0.0312}])


def write_parts(folder, number: int) -> None:
    """Write the tables of some processes that shared `number` images."""
    folder.mkdir(exist_ok=True)
    for rank in range(PARTS):
        with part_of(folder, rank) as part:
            part.add(''.join(map(row, range(rank, number, PARTS))))


@pytest.mark.skipif(sys.platform != 'linux', reason='reads the peak from /proc')
def test_the_memory_of_a_join_does_not_grow_with_the_rows(tmp_path, root):
    growth = {}
    for number in (NUMBER // 4, NUMBER):
        out = tmp_path / str(number)
        write_parts(out, number)
        command = [sys.executable, '-c', JOIN, out]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
        growth[number] = int(done.stdout)
        lines = (out / 'predictions.csv').read_text().splitlines(keepends=True)
        assert lines[1:] == list(map(row, range(number)))
        assert [path.name for path in out.iterdir()] == ['predictions.csv']
    assert growth[NUMBER] < growth[NUMBER // 4] + 20e6
    assert growth[NUMBER] < 100e6


def test_a_large_folder_is_listed_and_resumed(tmp_path):
    images, out = tmp_path / 'images', tmp_path / 'out'
    images.mkdir()
    for index in range(FILES):
        (images / f'ISIC_{index:07d}.jpg').touch()
    names = list(find_images([str(images)], out).files)
    assert names == [f'ISIC_{index:07d}' for index in range(FILES)]
    write_parts(out, FILES - 3)
    for name in names[1:]:
        (out / f'{name}_segmentation.png').touch()
    settings = FolderSettings(out, overlay=False, batch_size=4, workers=4)
    expected = {names[0], *names[-3:]}
    assert still_to_do(names, settings) == expected
    join_parts(out)
    assert still_to_do(names, settings) == expected
    assert len(rows_by_image(out)) == FILES - 3
