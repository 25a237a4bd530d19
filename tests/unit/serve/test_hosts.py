"""Names by which a server may be asked for."""

import socket

import pytest

from isic_mmdet.serve.hosts import is_own_name, is_same_site


@pytest.mark.parametrize(
    'host',
    [
        '127.0.0.1:7860',
        'localhost:7860',
        'LOCALHOST',
        '[::1]:7860',
        '192.168.3.4:80',
        f'{socket.gethostname()}:7860',
        'clinic.example:7860',
    ],
)
def test_own_names(host):
    assert is_own_name(host, 'clinic.example')


@pytest.mark.parametrize(
    'host',
    [
        '',
        'evil.example',
        'evil.example:7860',
        'localhost.evil.example',
        '127.0.0.1.evil.example',
        'user@evil.example',
        '[evil',
        'clinic.example.evil.example',
    ],
)
def test_foreign_names(host):
    assert not is_own_name(host, 'clinic.example')


def test_sites():
    assert is_same_site(None, '127.0.0.1:7860')
    assert is_same_site('http://127.0.0.1:7860', '127.0.0.1:7860')
    assert not is_same_site('http://127.0.0.1:8000', '127.0.0.1:7860')
    assert not is_same_site('https://evil.example', '127.0.0.1:7860')
    assert not is_same_site('null', '127.0.0.1:7860')
