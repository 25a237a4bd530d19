"""The server as any client meets it, friendly or not."""

import http.client
import io
import json
import socket
import struct
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image

from isic_mmdet.serve.answers import segment
from tests.support.fake_predictor import served


def ask(server, method, path, body=None, **headers):
    """Return status, headers and body of one answer."""
    connection = http.client.HTTPConnection('127.0.0.1', server.server_address[1], timeout=30)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def lines(body):
    return [json.loads(line) for line in body.splitlines()]


def outlined(server, photo):
    status, _, body = ask(server, 'POST', '/segment', photo)
    assert status == 200
    return lines(body)[-1]['result']


def gradient(width):
    """A picture whose width tells it from others."""
    pixels = np.full((60, width, 3), 230, np.uint8)
    pixels[15:45, 10 : width // 2] = 40
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, 'PNG')
    return stream.getvalue()


def test_the_page_and_its_files(server):
    status, headers, body = ask(server, 'GET', '/')
    assert status == 200 and b'<h1>' in body
    assert body.count(b'not a medical device') == 1
    policy = headers['Content-Security-Policy']
    assert "default-src 'none'" in policy and 'unsafe' not in policy
    assert headers['X-Content-Type-Options'] == 'nosniff'
    assert 'Python' not in headers['Server']
    for name, kind in (('main.js', 'text/javascript'), ('page.css', 'text/css')):
        status, headers, _ = ask(server, 'GET', f'/{name}?v=1')
        assert status == 200 and headers['Content-Type'].startswith(kind)
    status, headers, body = ask(server, 'HEAD', '/')
    assert (status, body) == (200, b'') and int(headers['Content-Length']) > 1000


@pytest.mark.parametrize(
    'path',
    [
        '/../../../../../../etc/passwd',
        '/..%2f..%2fsettings.py',
        '/%2e%2e/settings.py',
        '/assets/main.js',
        '//etc/passwd',
        '/index.html/',
        '/main.js%00.css',
        '/favicon.ico',
    ],
)
def test_no_other_file_can_be_had(server, path):
    status, _, body = ask(server, 'GET', path)
    assert status == 404
    assert json.loads(body) == {'error': 'there is no such page'}


def test_an_image_is_outlined(server, net, photos):
    photo = photos[0].read_bytes()
    connection = http.client.HTTPConnection('127.0.0.1', server.server_address[1], timeout=30)
    net.gate.clear()  # or the result may be there before anyone asks for the place
    try:
        connection.request('POST', '/segment', photo)
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.getheader('Content-Type') == 'application/x-ndjson'
        places = [json.loads(answer.readline())]
        if places != [{'place': 0}]:  # asked for before the line had begun with it
            places.append(json.loads(answer.readline()))
        net.gate.set()
        *more, last = lines(answer.read())
    finally:
        net.gate.set()
        connection.close()
    assert places[-1] == {'place': 0}
    assert all(line == {'place': 0} for line in more)
    assert last == {'result': segment(net, photo, 10**6)}


def test_a_mask_and_a_comparison(server, photos, tiny_data):
    lesion = json.dumps(outlined(server, photos[0].read_bytes())['lesion']).encode()
    status, headers, mask = ask(server, 'POST', '/mask?threshold=40', lesion)
    assert (status, headers['Content-Type']) == (200, 'image/png')
    assert Image.open(io.BytesIO(mask)).size == (96, 96)
    truth = tiny_data / f'original_masks/{photos[0].stem}_segmentation.png'
    body = lesion + truth.read_bytes()
    status, _, answer = ask(server, 'POST', f'/compare?lesion={len(lesion)}', body)
    assert status == 200 and json.loads(answer)['result']['area'] > 0
    status, _, answer = ask(server, 'POST', f'/compare?lesion={len(lesion)}', lesion + b'none')
    assert (status, list(json.loads(answer))) == (200, ['error'])
    status, headers, picture = ask(server, 'POST', '/preview', photos[0].read_bytes())
    assert status == 200 and Image.open(io.BytesIO(picture)).size == (96, 96)


