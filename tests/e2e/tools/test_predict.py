"""tools/predict.py as users run it, with a model of random weights."""

import csv
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from isic_challenge_scoring import SegmentationScore
from PIL import Image

from tests.support.random_model import NARROW
from tests.support.tool_runs import fail, run_tool, succeed

# Every option about what is written.
EVERYTHING = (
    *('--overlay', '--probabilities', 16, '--threshold', 0.4, '--largest-region'),
    *('--crops', 0.25, '--format', 'coco', '--format', 'labelme'),
)


@pytest.fixture(scope='module')
def images(tiny_data, tmp_path_factory) -> Path:
    """A folder of five images."""
    folder = tmp_path_factory.mktemp('images')
    for path in sorted((tiny_data / 'images').iterdir())[:5]:
        shutil.copy(path, folder)
    return folder


@pytest.fixture(scope='module')
def model(checkpoint) -> tuple:
    # One image per batch, because rounding depends on the other images of a batch.
    return ('--config', NARROW, '--checkpoint', checkpoint, '--batch-size', 1)


@pytest.fixture(scope='module')
def alone(model, images, tmp_path_factory) -> Path:
    """The output folder of one process, with sent.zip in it."""
    out = tmp_path_factory.mktemp('alone')
    options = ('--out', out, '--overlay', '--submission', out / 'sent.zip')
    printed = succeed('predict', images, *model, *options)
    assert '5 images, 0 without a detection' in printed
    assert str(out / 'sent.zip') in printed
    return out


def table(out: Path) -> list[dict[str, str]]:
    with (out / 'predictions.csv').open() as file:
        return [{**row, 'seconds': ''} for row in csv.DictReader(file)]


def masks(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.glob('*_segmentation.png')}


def test_the_official_scorer_accepts_folder_and_submission(alone, images, tiny_data, tmp_path):
    names = sorted(path.stem for path in images.iterdir())
    assert [row['image'] for row in table(alone)] == names
    assert {path.stem for path in (alone / 'overlays').iterdir()} == set(names)
    truth = tmp_path / 'truth'
    truth.mkdir()
    for name in names:
        shutil.copy(tiny_data / f'original_masks/{name}_segmentation.png', truth)
    with zipfile.ZipFile(alone / 'sent.zip') as archive:
        archive.extractall(tmp_path / 'sent')
    for folder in (alone, tmp_path / 'sent'):
        assert 0 <= SegmentationScore.from_dir(truth, folder).overall <= 1


def test_two_processes_write_the_same_and_report_unreadable_images(model, alone, images, tmp_path):
    broken = tmp_path / 'ISIC_0000000.jpg'
    broken.write_bytes(next(images.iterdir()).read_bytes()[:2000])
    out = tmp_path / 'out'
    done = run_tool('predict', broken, images, *model, '--out', out, processes=2)
    assert done.returncode == 1
    assert done.stderr.count('1 of 6 images could not be read') == 1
    assert done.stderr.count(f'{broken}: ') == 1
    assert masks(out) == masks(alone)
    assert table(out) == table(alone)
    others = sorted(path.name for path in out.iterdir() if path.suffix != '.png')
    assert others == ['predictions.csv', 'predictions.json']


def files(out: Path) -> dict[str, bytes]:
    """Return all files except those that hold times or the name of the folder."""
    paths = [path for path in out.rglob('*') if path.is_file()]
    changing = ('predictions.csv', 'predictions.json')
    return {
        str(path.relative_to(out)): path.read_bytes() for path in paths if path.name not in changing
    }


@pytest.mark.slow
def test_every_option_works_with_several_processes_and_in_zips(model, images, tmp_path):
    archive = shutil.make_archive(str(tmp_path / 'set'), 'zip', images)
    for name, source, processes in (('one', images, 0), ('two', images, 2), ('zip', archive, 0)):
        out = tmp_path / name
        printed = succeed('predict', source, *model, *EVERYTHING, '--out', out, processes=processes)
        for part in ('probabilities', 'crops', 'annotations.json', 'labelme', 'overlays'):
            assert str(out / part) in printed
        assert (out / 'annotations.json').is_file()
        assert table(out) == table(tmp_path / 'one')
    one, two, zipped = (files(tmp_path / name) for name in ('one', 'two', 'zip'))
    assert len(one) == 5 * 5 + 1
    assert one == two
    # LabelMe finds an image at its path, and the image of a zip has none.
    assert {name: data for name, data in one.items() if 'labelme' not in name} == {
        name: data for name, data in zipped.items() if 'labelme' not in name
    }
    for name in sorted(path.stem for path in images.iterdir()):
        mask = np.asarray(Image.open(tmp_path / f'one/{name}_segmentation.png')) == 255
        levels = np.asarray(Image.open(tmp_path / f'one/probabilities/{name}.png'))
        assert levels.dtype == np.uint16
        assert (levels[mask] >= 0.4 * 65535 - 1).all()
        content = json.loads((tmp_path / f'one/labelme/{name}.json').read_text())
        assert (tmp_path / 'one/labelme' / content['imagePath']).samefile(images / f'{name}.jpg')


