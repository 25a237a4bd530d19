"""The command as users type it, with an exported model of random weights and without torch."""

import csv
import http.client
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from isic_mmdet.deploy.export.run import ExportSettings, export
from tests.support.headless_browser import Browser, find_browser
from tests.support.random_model import save_random_model
from tests.support.tool_runs import WITHOUT_TORCH, run_tool
from tests.support.waiting import wait_until

ENVIRONMENT = {**os.environ, 'OMP_NUM_THREADS': '1'}


@pytest.fixture(scope='module')
def model(root, tiny_data, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('model')
    config = root / 'configs/quickstart.py'
    checkpoint = save_random_model(config, folder / 'random.pth')
    settings = ExportSettings(check_images=str(tiny_data / 'images'))
    export(str(config), str(checkpoint), folder / 'model.onnx', settings)
    return folder / 'model.onnx'


@pytest.fixture(scope='module')
def images(tiny_data, tmp_path_factory) -> Path:
    """A folder of images: small ones, a rotated one, 16-bit gray, and a large JPEG."""
    folder = tmp_path_factory.mktemp('images')
    paths = sorted((tiny_data / 'images').iterdir())
    for path in paths[:2]:
        shutil.copy(path, folder)
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(paths[2]) as image:
        image.crop((0, 10, 96, 80)).save(folder / 'turned.jpg', exif=exif)
        image.resize((1801, 1203)).save(folder / 'large.jpg')
        deep = image.convert('I').point(lambda value: value * 257)
        deep.convert('I;16').save(folder / 'deep.png')
    return folder


@pytest.fixture(scope='module')
def predicted(root, model, images, tmp_path_factory) -> Path:
    """The output of `tools/predict.py` for the images, one by one."""
    out = tmp_path_factory.mktemp('predicted') / 'out'
    done = run_tool(root, 'predict', images, '--model', model, '--out', out, '--batch-size', '1')
    assert done.returncode == 0
    return out


def start(root, *command, **settings) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, *map(str, command)],
        cwd=root,
        env=ENVIRONMENT,
        text=True,
        stdout=subprocess.PIPE,
        **settings,
    )


def serve(root, *arguments) -> subprocess.Popen:
    return start(
        root,
        *('-c', WITHOUT_TORCH, 'tools/serve.py', *arguments, '--no-browser'),
        stderr=subprocess.PIPE,
        # Shells start background processes with Ctrl-C ignored, and child processes inherit that.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )


@contextmanager
def serving(process: subprocess.Popen) -> Iterator[tuple[int, str]]:
    """Yield the port of a server and what it printed, and stop it at the end."""
    printed = ''
    try:
        while 'is served at' not in printed:
            line = process.stdout.readline()
            assert line, process.stderr and process.stderr.read()
            printed += line
        yield int(re.search(r'served at http://.*:(\d+)/', printed)[1]), printed
    finally:
        process.terminate()
        process.communicate(timeout=60)


@pytest.fixture(scope='module')
def port(root, model) -> Iterator[int]:
    with serving(serve(root, '--model', model, '--port', '0', '--threads', '1')) as (port, printed):
        assert printed.startswith('model.onnx is served at http://127.0.0.1:')
        yield port


def ask(port, path, body) -> bytes:
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=60)
    connection.request('POST', path, body)
    answer = connection.getresponse()
    assert answer.status == 200
    return answer.read()


def masks_of(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob('*_segmentation.png')}


def test_masks_and_numbers_are_those_of_predict(port, images, predicted):
    with (predicted / 'predictions.csv').open(newline='') as file:
        rows = {row['image']: row for row in csv.DictReader(file)}
    masks = {}
    for path in images.iterdir():
        last = ask(port, '/segment', path.read_bytes()).splitlines()[-1]
        found = json.loads(last)['result']
        lesion = json.dumps(found['lesion']).encode()
        masks[f'{path.stem}_segmentation.png'] = ask(port, '/mask?threshold=50', lesion)
        row = rows[path.stem]
        assert found['label'] == row['label'] == 'lesion'
        assert found['score'] == float(row['score'])
        assert found['areas'][50] == int(row['area_px']) > 0
        assert found['box'] == [float(row[side]) for side in ('x', 'y', 'width', 'height')]
    assert masks == masks_of(predicted)


