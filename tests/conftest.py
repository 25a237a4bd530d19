"""Fixtures and options that every test may use."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / 'shared'
MARKERS = ('<!-- figures:begin -->', '<!-- figures:end -->')


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption('--all', action='store_true', help='also run the tests marked slow')
    parser.addoption(
        '--figures',
        action='store_true',
        help='write what tests measure into benchmarks/results/reliability.json and the table of '
        'docs/reliability.md',
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption('--figures') and config.getoption('numprocesses', None):
        raise pytest.UsageError('--figures writes what one process measured; add -n 0')

    import cv2

    # Before any test imports mmdet, which needs operators of mmcv that this stands in for: every
    # file can be run by itself.
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        import isic_mmdet.register  # noqa: F401

    # Tests fork. OpenCV's threads do not come along, and who asks for their number to change, as
    # mmengine does, waits for them for ever.
    cv2.setNumThreads(1)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    import torch

    skip_slow = pytest.mark.skip(reason='slow; run with --all')
    skip_gpu = pytest.mark.skip(reason='needs a CUDA device')
    skip_shared = pytest.mark.skip(reason=f'needs the real images in {SHARED.name}/, absent here')
    for item in items:
        if 'slow' in item.keywords and not config.getoption('--all'):
            item.add_marker(skip_slow)
        if 'gpu' in item.keywords and not torch.cuda.is_available():
            item.add_marker(skip_gpu)
        if 'shared_data' in item.keywords and not (SHARED / 'isic2018').is_dir():
            item.add_marker(skip_shared)


@pytest.fixture(autouse=True)
def mmdets_scope() -> None:
    """Begin in mmdet's scope: tests build runners of scopes of their own, and leave them behind."""
    from mmengine.registry import init_default_scope

    init_default_scope('mmdet')


FIGURES = pytest.StashKey[dict[str, dict[str, str]]]()


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Return a function that keeps a figure for the docs: what was done, and what came of it."""

    def keep(what: str, result: str) -> None:
        figures = request.config.stash.setdefault(FIGURES, {})
        test = request.node.nodeid
        figures[f'{test}: {what}'] = {'what': what, 'result': result, 'test': test}

    return keep


def pytest_sessionfinish(session: pytest.Session) -> None:
    figures = session.config.stash.get(FIGURES, {})
    if not (session.config.getoption('--figures') and figures):
        return
    from isic_mmdet.report.markers import replace_between
    from isic_mmdet.utils.files import write_json

    path = ROOT / 'benchmarks' / 'results' / 'reliability.json'
    known = json.loads(path.read_text()) if path.is_file() else {}
    known |= figures
    write_json(path, dict(sorted(known.items())), indent=1)
    rows = [
        f'| {each["what"]} | {each["result"]} | `{each["test"].removeprefix("tests/")}` |'
        for each in dict(sorted(known.items())).values()
    ]
    table = '\n'.join(['| what | result | test |', '| --- | --- | --- |', *rows])
    replace_between(ROOT / 'docs' / 'reliability.md', *MARKERS, table)


@pytest.fixture(scope='session')
def root() -> Path:
    """The project's root folder."""
    return ROOT


@pytest.fixture(scope='session')
def shared() -> Path:
    """The folder of real images beside the checkout; use with `@pytest.mark.shared_data`."""
    return SHARED


@pytest.fixture(scope='session')
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared one-class data set of 18 synthetic pictures (12 / 3 / 3), 96 px; read only."""
    from isic_mmdet.isic.prepare.convert import prepare
    from isic_mmdet.synthetic import write_dataset

    official = tmp_path_factory.mktemp('official')
    out = tmp_path_factory.mktemp('prepared') / 'tiny'
    write_dataset(official, images=18, seed=0, size=96)
    prepare(2017, [official], out, classes='lesion', workers=1, show_progress=False)
    return out
