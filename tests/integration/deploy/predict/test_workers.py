import csv
import pickle
import shutil
import subprocess
import sys
from dataclasses import replace

import psutil
import pytest

from isic_mmdet.deploy.predict.folder import in_groups, predict_groups
from isic_mmdet.deploy.predict.inputs import find_images
from isic_mmdet.deploy.predict.models import PREPARATION
from isic_mmdet.deploy.predict.settings import FolderSettings
from isic_mmdet.deploy.predict.table import join_parts
from isic_mmdet.deploy.predict.workers import Found, ToRead, image_workers
from isic_mmdet.errors import InputError


def contents(settings: FolderSettings) -> dict[str, object]:
    """Return every file of a folder, and the table without the measured seconds."""
    files: dict[str, object] = {
        str(path.relative_to(settings.out)): path.read_bytes()
        for path in settings.out.rglob('*.*')
        if path.is_file()
    }
    rows = list(csv.DictReader((settings.out / 'predictions.csv').read_text().splitlines()))
    files['predictions.csv'] = [{k: v for k, v in row.items() if k != 'seconds'} for row in rows]
    return files


def test_processes_write_the_same_files_as_threads(segmenter, image_files, tmp_path, monkeypatch):
    photos = tmp_path / 'photos'
    photos.mkdir()
    for path in image_files:
        shutil.copy(path, photos)
    (photos / 'damaged.jpg').write_text('no image')
    found = []
    for on_gpu in (False, True):
        monkeypatch.setattr(segmenter, 'on_gpu', on_gpu)
        settings = FolderSettings(
            tmp_path / str(on_gpu),
            overlay=True,
            batch_size=2,
            workers=3,
            probabilities=8,
            crops=0.2,
            formats=('labelme',),
        )
        settings.out.mkdir()
        files = find_images([str(photos)], settings.out).files
        (error,) = predict_groups(segmenter, in_groups(files, 2), files, settings)
        assert 'damaged.jpg' in error
        join_parts(settings.out)
        found.append(contents(settings))
    threads, processes = found
    assert len(threads) == 1 + 5 * len(image_files)
    assert processes.keys() == threads.keys()
    for name, content in threads.items():
        assert processes[name] == content, name


def test_an_image_stays_with_the_process_that_reads_it(
    segmenter, image_files, settings, monkeypatch
):
    monkeypatch.setattr(segmenter, 'on_gpu', True)
    settings = replace(settings, crops=0.2)
    files = find_images(list(map(str, image_files)), settings.out).files
    assert len(files) > 4  # more than a process gets at once with crops
    images = [ToRead(0, name, file, wanted=True) for name, file in files.items()]
    with image_workers(segmenter, settings, 100) as workers:
        ready = list(workers.read(images, 1))
        assert [each.image.name for each in ready] == list(files)
        assert {each.worker for each in ready} == {0, 1}
        found = [Found(each, segmenter.predict([each.prepared])[0], 0.1) for each in ready]
        other = found[0]._replace(ready=ready[0]._replace(worker=1 - ready[0].worker))
        with pytest.raises(KeyError):
            list(workers.write([other], 1))
        assert [written.row['image'] for written in workers.write(found, 1)] == list(files)
    assert all(settings.crop(name, 1).is_file() for name in files)


@pytest.mark.parametrize(
    ('workers', 'images', 'crops', 'at_once'),
    [
        (2, 6, None, 1),  # so that both get some
        (2, 1000, None, 16),
        (2, 1000, 0.2, 4),  # whole images are large
        (32, 100_000, None, 8),  # 256 in all processes
    ],
)
def test_how_many_images_a_process_gets_at_once(
    segmenter, image_files, settings, monkeypatch, workers, images, crops, at_once
):
    monkeypatch.setattr(segmenter, 'on_gpu', True)
    settings = replace(settings, workers=workers, crops=crops)
    ((name, file),) = find_images([str(image_files[0])], settings.out).files.items()
    to_read = [ToRead(0, name, file, wanted=True)] * (at_once + 1)
    with image_workers(segmenter, settings, images) as started:
        ready = list(started.read(to_read, 1))
    assert [each.worker for each in ready] == [0] * at_once + [1]


def test_a_process_needs_no_module_for_a_pipeline_after_that_of_its_server(segmenter, tmp_path):
    path = tmp_path / 'preparation.pkl'
    path.write_bytes(pickle.dumps(segmenter.preparation))
    code = (
        f'import pickle, sys, {PREPARATION}; before = set(sys.modules); '
        f'pickle.load(open({str(path)!r}, "rb")); print(*set(sys.modules) - before)'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout == '\n'


@pytest.mark.skipif(sys.platform != 'linux', reason='elsewhere no server starts the processes')
def test_a_killed_process_ends_the_prediction_with_its_remedy(
    segmenter, image_files, settings, monkeypatch
):
    monkeypatch.setattr(segmenter, 'on_gpu', True)
    ((name, file),) = find_images([str(image_files[0])], settings.out).files.items()
    with (
        pytest.raises(InputError, match=r'was killed.*--resume and fewer --workers'),
        image_workers(segmenter, settings, 100) as workers,
    ):
        images = [ToRead(0, name, file, wanted=True)] * 100
        for _ in workers.read(images, 1):
            for server in psutil.Process().children():
                for process in server.children():
                    process.kill()
