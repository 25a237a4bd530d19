"""The server over HTTP: correct answers, refusals, bad clients, limits."""

import http.client
import io
import json
import socket
import struct
import sys
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress

import numpy as np
import pytest
from PIL import Image

from isic_mmdet.serve.answers import segment
from isic_mmdet.serve.server import Connection
from tests.support.fake_predictor import served
from tests.support.waiting import wait_until

HEAD = b'POST /segment HTTP/1.1\r\nHost: localhost\r\n'


@contextmanager
def asking(server, method, path, body=None, **headers):
    """Send a request, and yield its answer to be read."""
    connection = http.client.HTTPConnection('127.0.0.1', server.address[1], timeout=30)
    with closing(connection):
        connection.request(method, path, body, headers)
        yield connection.getresponse()


def ask(server, method, path, body=None, **headers):
    """Return status, headers and body of an answer."""
    with asking(server, method, path, body, **headers) as answer:
        return answer.status, answer.headers, answer.read()


def lines(body):
    return [json.loads(line) for line in body.splitlines()]


def outlined(server, photo):
    """Return the result of /segment for the bytes of a photo."""
    status, _, body = ask(server, 'POST', '/segment', photo)
    assert status == 200
    return lines(body)[-1]['result']


def connected(server, sent=b''):
    client = socket.create_connection(server.address, 30)
    client.sendall(sent)
    return client


