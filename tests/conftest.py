"""Fixtures and options that every test may use."""

import ast
import functools
import importlib.util
import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

HAS_TORCH = importlib.util.find_spec('torch') is not None
# What the environment of requirements-runtime.txt cannot run: it has neither torch nor pycocotools.
NEEDS_TORCH = [
    'e2e',
    'integration',
    'unit/deploy/export',
    'unit/prepare',
    *(f'unit/{package}' for package in ('compat', 'datasets', 'engine', 'models', 'report')),
]
collect_ignore_glob = [] if HAS_TORCH else NEEDS_TORCH
# What a test file imports that starts processes or threads, sends signals or drives a browser.
PROCESSES = {'subprocess', 'multiprocessing', 'threading', 'signal'}
PROCESSES |= {'tests.support.headless_browser', 'tests.support.disk_faults'}
ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / 'shared'


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption('--all', action='store_true', help='also run the tests marked slow')
    parser.addoption(
        '--figures',
        action='store_true',
        help='write what tests measure into benchmarks/results/reliability.json '
        '(tools/docs_tables.py makes the table of it)',
    )


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Ignore, in an environment without torch, test files that import what is not installed."""
    if HAS_TORCH or collection_path.suffix != '.py':
        return None
    roots = set()
    for node in ast.parse(collection_path.read_text()).body:
        if isinstance(node, ast.Import):
            roots |= {alias.name.split('.')[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            roots.add(str(node.module).split('.')[0])
    return True if any(importlib.util.find_spec(root) is None for root in roots) else None


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption('--figures') and config.getoption('numprocesses', None):
        raise pytest.UsageError('--figures writes what one process measured; add -n 0')

    import cv2

    if HAS_TORCH:
        # So every test file can run alone: mmcv's operators exist before it imports mmdet.
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            import isic_mmdet.register  # noqa: F401
        from mmengine.config import config as mmengine_config
        from mmengine.config import utils

        # mmengine reads all of mmdet's 102 model indices for every `mmdet::` base of a config:
        # two thirds of the time of loading one, and most of the time of the tests of configs.
        utils.load = functools.cache(utils.load)
        mmengine_config.is_installed = functools.cache(mmengine_config.is_installed)

    # Tests fork, and OpenCV's threads do not exist in the child. mmengine sets their number, which
    # would wait for them forever.
    cv2.setNumThreads(1)


@pytest.fixture(scope='module', autouse=True)
def forget_loggers() -> Iterator[None]:
    """Forget mmengine's loggers, which write into temporary folders that are removed."""
    yield
    if HAS_TORCH:
        from mmengine.logging import MMLogger

        MMLogger._instance_dict.clear()


def starts_processes(path: Path, module: ModuleType) -> bool:
    """Return whether a test module belongs to the marker `processes`."""
    imported = {
        getattr(value, '__name__' if isinstance(value, ModuleType) else '__module__', None)
        for value in vars(module).values()
    }
    return 'e2e' in path.parts or not imported.isdisjoint(PROCESSES)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    skip_slow = pytest.mark.skip(reason='slow; run with --all')
    skip_gpu = pytest.mark.skip(reason='needs a CUDA device')
    skip_shared = pytest.mark.skip(reason=f'needs the real images in {SHARED.name}/, absent here')
    has_gpu = False
    if HAS_TORCH:
        import torch

        has_gpu = torch.cuda.is_available()
    for item in items:
        if starts_processes(item.path, item.module):
            item.add_marker('processes')
        if 'slow' in item.keywords and not config.getoption('--all'):
            item.add_marker(skip_slow)
        if 'gpu' in item.keywords and not has_gpu:
            item.add_marker(skip_gpu)
        if 'shared_data' in item.keywords and not (SHARED / 'isic2018').is_dir():
            item.add_marker(skip_shared)


@pytest.fixture(autouse=True)
def mmdets_scope() -> None:
    """Start in mmdet's scope, because a Runner of an earlier test leaves its own scope active."""
    if HAS_TORCH:
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
    from isic_mmdet.utils.files import write_json

    path = ROOT / 'benchmarks' / 'results' / 'reliability.json'
    known = json.loads(path.read_text()) if path.is_file() else {}
    known |= figures
    write_json(path, dict(sorted(known.items())), indent=1)


@pytest.fixture(scope='session')
def root() -> Path:
    """The project's root folder."""
    return ROOT


@pytest.fixture(scope='session')
def shared() -> Path:
    """The folder of real images next to the checkout; use with `@pytest.mark.shared_data`."""
    return SHARED


@pytest.fixture(scope='session')
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared one-class data set of 18 synthetic images (12 / 3 / 3), 96 px; read only."""
    pytest.importorskip('pycocotools')
    from isic_mmdet.prepare.official import prepare
    from isic_mmdet.synthetic import write_dataset

    official = tmp_path_factory.mktemp('official')
    out = tmp_path_factory.mktemp('prepared') / 'tiny'
    write_dataset(official, images=18, seed=0, size=96)
    prepare(2017, [official], out, classes='lesion', workers=1)
    return out