@pytest.mark.parametrize(
    ('path', 'body', 'status', 'told'),
    [
        ('/segment', bytes(2**20 + 1), 413, 'the file has 1.0 MB, more than 1 MB'),
        ('/preview', bytes(3 * 2**20), 413, 'the file has 3.0 MB, more than 1 MB'),
        # More than the buffers of the connection hold: it has to be taken, or the answer is lost.
        ('/preview', bytes(48 * 2**20), 413, 'the file has 48.0 MB, more than 1 MB'),
        ('/segment', b'', 400, 'the file is empty'),
        ('/preview', b'no image', 422, 'not a JPEG, PNG, TIFF, BMP or WebP image'),
        ('/mask?threshold=50', b'{}', 422, 'this is no result of the server'),
        ('/mask?threshold=0', b'{}', 400, 'threshold has to be a whole number from 1 to 99'),
        ('/mask', b'{}', 400, 'threshold has to be a whole number from 1 to 99'),
        ('/mask?threshold=%D9%A3', b'{}', 400, 'threshold has to be a whole number from 1 to 99'),
        ('/compare?lesion=2', b'{}...', 422, 'this is no result of the server'),
        ('/other', b'x', 404, 'there is no such question'),
    ],
)
def test_refusals_say_why(server, path, body, status, told):
    found, headers, answer = ask(server, 'POST', path, body)
    assert (found, json.loads(answer)['error']) == (status, told)
    assert headers['Connection'] == 'close'


def test_what_is_no_image_is_refused_after_its_turn(server):
    status, _, body = ask(server, 'POST', '/segment', b'no image')
    assert status == 200
    assert lines(body)[-1] == {'error': 'not a JPEG, PNG, TIFF, BMP or WebP image'}
    stream = io.BytesIO()
    Image.new('L', (1001, 1000)).save(stream, 'PNG')
    _, _, body = ask(server, 'POST', '/segment', stream.getvalue())
    assert lines(body)[-1] == {'error': '1001 x 1000 pixels are more than 1 megapixels'}


def test_the_length_has_to_be_told(server):
    for told in ('', 'Content-Length: -1\r\n', 'Content-Length: 1e3\r\n'):
        with socket.create_connection(server.server_address[:2], 30) as client:
            client.sendall(f'POST /segment HTTP/1.1\r\nHost: localhost\r\n{told}\r\n'.encode())
            assert client.recv(100).startswith(b'HTTP/1.1 411 ')


def test_names_that_are_bent_to_this_address_are_refused(server):
    port = server.server_address[1]
    for path, method in (('/', 'GET'), ('/about', 'GET'), ('/segment', 'POST')):
        status, _, body = ask(server, method, path, b'x', Host=f'evil.example:{port}')
        assert status == 403 and 'evil.example' in json.loads(body)['error']


def test_pages_of_other_sites_are_refused(server):
    port = server.server_address[1]
    for origin in ('https://evil.example', 'null', f'http://localhost:{port}'):
        status, _, _ = ask(server, 'POST', '/segment', b'x', Origin=origin)
        assert status == 403
    status, _, _ = ask(server, 'POST', '/segment', b'x', Origin=f'http://127.0.0.1:{port}')
    assert status == 200


def test_an_upload_that_stops_early_takes_no_place(server, photos):
    for _ in range(20):  # more than may wait
        with socket.create_connection(server.server_address[:2], 30) as client:
            client.sendall(
                b'POST /segment HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc'
            )
    until(lambda: outlined_or_none(server, photos[0].read_bytes()))


def test_who_hangs_up_in_the_middle_of_a_word_is_not_talked_about(server, capsys):
    for sent in (
        b'',
        b'GET',
        b'POST /segment HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\na',
    ):
        client = socket.create_connection(server.server_address[:2], 30)
        client.sendall(sent)
        time.sleep(0.05)
        # With no time to linger the connection is reset, not closed.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        client.close()
    assert ask(server, 'GET', '/about')[0] == 200
    assert capsys.readouterr().err == ''


