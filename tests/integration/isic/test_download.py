"""Downloads from a real server on this machine that breaks off, lies and refuses."""

import contextlib
import hashlib
import io
import re
import shutil
import socket
import ssl
import subprocess
import threading
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.isic.archives import ARCHIVES
from isic_mmdet.isic.download import download as download_module
from isic_mmdet.isic.download import transfer
from isic_mmdet.isic.download.download import download
from isic_mmdet.isic.download.transfer import Remote, SafeRedirects, Transfer, TransferError
from tests.support.lying_server import (
    IMAGES,
    MASKS,
    Served,
    Server,
    archive_named,
    lying_server,
    make_official,
    make_zip,
)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    monkeypatch.setattr(transfer, 'PAUSES_S', (0.0, 0.0, 0.0))
    monkeypatch.setattr(transfer, 'TIMEOUT_S', 5.0)
    with lying_server() as running:
        yield running


def get_images(server: Server, out: Path) -> bytes:
    """Download ISIC 2018's validation part, of which the masks never make trouble."""
    if f'/2018/{MASKS}' not in server.files:
        server.serve(MASKS)
    download(2018, out, ['validation'], server.url)
    assert sorted(path.name for path in out.iterdir()) == sorted([IMAGES, MASKS, 'SHA256SUMS'])
    return (out / IMAGES).read_bytes()


