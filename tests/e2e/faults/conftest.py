"""The tools that write results, each with a small job to do."""

import random
import shutil
from pathlib import Path

import cv2
import matplotlib.backends.backend_agg
import matplotlib.figure  # noqa: F401 - so that the forked processes need not import it
import numpy as np
import pytest

from tests.support.disk_faults import Tool
from tests.support.official_files import Official, lesion, png
from tests.support.random_model import NARROW, save_random_model
from tests.support.report_run import make_run
from tests.support.tool_jobs import Job


@pytest.fixture(scope='session')
def prepare_job(root, tmp_path_factory) -> Job:
    folder = tmp_path_factory.mktemp('prepare')
    official = Official(folder / 'raw', 2018)
    official.add(1, 2, 3)
    official.add(11, split='val')
    official.add(21, 22, split='test')

    def arguments(out: Path) -> list:
        fixed = ['2018', '--src', official.root, '--workers', 1, '--resize', 'max-side', 40]
        return [*fixed, '--flip-copies', '--out', out]

    return Job(Tool(root, 'prepare_isic.py'), arguments).measure(folder)


@pytest.fixture(scope='session')
def checkpoint(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp('model') / 'random.pth'
    return save_random_model(NARROW, path, mask_bias=3)


@pytest.fixture(scope='session')
def image_files(tiny_data, tmp_path_factory) -> Path:
    """A folder of seven images, two of them of another shape."""
    folder = tmp_path_factory.mktemp('image_files')
    for index, path in enumerate(sorted((tiny_data / 'images').iterdir())[:7]):
        if index % 3 == 1:
            cv2.imwrite(str(folder / path.name), cv2.imread(str(path))[:60])
        else:
            shutil.copy(path, folder)
    return folder


@pytest.fixture(scope='session')
def predict_job(root, checkpoint, image_files, tmp_path_factory) -> Job:
    folder = tmp_path_factory.mktemp('predict')

    def arguments(out: Path) -> list:
        model = [image_files, '--config', NARROW, '--checkpoint', checkpoint, '--device', 'cpu']
        more = ['--batch-size', 3, '--overlay', '--submission', out / 'sent.zip']
        outputs = ['--probabilities', '--crops', 0.1, '--format', 'coco']
        return [*model, *more, *outputs, '--out', out]

    return Job(Tool(root, 'predict.py'), arguments, ('--resume',)).measure(folder)


@pytest.fixture(scope='session')
def score_job(root, tmp_path_factory) -> Job:
    folder = tmp_path_factory.mktemp('score')
    generator = np.random.default_rng(0)
    for number in range(30):
        for kind in ('truth', 'masks'):
            path = folder / kind / f'ISIC_{number:07d}_segmentation.png'
            path.parent.mkdir(exist_ok=True)
            shift = int(generator.integers(0, 12)) if kind == 'masks' else 0
            path.write_bytes(png(np.roll(lesion(), shift, axis=1)))

    def arguments(out: Path) -> list:
        return [folder / 'masks', folder / 'truth', '--out', out / 'scores.json']

    return Job(Tool(root, 'score.py'), arguments).measure(folder)


@pytest.fixture(scope='session')
def report_job(root, tiny_data, tmp_path_factory) -> Job:
    folder = tmp_path_factory.mktemp('report')
    make_run(folder / 'run' / 'test', tiny_data)
    shutil.copy(folder / 'run' / 'scalars.json', folder / 'run' / 'test')

    def arguments(work: Path) -> list:
        return [work, '--data-root', tiny_data]

    def set_up(work: Path) -> None:
        shutil.copytree(folder / 'run' / 'test', work)

    return Job(Tool(root, 'report.py'), arguments, set_up=set_up).measure(folder)


@pytest.fixture(params=['prepare', 'predict', 'score', 'report'])
def job(request) -> Job:
    """Each of the tools in turn."""
    return request.getfixturevalue(f'{request.param}_job')


@pytest.fixture
def generator(request) -> random.Random:
    """Random numbers that are the same in every run of a test."""
    return random.Random(request.node.name)