@pytest.mark.parametrize('seed', range(3))
def test_noise_ends_no_server(server, seed, photos, capsys):
    random = np.random.default_rng(seed)
    for _ in range(30):
        with socket.create_connection(server.server_address[:2], 30) as client:
            head = random.choice([b'', b'POST /segment HTTP/1.1\r\n', b'GET / HTTP/9.9\r\n'])
            client.sendall(bytes(head) + random.bytes(300) + b'\r\n\r\n')
            client.shutdown(socket.SHUT_WR)
            while client.recv(1000):
                pass
    assert outlined(server, photos[0].read_bytes())['label'] == 'benign'
    assert 'Traceback' not in capsys.readouterr().err


def outlined_or_none(server, photo):
    status, _, body = ask(server, 'POST', '/segment', photo)
    return lines(body)[-1].get('result') if status == 200 else None


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_who_waits_hears_his_place_and_who_does_not_fit_is_sent_away(server, net, photos):
    net.gate.clear()
    photo = photos[0].read_bytes()
    first, answers = [], []

    def user():
        connection = http.client.HTTPConnection('127.0.0.1', server.server_address[1], timeout=30)
        connection.request('POST', '/segment', photo)
        answer = connection.getresponse()
        line = answer.readline()
        first.append(line)
        answers.append(line + answer.read())
        connection.close()

    users = [threading.Thread(target=user) for _ in range(8)]
    for thread in users:
        thread.start()
    until(lambda: len(first) == 8)
    status, _, body = ask(server, 'POST', '/segment', photo)
    assert status == 503
    assert json.loads(body)['error'].startswith('8 requests are waiting already')
    net.gate.set()
    for thread in users:
        thread.join()
    assert max(json.loads(line)['place'] for line in first) == 7
    for body in answers:
        *places, last = lines(body)
        heard = [line['place'] for line in places]
        # Nearer every time; who is served quickly may not hear of every step.
        assert heard == sorted(heard, reverse=True)
        assert last['result']['label'] == 'benign'


def test_who_goes_away_gives_his_place_up(server, net):
    net.gate.clear()
    first = threading.Thread(target=ask, args=(server, 'POST', '/segment', gradient(100)))
    first.start()
    until(lambda: server.line._current)
    photo = gradient(222)
    client = socket.create_connection(server.server_address[:2], 30)
    head = f'POST /segment HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(photo)}\r\n\r\n'
    client.sendall(head.encode() + photo)
    until(lambda: len(server.line.waiting) == 1)
    client.close()
    until(lambda: not server.line.waiting)  # his place is told every two seconds: the second fails
    net.gate.set()
    first.join()
    assert outlined(server, gradient(102))['lesion']['width'] == 102
    assert net.sizes == [(100, 60), (102, 60)]


def test_eight_users_at_once_each_get_their_own(server, net):
    net.seconds = 0.002
    faults = []

    def user(number):
        for turn in range(12):
            width = 64 + 12 * number + turn
            if outlined(server, gradient(width)) != segment(net, gradient(width), 10**6):
                faults.append(width)

    users = [threading.Thread(target=user, args=(number,)) for number in range(8)]
    for thread in users:
        thread.start()
    for thread in users:
        thread.join()
    assert faults == []
    assert len(net.sizes) == 2 * 8 * 12  # in the server, and here


def test_a_fault_of_the_model_is_told_and_the_next_image_is_served(server, net, photos, capsys):
    net.classes = ()
    real = net.predict
    net.predict = lambda prepared: 1 / 0
    _, _, body = ask(server, 'POST', '/segment', photos[0].read_bytes())
    assert 'the server failed on this file' in lines(body)[-1]['error']
    assert 'ZeroDivisionError' in capsys.readouterr().err
    net.predict = real
    assert outlined(server, photos[0].read_bytes())['label'] == 'benign'


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


def test_listens_where_it_is_told_to(net):
    with served(net, host='localhost') as server:
        assert server.url == f'http://127.0.0.1:{server.server_address[1]}/'
        assert ask(server, 'GET', '/about')[0] == 200
