"""The tools where Windows would be: without fork, SIGCHLD, poll, fcntl and resource.

`tests/support/windows` hides them from the code of the project, in every process.
"""

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

WINDOWS = Path(__file__).parents[2] / 'support' / 'windows'
SPAWN = ('env_cfg.mp_cfg.mp_start_method=spawn',)
SMALL = (
    *('train_cfg.max_epochs=1', 'train_cfg.val_interval=1', 'param_scheduler.0.end=1'),
    'train_dataloader.batch_size=4',
)
TWO_HOLDERS = """
import sys
from isic_mmdet.utils.run_lock import run_lock
with run_lock(sys.argv[1], 'wait'):
    print('locked', flush=True)
    sys.stdin.readline()
"""


def start(root: Path, *command: object) -> subprocess.Popen:
    environment = {
        **os.environ,
        'PYTHONPATH': os.pathsep.join([str(WINDOWS), str(root)]),
        'OMP_NUM_THREADS': '1',
        'CUDA_VISIBLE_DEVICES': '',
    }
    return subprocess.Popen(
        list(map(str, [sys.executable, *command])),
        cwd=root,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def succeed(root: Path, *command: object) -> str:
    process = start(root, *command)
    printed, errors = process.communicate(timeout=280)
    assert process.returncode == 0, errors[-3000:]
    return printed


def test_what_only_posix_has_is_hidden(root):
    """Otherwise the other tests would prove nothing."""
    code = 'import os, signal, sys; print(hasattr(os, "fork"), hasattr(signal, "SIGCHLD"))'
    assert succeed(root, '-c', f'{code}; print(sys.platform)') == 'False False\nwin32\n'
    process = start(root, '-c', 'import fcntl')
    assert 'Windows has no fcntl' in process.communicate()[1]


def test_a_folder_in_use_is_refused_and_left_clean(root, tmp_path):
    folder = tmp_path / 'run'
    holder = start(root, '-c', TWO_HOLDERS, folder)
    assert holder.stdout.readline() == 'locked\n'
    second = start(root, '-c', TWO_HOLDERS, folder)
    assert f'in use by process {holder.pid}' in second.communicate('\n', timeout=60)[1]
    holder.communicate('\n', timeout=60)
    assert holder.returncode == 0
    assert not folder.exists()


def test_images_are_prepared_by_new_processes(root, tmp_path):
    own, data = tmp_path / 'official', tmp_path / 'data'
    succeed(root, 'tools/make_synthetic.py', '--out', own, '--images', 12)
    options = ('--src', own, '--out', data, '--split', 'official', '--classes', 'lesion')
    succeed(root, 'tools/prepare_isic.py', 2017, *options, '--workers', 2)
    assert len(json.loads((data / 'annotations' / 'train.json').read_text())['images']) == 8


def test_images_are_segmented_with_the_model_of_the_project(root, tiny_data, tmp_path):
    succeed(root, 'tools/predict.py', tiny_data / 'images', '--out', tmp_path, '--overlay')
    assert len(list(tmp_path.glob('*.png'))) == len(list((tiny_data / 'images').iterdir()))


def test_the_page_is_served(root):
    process = start(root, '-u', 'tools/serve.py', '--port', 0, '--no-browser')
    try:
        address = next(filter(None, (re.search(r'http://\S+', x) for x in process.stdout)))[0]
        with urllib.request.urlopen(address, timeout=60) as page:
            assert page.status == 200
    finally:
        process.terminate()
        process.communicate(timeout=60)


@pytest.mark.slow
def test_a_model_is_trained_tested_and_used_with_spawned_processes(root, tiny_data, tmp_path):
    config, work, test = 'configs/quickstart.py', tmp_path / 'run', tmp_path / 'test'
    data = ('--data-root', tiny_data)
    train = ('tools/train.py', config, *data, '--work-dir', work, '--cfg-options')
    succeed(root, *train, *SPAWN, *SMALL)
    (best,) = work.glob('best_lesion_iou_epoch_*.pth')
    options = ('--work-dir', test, '--show-dir', test / 'drawings', '--cfg-options', *SPAWN)
    succeed(root, 'tools/test.py', config, best, *data, *options)
    assert 0 <= json.loads((test / 'metrics.json').read_text())['metrics']['lesion/iou'] <= 1
    assert 'report.html' in succeed(root, 'tools/report.py', test)
    model = ('--config', config, '--checkpoint', best)
    succeed(root, 'tools/predict.py', tiny_data / 'images', '--out', tmp_path / 'masks', *model)
    assert list((tmp_path / 'masks').glob('*.png'))