@pytest.mark.skipif(find_browser() is None, reason='needs Chromium (on Debian: chromium)')
def test_what_the_page_saves_is_what_predict_writes(port, images, predicted, tmp_path):
    with Browser(find_browser(), tmp_path / 'profile') as page:
        page.open(f'http://127.0.0.1:{port}/')
        page.save_to(tmp_path)
        page.drop([images], 400, 300)
        page.wait("document.querySelectorAll('#list [data-status=done]').length === 5", 60)
        page.click('#get-masks')
        wait_until((tmp_path / 'masks.zip').is_file, 30)
        with zipfile.ZipFile(tmp_path / 'masks.zip') as archive:
            saved = {name: archive.read(name) for name in archive.namelist()}
        assert saved == masks_of(predicted)
        # The outline of the first image is drawn.
        page.wait("document.querySelector('#found-lines .contour').getAttribute('d') !== ''")
        assert page.errors() == []


@pytest.mark.parametrize(
    ('sent', 'status', 'printed'),
    [(signal.SIGINT, 0, 'stopped\n'), (signal.SIGTERM, -signal.SIGTERM, '')],
)
def test_a_signal_stops_it(root, model, sent, status, printed):
    process = serve(root, '--model', model, '--port', '0')
    assert 'is served at' in process.stdout.readline()
    process.send_signal(sent)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (status, printed, '')


def test_limits_are_those_of_the_command_and_an_open_server_warns(root, model):
    limits = ('--max-mb', '2', '--max-megapixels', '3', '--host', '0.0.0.0')
    with serving(serve(root, '--model', model, '--port', '0', *limits)) as (port, printed):
        assert 'no password' in printed and 'http://localhost:' in printed
        connection = http.client.HTTPConnection('127.0.0.1', port, timeout=60)
        connection.request('GET', '/about')
        about = json.loads(connection.getresponse().read())
        assert (about['maxBytes'], about['maxPixels']) == (2 * 2**20, 3_000_000)
        assert (about['model'], about['classes']) == ('model.onnx', ['lesion'])
        stream = io.BytesIO()
        Image.new('L', (2000, 1501)).save(stream, 'PNG')
        found = json.loads(ask(port, '/segment', stream.getvalue()).splitlines()[-1])
        assert found['error'] == '2000 x 1501 pixels are more than 3 megapixels'


def test_a_checkpoint_is_served(root, model, images):
    arguments = ('--config', 'configs/quickstart.py', '--checkpoint', model.with_name('random.pth'))
    process = start(root, 'tools/serve.py', *arguments, '--port', '0', '--no-browser')
    with serving(process) as (port, printed):
        assert 'random.pth is served at' in printed
        photo = next(images.glob('ISIC*')).read_bytes()
        result = json.loads(ask(port, '/segment', photo).splitlines()[-1])['result']
        assert result['label'] == 'lesion'


def test_each_error_gets_one_message(root, model, tmp_path):
    with socket.create_server(('127.0.0.1', 0)) as taken:
        port = str(taken.getsockname()[1])
        named = ('--model', model)
        cases = [
            (('--model', tmp_path / 'none.onnx'), 1, 'no such model'),
            ((*named, '--port', port), 1, f'cannot listen on 127.0.0.1, port {port}'),
            ((*named, '--host', 'nowhere.invalid'), 1, 'cannot listen on nowhere.invalid'),
            ((*named, '--port', '70000'), 2, 'not in 0 to 65535'),
            ((*named, '--max-mb', '0'), 2, '--max-mb: 0 is not in 1'),
            ((*named, '--config', 'c.py', '--checkpoint', 'k.pth'), 2, '--model'),
            (('--config', 'c.py'), 2, '--checkpoint'),
            ((), 2, '--model'),
        ]
        for arguments, status, message in cases:
            process = serve(root, *arguments)
            _, err = process.communicate(timeout=60)
            assert process.returncode == status, err
            assert message in err and err.count('error: ') == 1 and 'Traceback' not in err


def test_the_load_benchmark_runs(root, model, tmp_path):
    arguments = ('--model', model, '--out', tmp_path, '--quick')
    process = start(root, '-m', 'benchmarks', 'serve', *arguments)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    result = json.loads(next(tmp_path.rglob('serve.json')).read_text())
    for row in result['rows']:
        assert row['what'] in out
    assert '0 of 40 answers lost or mixed up' in out
    assert result['rows'][0]['ours_per_s'] > 0
    assert len(result['details']['memory_mb']) == 40
    assert 1 < result['details']['last_place'] < 8
