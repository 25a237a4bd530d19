"""tools/check_dataset.py as a user runs it."""

import json
import shutil

from tests.support.tool_runs import run_tool


def test_sound_and_damaged_data(tiny_data, tmp_path):
    config = 'configs/isic2018_maskrcnn_lite.py'
    done = run_tool('check_dataset', config, '--data-root', tiny_data, '--workers', 1)
    assert done.returncode == 0, done.stderr
    lines = ['images: 12 train, 3 val, 3 test', 'errors: none', 'notes: none']
    assert done.stdout.splitlines() == lines
    data = shutil.copytree(tiny_data, tmp_path / 'data')
    path = data / 'annotations/train.json'
    coco = json.loads(path.read_text())
    image = coco['images'][4]
    del image['image_bytes']
    path.write_text(json.dumps(coco))
    file = data / 'images' / image['file_name']
    file.write_bytes(file.read_bytes()[:-200])
    done = run_tool('check_dataset', config, '--data-root', data, '--workers', 1)
    assert done.returncode == 1
    assert f'  - train: {image["isic_id"]}: the image file {file} cannot be read' in done.stdout
