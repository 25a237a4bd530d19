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

from tests.support.headless_browser import Browser, find_browser
from tests.support.random_model import NARROW
from tests.support.tool_runs import WITHOUT_TORCH, succeed
from tests.support.waiting import wait_until

ENVIRONMENT = {**os.environ, 'OMP_NUM_THREADS': '1'}


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
def predicted(exported, images, tmp_path_factory) -> Path:
    """The output of `tools/predict.py` for the images, one by one."""
    out = tmp_path_factory.mktemp('predicted') / 'out'
    succeed('predict', images, '--model', exported, '--out', out, '--batch-size', 1)
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
def port(root, exported) -> Iterator[int]:
    with serving(serve(root, '--model', exported, '--port', '0', '--threads', '1')) as (
        port,
        printed,
    ):
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
def test_a_signal_stops_it(root, exported, sent, status, printed):
    process = serve(root, '--model', exported, '--port', '0')
    assert 'is served at' in process.stdout.readline()
    process.send_signal(sent)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (status, printed, '')


def test_limits_are_those_of_the_command_and_an_open_server_warns(root, exported):
    limits = ('--max-mb', '2', '--max-megapixels', '3', '--host', '0.0.0.0')
    with serving(serve(root, '--model', exported, '--port', '0', *limits)) as (port, printed):
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


def test_a_checkpoint_is_served(root, checkpoint, images):
    arguments = ('--config', NARROW, '--checkpoint', checkpoint)
    process = start(root, 'tools/serve.py', *arguments, '--port', '0', '--no-browser')
    with serving(process) as (port, printed):
        assert 'random.pth is served at' in printed
        photo = next(images.glob('ISIC*')).read_bytes()
        result = json.loads(ask(port, '/segment', photo).splitlines()[-1])['result']
        assert result['label'] == 'lesion'


@pytest.mark.parametrize('host', ['127.0.0.1', 'nowhere.invalid'])
def test_an_address_that_is_taken_or_unknown_is_reported(root, exported, host):
    with socket.create_server(('127.0.0.1', 0)) as taken:
        port = taken.getsockname()[1]
        process = serve(root, '--model', exported, '--host', host, '--port', port)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f'cannot listen on {host}, port {port}' in err
    assert ('another program uses it' in err) == (host == '127.0.0.1')
    assert err.count('error: ') == 1 and 'Traceback' not in err


def test_the_load_benchmark_runs(root, exported, tmp_path):
    arguments = ('--model', exported, '--out', tmp_path, '--quick')
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


OUTLINE_STATE = "document.getElementById('outline-state').dataset.outline"
FOUND = "document.querySelector('#found-lines .contour').getAttribute('d')"


@pytest.mark.skipif(find_browser() is None, reason='needs Chromium (on Debian: chromium)')
def test_a_correction_survives_a_kill_and_is_loaded_again(root, exported, images, tmp_path):
    folder = tmp_path / 'corrections'
    photo = next(images.glob('ISIC*'))
    command = ('--model', exported, '--port', '0', '--threads', '1', '--save', folder)

    @contextmanager
    def opened(profile):
        """Yield the server and its page with the photo."""
        process = serve(root, *command)
        with (
            serving(process) as (port, printed),
            Browser(find_browser(), tmp_path / profile) as page,
        ):
            assert f'saved in {folder}' in printed
            page.show(1300, 900)
            page.open(f'http://127.0.0.1:{port}/')
            page.drop([photo], 400, 300)
            page.wait("document.querySelectorAll('#list [data-status=done]').length === 1", 60)
            yield process, page

    with opened('first') as (process, page):
        page.press('b')
        page.wait(
            "import('/correction.js').then(async (m) => "
            'm.maskNow((await import("/state.js")).state.current) !== null)'
        )
        page.drag((400, 200), (600, 300))
        page.wait(f"{OUTLINE_STATE} === 'changed'")
        page.press('a')
        page.wait(f"{OUTLINE_STATE} === 'corrected'")
        process.kill()
        drawn = page.run(FOUND)
    mask = folder / f'masks/{photo.stem}_segmentation.png'
    saved = mask.read_bytes()
    with opened('second') as (_, page):
        page.wait(f"{OUTLINE_STATE} === 'corrected'")
        page.wait(f'{FOUND} === {json.dumps(drawn)}')
    assert mask.read_bytes() == saved