def test_a_run_with_other_options_is_not_continued(model, images, tmp_path):
    image, out = next(images.iterdir()), tmp_path / 'out'
    succeed('predict', image, *model, '--threshold', 0.4, '--out', out)
    message = fail('predict', image, *model, '--threshold', 0.3, '--out', out, '--resume')
    assert 'threshold: 0.4, now 0.3' in message


def test_without_a_model_that_of_the_project_is_used_in_any_folder(images, tmp_path):
    printed = succeed('predict', images, '--out', 'out', torch=False, cwd=tmp_path)
    assert 'model: lesion_lite.onnx, which comes with the project; for research, not a' in printed
    assert len(masks(tmp_path / 'out')) == 5


CHECKPOINT = ('--config', 'a.py', '--checkpoint', 'b.pth')


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (('--probabilities', 12), 'invalid choice: 12'),
        (('--probabilities', 0), 'invalid choice: 0'),
        (('--probabilities', 'high'), 'invalid int value'),
        (('--probabilities', 8.5), 'invalid int value'),
        (('--threshold', 0), 'not between 0 and 1'),
        (('--threshold', 1), 'not between 0 and 1'),
        (('--threshold', -0.5), 'not between 0 and 1'),
        (('--threshold', 50), 'not between 0 and 1'),
        (('--threshold', 'nan'), 'not between 0 and 1'),
        (('--threshold', 'inf'), 'not between 0 and 1'),
        (('--threshold', '50%'), 'invalid number value'),
        (('--threshold',), 'expected one argument'),
        (('--crops', -0.1), 'not from 0 to 10'),
        (('--crops', 11), 'not from 0 to 10'),
        (('--crops', 'nan'), 'not from 0 to 10'),
        (('--crops', '20px'), 'invalid number value'),
        (('--crops',), 'expected one argument'),
        (('--max-lesions', 0), 'less than 1'),
        (('--max-lesions', -1), 'less than 1'),
        (('--max-lesions', 1.5), 'invalid positive_int value'),
        (('--max-lesions', 'all'), 'invalid positive_int value'),
        (('--max-lesions', 2), '--max-lesions above 1: an exported model'),
        (('--max-lesions', 2, '--model', 'm.onnx'), '--max-lesions above 1: an exported model'),
        (('--max-lesions', 2, '--tta', *CHECKPOINT), '--max-lesions above 1 and --tta'),
        (('--max-lesions', 2, '--submission', 'a.zip', *CHECKPOINT), 'takes one lesion'),
        (('--format', 'yolo'), "invalid choice: 'yolo'"),
        (('--format', 'COCO'), "invalid choice: 'COCO'"),
        (('--format',), 'expected one argument'),
        (('--amp',), '--amp: an exported model'),
        (('--amp', '--model', 'm.onnx'), '--amp: an exported model'),
        (('--device', 'cuda:0'), '--device: an exported model'),
        (('--launcher', 'pytorch'), '--launcher: an exported model'),
        (('--amp', '--device', 'cpu'), '--amp, --device: an exported model'),
        (('--config', 'a.py'), '--config and --checkpoint together'),
        (('--checkpoint', 'b.pth'), '--config and --checkpoint together'),
        ((*CHECKPOINT, '--model', 'm.onnx'), 'not both'),
        (('--model', 'm.onnx', '--config', 'a.py'), '--config and --checkpoint together'),
        (('--largest-region', 'yes', '--square'), 'unrecognized arguments: yes --square'),
        (('--batch-size', 0), 'less than 1'),
        (('--workers', 0), 'less than 1'),
    ],
)
def test_wrong_options_end_before_any_work(images, tmp_path, options, message):
    done = run_tool('predict', images, '--out', tmp_path / 'out', *options, torch=False)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr.splitlines()[-1]
    assert not (tmp_path / 'out').exists()
