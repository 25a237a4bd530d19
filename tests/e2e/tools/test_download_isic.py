"""The command as users call it, against a real server on this machine."""

import io
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.support.waiting import wait_until

IMAGES = 'ISIC2018_Task1-2_Validation_Input.zip'
MASKS = 'ISIC2018_Task1_Validation_GroundTruth.zip'
STALL_AFTER = 300_000


class OneFolder(SimpleHTTPRequestHandler):
    """Serves files, with ETag and ranges; while `stall` is set, the images stop half-way."""

    def log_message(self, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, with_body: bool) -> None:
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(403)
            return
        body = path.read_bytes()
        start = int(self.headers.get('Range', 'bytes=0-').removeprefix('bytes=')[:-1])
        self.server.starts.append(start)  # type: ignore[attr-defined]
        self.send_response(206 if start else 200)
        if start:
            self.send_header('Content-Range', f'bytes {start}-{len(body) - 1}/{len(body)}')
        self.send_header('Content-Length', str(len(body) - start))
        self.send_header('ETag', f'"{len(body)}"')
        self.end_headers()
        if not with_body:
            return
        release = self.server.release  # type: ignore[attr-defined]
        if path.name == IMAGES and not release.is_set():
            self.wfile.write(body[start:STALL_AFTER])
            release.wait(20)
            return
        self.wfile.write(body[start:])


def make_zip(names: list[str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w') as file:
        for name in names:
            file.writestr(name, os.urandom(6000))
    return buffer.getvalue()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ThreadingHTTPServer]:
    """A server that holds the validation part of ISIC 2018, and nothing else."""
    folder = tmp_path / 'served' / '2018'
    folder.mkdir(parents=True)
    ids = [f'ISIC_{number:07d}' for number in range(100)]
    (folder / IMAGES).write_bytes(make_zip([f'{i}.jpg' for i in ids]))
    (folder / MASKS).write_bytes(make_zip([f'{i}_segmentation.png' for i in ids]))

    def handler(*args: object) -> OneFolder:
        return OneFolder(*args, directory=str(folder.parent))  # type: ignore[arg-type]

    http_server = ThreadingHTTPServer(('127.0.0.1', 0), handler)
    http_server.release = threading.Event()  # type: ignore[attr-defined]
    http_server.release.set()  # type: ignore[attr-defined]
    http_server.starts = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=http_server.serve_forever, kwargs={'poll_interval': 0.02})
    thread.start()
    yield http_server
    http_server.release.set()  # type: ignore[attr-defined]
    http_server.shutdown()
    thread.join(5)
    http_server.server_close()


def start(root: Path, *arguments: str) -> 'subprocess.Popen[str]':
    return subprocess.Popen(
        [sys.executable, str(root / 'tools' / 'download_isic.py'), *arguments],
        env={**os.environ, 'PYTHONPATH': str(root), 'no_proxy': '127.0.0.1'},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(root: Path, *arguments: str) -> tuple[int, str, str]:
    with start(root, *arguments) as process:
        out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def address(server: ThreadingHTTPServer) -> str:
    return f'http://127.0.0.1:{server.server_port}'


def test_help_ends_with_an_example(root: Path) -> None:
    status, out, _ = run(root, '--help')
    assert status == 0
    assert out.splitlines()[-1].strip().startswith('python tools/download_isic.py 2018 --out')


@pytest.mark.parametrize(
    'arguments',
    [
        ['2019', '--out', 'x'],
        ['2018'],
        ['2018', '--out', 'x', '--parts', 'train'],
    ],
)
def test_wrong_arguments_exit_with_2(root: Path, arguments: list[str]) -> None:
    status, _, err = run(root, *arguments)
    assert status == 2
    assert 'usage:' in err


def test_gets_the_files_and_says_what_comes_next(
    root: Path, tmp_path: Path, server: ThreadingHTTPServer
) -> None:
    out = tmp_path / 'out'
    arguments = ['2018', '--out', str(out), '--parts', 'validation', '--base-url', address(server)]
    status, shown, err = run(root, *arguments)
    assert status == 0, err
    assert 'to fetch: ' in shown
    assert f'prepare_isic.py 2018 --src {out} --out data/isic2018' in shown
    assert '100%' in err, 'the progress bar'
    for name in (IMAGES, MASKS):
        assert (out / name).read_bytes() == (tmp_path / 'served' / '2018' / name).read_bytes()
    status, shown, _ = run(root, *arguments)
    assert status == 0
    assert shown.count('complete, left as it is') == 2


def test_refused_files_exit_with_1_and_one_message(
    root: Path, tmp_path: Path, server: ThreadingHTTPServer
) -> None:
    out = tmp_path / 'out'
    status, _, err = run(root, '2018', '--out', str(out), '--base-url', address(server))
    assert status == 1
    assert 'Traceback' not in err
    assert 'error: 4 of 6 files of ISIC 2018 could not be downloaded' in err
    assert err.count('the server answered 403') == 4
    assert sorted(path.name for path in out.iterdir()) == [
        IMAGES,
        MASKS,
        'SHA256SUMS',
    ]


def test_a_killed_run_is_continued(root: Path, tmp_path: Path, server: ThreadingHTTPServer) -> None:
    out = tmp_path / 'out'
    arguments = ['2018', '--out', str(out), '--parts', 'validation', '--base-url', address(server)]
    part = out / f'{IMAGES}.part'
    server.release.clear()  # type: ignore[attr-defined]
    with start(root, *arguments) as process:
        wait_until(lambda: part.exists() and part.stat().st_size == STALL_AFTER, 60)
        process.kill()
        process.communicate(timeout=10)
    assert not (out / IMAGES).exists()
    server.release.set()  # type: ignore[attr-defined]
    status, shown, err = run(root, *arguments)
    assert status == 0, err
    assert '293 KiB of it already here' in shown
    assert server.starts.count(STALL_AFTER) == 1  # type: ignore[attr-defined]
    assert (out / IMAGES).read_bytes() == (tmp_path / 'served' / '2018' / IMAGES).read_bytes()
    assert sorted(path.name for path in out.iterdir()) == [
        IMAGES,
        MASKS,
        'SHA256SUMS',
    ]