def encoded(pixels, kind='PNG'):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def gradient(width):
    """Return an image that differs from others by its width."""
    pixels = np.full((60, width, 3), 230, np.uint8)
    pixels[15:45, 10 : width // 2] = 40
    return encoded(pixels)


def test_the_page_and_its_files(server):
    status, headers, body = ask(server, 'GET', '/')
    assert status == 200 and b'<h1>' in body
    assert body.count(b'not a medical device') == 1
    policy = headers['Content-Security-Policy']
    assert "default-src 'none'" in policy and 'unsafe' not in policy
    assert headers['X-Content-Type-Options'] == 'nosniff'
    assert headers['Server'] == 'isic_mmdet'
    for name, kind in (('main.js', 'text/javascript'), ('page.css', 'text/css')):
        status, headers, _ = ask(server, 'GET', f'/{name}?v=1')
        assert status == 200 and headers['Content-Type'].startswith(kind)
    status, headers, body = ask(server, 'HEAD', '/')
    assert (status, body) == (200, b'') and int(headers['Content-Length']) > 1000


@pytest.mark.parametrize(
    'path',
    [
        '/../../../../../../etc/passwd',
        '/..%2f..%2fserver.py',
        '/%2e%2e/server.py',
        '/assets/main.js',
        '//etc/passwd',
        '/index.html',
        '/main.js/',
        '/main.js%00.css',
        '/favicon.ico',
    ],
)
def test_no_other_file_is_served(server, path):
    status, headers, body = ask(server, 'GET', path)
    assert (status, json.loads(body)) == (404, {'error': 'there is no such page'})
    assert "default-src 'none'" in headers['Content-Security-Policy']


def test_an_image_is_outlined(server, predictor, photos):
    photo = photos[0].read_bytes()
    predictor.gate.clear()  # otherwise the result may come before the first position
    with asking(server, 'POST', '/segment', photo) as answer:
        assert answer.status == 200
        assert answer.getheader('Content-Type') == 'application/x-ndjson'
        assert json.loads(answer.readline()) == {'position': 0}
        predictor.gate.set()
        *positions, last = lines(answer.read())
    assert all(line == {'position': 0} for line in positions)
    assert last == {'result': segment(predictor, photo, 10**6)}


def test_a_mask_a_comparison_and_a_preview(server, photos, tiny_data):
    photo = photos[0].read_bytes()
    lesion = json.dumps(outlined(server, photo)['lesion']).encode()
    for path, body, kind in (
        ('/mask?threshold=40', lesion, 'image/png'),
        ('/preview', photo, 'image/jpeg'),
    ):
        status, headers, image = ask(server, 'POST', path, body)
        assert (status, headers['Content-Type']) == (200, kind)
        assert Image.open(io.BytesIO(image)).size == (96, 96)
    truth = tiny_data / f'original_masks/{photos[0].stem}_segmentation.png'
    for file, key in ((truth.read_bytes(), 'result'), (b'no mask', 'error')):
        status, _, answer = ask(server, 'POST', f'/compare?lesion={len(lesion)}', lesion + file)
        assert (status, list(json.loads(answer))) == (200, [key])


LARGE = encoded(np.zeros((1000, 1001), np.uint8))


@pytest.mark.parametrize(
    ('path', 'body', 'status', 'message'),
    [
        ('/segment', bytes(2**20 + 1), 413, 'the file has 1.0 MB, more than 1 MB'),
        # More bytes than the buffers of the connection hold: the client must get the answer.
        ('/preview', bytes(48 * 2**20), 413, 'the file has 48.0 MB, more than 1 MB'),
        ('/segment', b'', 400, 'the file is empty'),
        ('/segment', b'no image', 200, 'not a JPEG, PNG, TIFF, BMP or WebP image'),
        ('/segment', LARGE, 200, '1001 x 1000 pixels are more than 1 megapixels'),
        ('/preview', b'no image', 422, 'not a JPEG, PNG, TIFF, BMP or WebP image'),
        ('/mask?threshold=50', b'{}', 422, 'not a result of this server'),
        ('/mask?threshold=0', b'{}', 400, 'threshold must be a whole number from 1 to 99'),
        ('/mask', b'{}', 400, 'threshold must be a whole number from 1 to 99'),
        ('/mask?threshold=%D9%A3', b'{}', 400, 'threshold must be a whole number from 1 to 99'),
        ('/compare?lesion=2', b'{}...', 422, 'not a result of this server'),
        ('/other', b'x', 404, 'there is no such page'),
    ],
)
def test_refusals_have_a_reason(server, path, body, status, message):
    found, _, answer = ask(server, 'POST', path, body)
    assert (found, lines(answer)[-1]) == (status, {'error': message})


def test_a_form_is_told_from_a_damaged_image(server):
    form = {'Content-Type': 'multipart/form-data; boundary=x'}
    status, _, answer = ask(server, 'POST', '/segment', b'--x', **form)
    assert status == 415
    assert 'curl --data-binary @FILE' in lines(answer)[-1]['error']


@pytest.mark.parametrize(
    ('header', 'status'),
    [
        (b'', 411),
        (b'Transfer-Encoding: chunked\r\n', 411),
        (b'Content-Length: 9\r\nTransfer-Encoding: chunked\r\n', 411),
        (b'Content-Length: -1\r\n', 400),
        (b'Content-Length: 1e3\r\n', 400),
        (b'Content-Length: 99999999999\r\n', 413),
    ],
)
def test_the_length_is_required_and_checked_before_the_upload(server, header, status):
    with connected(server, HEAD + header + b'\r\n') as client:
        assert client.recv(100).startswith(b'HTTP/1.1 %d ' % status)


def test_foreign_names_of_this_address_are_refused(server):
    for path, method in (('/', 'GET'), ('/about', 'GET'), ('/segment', 'POST')):
        host = f'evil.example:{server.address[1]}'
        status, headers, body = ask(server, method, path, b'x', Host=host)
        assert status == 403 and 'evil.example' in json.loads(body)['error']
        assert headers['Cross-Origin-Resource-Policy'] == 'same-origin'


def test_pages_of_other_sites_are_refused(server):
    port = server.address[1]
    for origin in ('https://evil.example', 'null', f'http://localhost:{port}'):
        assert ask(server, 'POST', '/segment', b'x', Origin=origin)[0] == 403
    assert ask(server, 'POST', '/segment', b'x', Origin=f'http://127.0.0.1:{port}')[0] == 200


def test_truncated_uploads_free_their_slots(server, photos):
    for _ in range(20):  # more than there are slots
        connected(server, HEAD + b'Content-Length: 9\r\n\r\nabc').close()
    wait_until(lambda: ask(server, 'POST', '/segment', photos[0].read_bytes())[0] == 200)


def test_a_client_that_hangs_up_is_not_an_error(server, capfd):
    for sent in (b'', b'GET', HEAD + b'Content-Length: 9\r\n\r\na'):
        client = connected(server, sent)
        # Without time to linger, the connection is reset instead of closed.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        client.close()
    assert ask(server, 'GET', '/about')[0] == 200
    wait_until(lambda: not server.server_state.connections)
    assert capfd.readouterr().err == ''


def test_random_bytes_do_not_stop_the_server(server, photos, capfd):
    random = np.random.default_rng(0)
    for _ in range(90):
        head = bytes(random.choice([b'', b'POST /segment HTTP/1.1\r\n', b'GET / HTTP/9.9\r\n']))
        with connected(server, head + random.bytes(300) + b'\r\n\r\n') as client:
            client.shutdown(socket.SHUT_WR)
            while client.recv(1000):
                pass
    assert outlined(server, photos[0].read_bytes())['label'] == 'benign'
    assert 'Traceback' not in capfd.readouterr().err


def test_a_slow_upload_does_not_delay_others(server, photos):
    photo = photos[0].read_bytes()
    head = HEAD + b'Content-Length: %d\r\n\r\n' % len(photo)
    with connected(server, head + photo[:100]) as slow:
        assert outlined(server, photo)['label'] == 'benign'
        slow.sendall(photo[100:])
        assert slow.recv(100).startswith(b'HTTP/1.1 200 ')


@pytest.mark.parametrize('sent', [b'', b'GET /', HEAD + b'Content-Length: 9\r\n\r\nabc'])
def test_a_silent_client_is_disconnected(predictor, sent, monkeypatch):
    monkeypatch.setattr(Connection, 'silence_seconds', 0.05)
    with (
        served(predictor) as server,
        connected(server, sent) as client,
        suppress(ConnectionResetError),
    ):
        assert client.recv(100) == b''


def test_a_silent_client_that_waits_stays_connected(predictor, photos, monkeypatch):
    monkeypatch.setattr(Connection, 'silence_seconds', 0.05)
    predictor.gate.clear()
    with (
        served(predictor) as server,
        asking(server, 'POST', '/segment', photos[0].read_bytes()) as answer,
    ):
        # The position comes again after two seconds, much later than the limit.
        assert [json.loads(answer.readline()) for _ in range(2)] == 2 * [{'position': 0}]
        predictor.gate.set()
        assert 'result' in lines(answer.read())[-1]


def test_a_client_that_does_not_read_is_disconnected(predictor, monkeypatch):
    monkeypatch.setattr(Connection, 'silence_seconds', 0.05)
    noise = np.random.default_rng(0).integers(0, 256, (2000, 2000, 3), np.uint8)
    image = encoded(noise, 'BMP')
    with served(predictor) as server, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(server.address)
        client.sendall(
            HEAD.replace(b'segment', b'preview') + b'Content-Length: %d\r\n\r\n' % len(image)
        )
        client.sendall(image)
        wait_until(lambda: server.server_state.total_requests == 1)
        wait_until(lambda: not server.server_state.connections)


def test_positions_are_reported_and_a_full_queue_refuses(server, predictor, photos):
    predictor.gate.clear()
    photo = photos[0].read_bytes()
    waiting = threading.Semaphore(0)

    def client(_):
        with asking(server, 'POST', '/segment', photo) as answer:
            first = answer.readline()
            waiting.release()
            return lines(first + answer.read())

    with ThreadPoolExecutor(8) as clients:
        answers = clients.map(client, range(8))
        for _ in range(8):
            assert waiting.acquire(timeout=20)
        status, _, body = ask(server, 'POST', '/segment', photo)
        assert status == 503 and '8 requests are waiting' in json.loads(body)['error']
        predictor.gate.set()
        answers = list(answers)
    assert sorted(first['position'] for first, *_ in answers) == list(range(8))
    for *positions, last in answers:
        reported = [line['position'] for line in positions]
        assert reported == sorted(reported, reverse=True)
        assert last['result']['label'] == 'benign'


def test_a_client_that_disconnects_leaves_the_queue(server, predictor):
    predictor.gate.clear()
    with asking(server, 'POST', '/segment', gradient(100)) as first:
        assert json.loads(first.readline()) == {'position': 0}
        with asking(server, 'POST', '/segment', gradient(222)) as leaving:
            assert json.loads(leaving.readline()) == {'position': 1}
        wait_until(lambda: len(server.queue.jobs) == 1)
        predictor.gate.set()
        first.read()
    assert outlined(server, gradient(102))['lesion']['width'] == 102
    assert predictor.sizes == [(100, 60), (102, 60)]


def test_eight_clients_at_once_each_get_their_own_result(server, predictor):
    def differing(number):
        widths = range(64 + 12 * number, 64 + 12 * number + 12)
        return [
            width
            for width in widths
            if outlined(server, gradient(width)) != segment(predictor, gradient(width), 10**6)
        ]

    with ThreadPoolExecutor(8) as clients:
        assert list(clients.map(differing, range(8))) == 8 * [[]]
    assert len(predictor.sizes) == 2 * 8 * 12  # in the server, and here


def test_many_large_uploads_at_once_do_not_add_up(predictor):
    size = 16 * 2**20
    image = encoded(np.full((60, 90, 3), 230, np.uint8), 'BMP').ljust(size, b'\0')
    uploads = 16
    predictor.gate.clear()
    with (
        served(predictor, max_bytes=size, max_waiting=uploads) as server,
        ThreadPoolExecutor(uploads) as clients,
    ):
        tracemalloc.start()
        answers = [clients.submit(outlined, server, image) for _ in range(uploads)]
        wait_until(lambda: len(server.queue.jobs) == 4)  # the others do not fit and are not read
        predictor.gate.set()
        for answer in answers:
            answer.result()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert len(predictor.sizes) == uploads
    assert peak < 5 * size


def test_an_unexpected_error_is_reported_and_the_next_request_is_answered(
    server, photos, monkeypatch, caplog
):
    photo = photos[0].read_bytes()
    with monkeypatch.context() as patch:
        for name in ('segment', 'preview'):
            patch.setattr(f'isic_mmdet.serve.answers.{name}', lambda *_, **__: 1 / 0)
        _, _, body = ask(server, 'POST', '/segment', photo)
        assert 'the server failed on this file' in lines(body)[-1]['error']
        assert 'ZeroDivisionError' in caplog.text
        status, headers, body = ask(server, 'POST', '/preview', photo)
        assert status == 500 and 'the server failed on this file' in json.loads(body)['error']
        assert headers['X-Content-Type-Options'] == 'nosniff'
    assert outlined(server, photo)['label'] == 'benign'


def test_nothing_is_written_to_disk(server, photos, tmp_path, monkeypatch):
    written = []

    def watch(event, arguments):
        if event == 'open' and isinstance(arguments[1], str) and set(arguments[1]) & set('wax+'):
            written.append(arguments[0])
        if event in ('os.mkdir', 'os.rename', 'tempfile.mkstemp', 'subprocess.Popen'):
            written.append((event, *arguments))

    watching = True
    sys.addaudithook(lambda *event: watch(*event) if watching else None)
    monkeypatch.chdir(tmp_path)
    result = outlined(server, photos[0].read_bytes())
    lesion = json.dumps(result['lesion']).encode()
    ask(server, 'POST', '/mask?threshold=40', lesion)
    ask(server, 'POST', f'/compare?lesion={len(lesion)}', lesion + b'no mask')
    ask(server, 'POST', '/preview', photos[0].read_bytes())
    ask(server, 'POST', '/segment', b'no image')
    watching = False
    assert written == []
    assert list(tmp_path.iterdir()) == []


def test_it_listens_on_the_given_host(predictor):
    with served(predictor, host='localhost') as server:
        assert server.url == f'http://127.0.0.1:{server.address[1]}/'
        assert ask(server, 'GET', '/about')[0] == 200


def test_stopping_ends_waiting_requests_and_answers_the_one_that_runs(predictor, photos):
    predictor.gate.clear()
    photo = photos[0].read_bytes()
    with (
        served(predictor) as server,
        asking(server, 'POST', '/segment', photo) as running,
        asking(server, 'POST', '/segment', photo) as waiting,
        connected(server, HEAD + b'Content-Length: 9\r\n\r\nabc'),
    ):
        running.readline()
        waiting.readline()
        server.should_exit = True
        assert waiting.read() == b''
        predictor.gate.set()
        assert 'result' in lines(running.read())[-1]
