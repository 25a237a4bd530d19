"""tools/check_dataset.py as a user runs it."""

import json
import shutil
import subprocess
import sys


def check(root, data):
    command = [sys.executable, str(root / 'tools/check_dataset.py')]
    command += [str(root / 'configs/isic2018_maskrcnn_r18_256px.py'), '--data-root', str(data)]
    return subprocess.run([*command, '--workers', '1'], capture_output=True, text=True, cwd=data)


def test_sound_and_damaged_data(root, tiny_data, tmp_path):
    done = check(root, tiny_data)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        'images: 12 train, 3 val, 3 test',
        'errors: none',
        'notes: none',
    ]
    data = shutil.copytree(tiny_data, tmp_path / 'data')
    path = data / 'annotations/train.json'
    coco = json.loads(path.read_text())
    image = coco['images'][4]
    del image['image_bytes']
    path.write_text(json.dumps(coco))
    picture = data / 'images' / image['file_name']
    picture.write_bytes(picture.read_bytes()[:-200])
    done = check(root, data)
    assert done.returncode == 1
    assert f'  - train: {image["isic_id"]}: the image file {picture} cannot be read' in done.stdout
