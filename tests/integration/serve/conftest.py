"""A server whose predictor needs no model, images for it, and a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from isic_mmdet.serve import LesionServer
from tests.support.fake_predictor import FakePredictor, served
from tests.support.headless_browser import Browser, find_browser


@pytest.fixture
def predictor() -> FakePredictor:
    return FakePredictor()


@pytest.fixture
def server(predictor: FakePredictor) -> Iterator[LesionServer]:
    with served(predictor, max_bytes=2**20, max_pixels=1_000_000, max_waiting=8) as running:
        yield running


@pytest.fixture(scope='session')
def photos(tiny_data: Path) -> list[Path]:
    """Six synthetic images of 96 x 96 pixels."""
    return sorted((tiny_data / 'images').iterdir())[:6]


@pytest.fixture(scope='session')
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser for the whole run; tests need it through `page`."""
    program = find_browser()
    if program is None:
        pytest.skip('needs Chromium (on Debian: apt-get install chromium)')
    with Browser(program, tmp_path_factory.mktemp('profile')) as opened:
        yield opened


@pytest.fixture
def page(chromium: Browser, server: LesionServer) -> Iterator[Browser]:
    """The page, freshly loaded; a test fails on errors and on requests to other servers."""
    chromium.events.clear()
    chromium.show(1300, 900)
    chromium.open(server.url)
    # Files are dropped by tests faster than by people: the page has to be ready.
    chromium.wait("document.getElementById('model').textContent !== ''")
    yield chromium
    assert chromium.errors() == []
    own = (server.url, f'blob:{server.url}')
    assert [url for url in chromium.requests() if not url.startswith(own)] == []
    chromium.open('about:blank')  # before the server stops: the browser still loads the icon