def test_gets_all_files_of_a_year_and_says_how_much(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = [archive for archive in ARCHIVES if archive.year == 2017]
    served = {archive.name: server.serve(archive.name) for archive in wanted}
    files = download(2017, tmp_path / 'new' / 'folder', base_url=server.url + '/')
    assert [path.name for path in files] == [archive.name for archive in wanted]
    for path in files:
        assert path.read_bytes() == served[path.name].body
    assert len(list((tmp_path / 'new' / 'folder').iterdir())) == len(wanted) + 1  # and SHA256SUMS
    shown = capsys.readouterr()
    assert re.search(r'Test_v2_Data.zip +about 5.4 GiB', shown.out)
    assert 'to fetch: about 12.1 GiB; free on the disk: ' in shown.out
    assert '[9/9] ISIC-2017_Test_v2_Part3_GroundTruth.csv' in shown.err


def test_complete_files_are_left_alone_and_not_asked_for(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    served = server.serve(IMAGES)
    get_images(server, tmp_path)
    before = (tmp_path / IMAGES).stat().st_mtime_ns
    served.asked.clear()
    capsys.readouterr()
    get_images(server, tmp_path)
    assert served.asked == []
    assert (tmp_path / IMAGES).stat().st_mtime_ns == before
    shown = capsys.readouterr().out
    assert re.search(rf'{IMAGES} +complete, left as it is', shown)
    assert 'to fetch' not in shown


def test_a_wrong_file_in_place_is_reported_and_kept(server: Server, tmp_path: Path) -> None:
    server.serve(IMAGES)
    server.serve(MASKS)
    (tmp_path / IMAGES).write_bytes(b'half a download')
    with pytest.raises(InputError, match=r'1 of 2 files[^$]*is not a readable zip[^$]*move it'):
        download(2018, tmp_path, ['validation'], server.url)
    assert (tmp_path / IMAGES).read_bytes() == b'half a download'
    assert (tmp_path / MASKS).exists()


@pytest.mark.parametrize(
    ('base_url', 'problem'),
    [
        ('http://isic-archive.s3.amazonaws.com/challenges', 'https'),
        ('file:///etc', 'not a web address'),
        ('ftp://example.org', 'not a web address'),
        ('https://', 'not a web address'),
    ],
)
def test_unsafe_addresses_are_refused(tmp_path: Path, base_url: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        download(2018, tmp_path / 'out', ['validation'], base_url)
    assert not (tmp_path / 'out').exists()


def test_never_follows_a_redirect_to_a_plain_address() -> None:
    request = urllib.request.Request('https://example.org/a.zip')
    handler = SafeRedirects()
    with pytest.raises(TransferError, match='to the unencrypted http:'):
        handler.redirect_request(request, None, 302, 'Found', {}, 'http://example.org/a.zip')
    followed = handler.redirect_request(request, None, 302, 'Found', {}, 'https://b.org/a.zip')
    assert followed.full_url == 'https://b.org/a.zip'


@pytest.mark.skipif(not shutil.which('openssl'), reason='needs openssl to make a certificate')
def test_an_unknown_certificate_is_refused_at_once(server: Server, tmp_path: Path) -> None:
    key, certificate = tmp_path / 'key.pem', tmp_path / 'certificate.pem'
    make = 'openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -days 1'
    name = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']
    files = ['-keyout', str(key), '-out', str(certificate)]
    subprocess.run([*make.split(), *name, *files], check=True, capture_output=True, timeout=30)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(('127.0.0.1', 0)) as listener:
        port = listener.getsockname()[1]

        def shake_hands() -> None:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(ssl.SSLError):
                context.wrap_socket(connection, server_side=True).close()

        thread = threading.Thread(target=shake_hands)  # once: a second attempt would hang
        thread.start()
        with pytest.raises(TransferError, match=r'certificate .* is not valid \(self'):
            Transfer(tmp_path / 'part', f'https://127.0.0.1:{port}/a.zip').fetch(print)
        thread.join(5)


def test_a_part_that_the_year_lacks_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match='no part validation: choose from training, test'):
        download(2016, tmp_path, ['validation', 'test'])


@pytest.mark.parametrize(
    ('behavior', 'ranges'),
    [
        ({'drops': [1000, 2000, 3000]}, [None, 'bytes=1000-', 'bytes=3000-', 'bytes=6000-']),
        ({'busy': 2}, [None, None, None]),
        ({'ranges': False, 'drops': [2000, 1000]}, [None, 'bytes=2000-', 'bytes=1000-']),
        ({'etag': None, 'drops': [2000]}, [None, None]),
        ({'etag': 'W/"v1"', 'drops': [2000]}, [None, None]),
        ({'told_start': 5, 'drops': [2000]}, [None, 'bytes=2000-', None]),
        ({'get_untold': True}, [None]),
    ],
    ids=['drops', 'busy', 'no ranges', 'no validator', 'weak ETag', 'wrong range', 'no size'],
)
def test_connections_break_and_the_file_arrives(
    server: Server, tmp_path: Path, behavior: dict, ranges: list
) -> None:
    served = server.serve(IMAGES, **behavior)
    assert get_images(server, tmp_path) == served.body
    assert served.asked == ranges


def test_a_long_file_may_break_more_often_than_a_file_that_stands_still(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, 'BLOCK', 1024)
    served = server.serve(IMAGES, drops=[1024] * 12)
    assert get_images(server, tmp_path) == served.body
    assert len(served.asked) == 13


def test_gives_up_after_a_bounded_number_of_attempts(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    served = server.serve(IMAGES, drops=[500] + [0] * 50)
    with pytest.raises(InputError, match='gave up after 4 attempts'):
        get_images(server, tmp_path)
    assert len(served.asked) == 4
    assert capsys.readouterr().err.count('next attempt in 0 s') == 3
    assert (tmp_path / MASKS).exists(), 'the other file continues'
    served.drops.clear()
    assert get_images(server, tmp_path) == served.body
    assert served.asked[-1] == 'bytes=500-', 'the next run continues'


def test_a_silent_server_runs_into_the_timeout(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, 'TIMEOUT_S', 0.1)
    with socket.create_server(('127.0.0.1', 0)) as silent:
        address = f'http://127.0.0.1:{silent.getsockname()[1]}'
        with pytest.raises(InputError, match=r'timed out\); gave up after 4 attempts') as caught:
            download(2018, tmp_path, ['validation'], address)
    assert len(caught.value.errors) == 1, 'the other file is not tried'
    assert '2 of 2 files' in str(caught.value)


def test_progress_counts_bytes_held(server: Server, tmp_path: Path) -> None:
    served = server.serve(IMAGES, ranges=False, drops=[2000])
    fetched = Transfer(tmp_path / 'part', f'{server.url}/2018/{IMAGES}')
    size = len(served.body)
    seen: list[tuple[int, int | None]] = []
    fetched.fetch(lambda *held_and_size: seen.append(held_and_size))
    assert seen[0] == (0, size)
    assert (2000, size) in seen
    assert seen.count((0, size)) == 2, 'the second attempt starts again'
    assert seen[-1] == (size, size)


@pytest.mark.parametrize('more', [0, 7])
def test_a_file_that_changes_between_attempts_starts_again(
    server: Server, tmp_path: Path, more: int
) -> None:
    new = make_official(archive_named(IMAGES))
    names = zipfile.ZipFile(io.BytesIO(new)).namelist()
    old = make_zip([*names, *(f'note{number}.txt' for number in range(more))])[::-1]
    later = Served(body=new, etag='"v2"')
    server.serve(IMAGES, body=old, drops=[2000], later=later)
    assert get_images(server, tmp_path) == new
    assert later.asked == ['bytes=2000-']


SIZE = len(make_official(archive_named(IMAGES)))
NEEDED = archive_named(IMAGES).about + archive_named(MASKS).about


@pytest.mark.parametrize(
    ('held', 'note', 'behavior', 'ranges'),
    [
        (3000, {}, {}, ['bytes=3000-']),
        (SIZE, {}, {}, []),
        (SIZE, {'size': None}, {}, [f'bytes={SIZE}-']),  # answered with 416: complete
        (b'x' * 3000, None, {}, [None]),
        (b'x' * 3000, {'url': 'https://example.org/a.zip'}, {}, [None]),
        (b'x' * 3000, {'etag': '"v0"'}, {}, ['bytes=3000-']),
        (b'x' * 2000, {'etag': '"v0"'}, {'if_range': False}, ['bytes=2000-', None]),
        (b'x' * SIZE, {'etag': ''}, {'etag': None}, [None]),
        (b'x' * (SIZE + 4), {}, {}, [f'bytes={SIZE + 4}-', None]),
        (3000, {'text': '{"url": '}, {}, [None]),
    ],
    ids=[
        'half',
        'complete',
        'complete, size unknown',
        'no note',
        'another address',
        'changed',
        'changed, If-Range ignored',
        'no validator',
        'too long',
        'damaged note',
    ],
)
def test_what_a_killed_run_left_is_continued_or_starts_again(
    server: Server,
    tmp_path: Path,
    held: int | bytes,
    note: dict | None,
    behavior: dict,
    ranges: list,
) -> None:
    served = server.serve(IMAGES, **behavior)
    leave_part(server, tmp_path, held, note)
    assert get_images(server, tmp_path) == served.body
    assert served.asked == ranges


def leave_part(server: Server, out: Path, held: int | bytes, note: dict | None = None) -> None:
    """Leave behind what a killed run leaves: bytes and the note of what they belong to."""
    served = server.files[f'/2018/{IMAGES}']
    part = out / f'{IMAGES}.part'
    if note is not None:
        url = note.get('url', f'{server.url}/2018/{IMAGES}')
        Transfer(part, url).start(Remote(note.get('size', SIZE), note.get('etag', '"v1"')))
        if 'text' in note:
            part.with_name(f'{part.name}.json').write_text(note['text'])
    part.write_bytes(held if isinstance(held, bytes) else served.body[:held])


def test_what_is_here_already_is_reported_and_needs_no_space(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    served = server.serve(IMAGES)
    leave_part(server, tmp_path, 5000, {})
    set_free(monkeypatch, NEEDED - 5000)
    assert get_images(server, tmp_path) == served.body
    assert '5 KiB of it already here' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('lie', 'message'),
    [
        # The second attempt asks for the rest and the answer is 416.
        ({'get_size': SIZE + 1000}, f'of {SIZE + 1000} bytes those .*/{SIZE}.*starts again'),
        (
            {'get_size': SIZE + 1000, 'ranges': False},
            f'promised {SIZE + 1000:,} bytes and the connection ended after {SIZE:,}',
        ),
        ({'get_size': 4000}, r'4,000 bytes as promised, but .* not a readable'),
        ({'drops': [2000] * 9, 'told_total': 5000}, f'of {SIZE} bytes those .*/5000.*starts'),
    ],
)
def test_a_false_size_is_reported(server: Server, tmp_path: Path, lie: dict, message: str) -> None:
    server.serve(IMAGES, **lie)
    with pytest.raises(InputError, match=message):
        get_images(server, tmp_path)
    assert not (tmp_path / IMAGES).exists()


def test_a_broken_zip_is_set_aside_and_fetched_anew(server: Server, tmp_path: Path) -> None:
    server.serve(IMAGES, body=b'<html>not today</html>')
    with pytest.raises(InputError, match=r'not a readable zip.*kept as .*\.rejected'):
        get_images(server, tmp_path)
    rejected = tmp_path / f'{IMAGES}.rejected'
    assert rejected.read_bytes() == b'<html>not today</html>'
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [rejected.name, MASKS, 'SHA256SUMS']
    )
    rejected.unlink()
    served = server.serve(IMAGES)
    assert get_images(server, tmp_path) == served.body


def test_a_refusal_says_what_to_do(server: Server, tmp_path: Path) -> None:
    served = server.serve(IMAGES, status=403)
    with pytest.raises(InputError) as caught:
        get_images(server, tmp_path)
    (problem,) = caught.value.errors
    assert problem.startswith(f'{server.url}/2018/{IMAGES}: the server answered 403 ')
    assert (
        f'by hand from https://challenge.isic-archive.com/data/#2018 and put into {tmp_path}'
        in str(caught.value)
    )
    assert served.asked == [None], 'a refusal is not asked again'
    assert (tmp_path / MASKS).exists(), 'the other file continues'
    # The message's advice works: the file is taken without asking the server.
    (tmp_path / IMAGES).write_bytes(served.body)
    assert get_images(server, tmp_path) == served.body


def set_free(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    usage = shutil.disk_usage('/')._replace(free=free)
    monkeypatch.setattr(download_module.shutil, 'disk_usage', lambda path: usage)


def test_a_disk_that_is_too_small_stops_before_the_first_byte(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served, masks = server.serve(IMAGES), server.serve(MASKS)
    set_free(monkeypatch, NEEDED - 1)
    with pytest.raises(InputError, match=r'the files need .* more and the disk has .* free: free'):
        get_images(server, tmp_path)
    assert served.asked == masks.asked == []
    set_free(monkeypatch, NEEDED)
    assert get_images(server, tmp_path) == served.body


@pytest.mark.skipif(not Path('/dev/full').exists(), reason='needs /dev/full')
def test_a_disk_that_fills_up_on_the_way_is_one_message(server: Server, tmp_path: Path) -> None:
    server.serve(IMAGES)
    (tmp_path / f'{IMAGES}.part').symlink_to('/dev/full')
    with pytest.raises(InputError, match=r'cannot write .*part: No space left on device'):
        get_images(server, tmp_path)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / 'file').touch()
    with pytest.raises(InputError, match='file/out cannot be written'):
        download(2018, tmp_path / 'file' / 'out')


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_that_became_another_one_is_refused(server: Server, tmp_path: Path) -> None:
    server.serve(IMAGES)
    get_images(server, tmp_path)
    noted = (tmp_path / 'SHA256SUMS').read_text()  # as sha256sum writes it
    names = sorted([IMAGES, MASKS])
    assert noted == ''.join(f'{digest_of(tmp_path / name)}  {name}\n' for name in names)
    with zipfile.ZipFile(tmp_path / IMAGES, 'a') as archive:
        archive.comment = b'another zip of the same members'
    with pytest.raises(InputError, match=f'{IMAGES} has the SHA-256 [0-9a-f]+ instead of'):
        download(2018, tmp_path, ['validation'], server.url)

    # From the server, too.
    server.files[f'/2018/{IMAGES}'].body = (tmp_path / IMAGES).read_bytes()
    (tmp_path / IMAGES).unlink()
    with pytest.raises(InputError, match=r'has the SHA-256 .* instead of .*\.rejected'):
        download(2018, tmp_path, ['validation'], server.url)
    assert not (tmp_path / IMAGES).exists()
    assert (tmp_path / 'SHA256SUMS').read_text() == noted


def test_stated_digests_alone_count(server: Server, tmp_path: Path) -> None:
    server.serve(IMAGES)
    get_images(server, tmp_path / 'first')
    stated = tmp_path / 'first' / 'SHA256SUMS'
    download(2018, tmp_path / 'second', ['validation'], server.url, stated)
    wrong = tmp_path / 'wrong'
    wrong.write_text(stated.read_text().replace(digest_of(tmp_path / 'first' / IMAGES), '0' * 64))
    with pytest.raises(InputError, match=f'instead of {"0" * 64}'):
        download(2018, tmp_path / 'third', ['validation'], server.url, wrong)
    wrong.write_text(f'{"0" * 64}  {MASKS}\n')
    with pytest.raises(InputError, match=f'has to state .* it lacks:\n  - {IMAGES}'):
        download(2018, tmp_path / 'fourth', ['validation'], server.url, wrong)
    assert not (tmp_path / 'fourth').exists()
