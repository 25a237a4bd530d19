import csv
import shutil
import sys
from dataclasses import replace

import psutil
import pytest

from isic_mmdet.deploy.predict.folder import in_groups, predict_groups
from isic_mmdet.deploy.predict.inputs import find_images
from isic_mmdet.deploy.predict.settings import FolderSettings
from isic_mmdet.deploy.predict.table import join_parts
from isic_mmdet.deploy.predict.workers import Ready, ToRead, image_workers
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
    files = find_images([str(image_files[0])], settings.out).files
    ((name, file),) = files.items()
    with image_workers(segmenter, settings) as workers:
        first = workers.read(ToRead(0, name, file, wanted=True)).result()
        second = workers.read(ToRead(0, 'other', file, wanted=False)).result()
        assert isinstance(first, Ready) and isinstance(second, Ready)
        assert {first.worker, second.worker} == {0, 1}
        (lesion,) = segmenter.predict([first.prepared])
        with pytest.raises(KeyError):  # another process
            workers.write((first._replace(worker=second.worker), lesion, 0.1)).result()
        assert workers.write((first, lesion, 0.1)).result().row['image'] == name
    assert settings.crop(name, 1).is_file()


@pytest.mark.skipif(sys.platform != 'linux', reason='elsewhere no server starts the processes')
def test_a_killed_process_ends_the_prediction_with_its_remedy(
    segmenter, image_files, settings, monkeypatch
):
    monkeypatch.setattr(segmenter, 'on_gpu', True)
    file = find_images([str(image_files[0])], settings.out).files[image_files[0].stem]
    with (
        pytest.raises(InputError, match=r'was killed.*--resume and fewer --workers'),
        image_workers(segmenter, settings) as workers,
    ):
        image = ToRead(0, 'a', file, wanted=True)
        workers.read(image).result()
        for server in psutil.Process().children():
            for process in server.children():
                process.kill()
        workers.read(image).result()
        workers.read(image).result()
