import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.synthetic import dataset as module
from isic_mmdet.synthetic import make_sample, write_dataset

SPLITS = ('Training', 'Validation', 'Test_v2')
OPTIONS = {'images': 12, 'seed': 3, 'size': 64}


@pytest.fixture(scope='module')
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp('synthetic') / 'set'
    assert write_dataset(out, **OPTIONS) == 12
    return out


def contents(folder: Path, pattern: str = '*/*') -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.glob(pattern)}


def test_layout_is_that_of_isic_2017(written: Path) -> None:
    ids = {}
    for split in SPLITS:
        images = {p.stem for p in (written / f'ISIC-2017_{split}_Data').iterdir()}
        masks = {p.name for p in (written / f'ISIC-2017_{split}_Part1_GroundTruth').iterdir()}
        assert masks == {f'{name}_segmentation.png' for name in images}
        ids[split] = images
    assert [len(ids[split]) for split in SPLITS] == [8, 2, 2]
    assert set().union(*ids.values()) == {f'ISIC_{9_000_000 + i}' for i in range(12)}
    names = {p.name for p in written.iterdir()}
    expected = {
        f'ISIC-2017_{split}_{part}'
        for split in SPLITS
        for part in ('Data', 'Part1_GroundTruth', 'Part3_GroundTruth.csv')
    }
    assert names == expected | {'synthetic.json'}


def test_files_hold_the_samples_and_their_classes(written: Path) -> None:
    for split in SPLITS:
        text = (written / f'ISIC-2017_{split}_Part3_GroundTruth.csv').read_text()
        assert text.startswith('image_id,melanoma,seborrheic_keratosis\n')
        rows = list(csv.DictReader(text.splitlines()))
        paths = sorted((written / f'ISIC-2017_{split}_Data').iterdir())
        for row, path in zip(rows, paths, strict=True):
            sample = make_sample(3, int(path.stem[5:]) - 9_000_000, 64)
            assert row['image_id'] == path.stem
            assert row['melanoma'] == ('1.0' if sample.melanoma else '0.0')
            assert row['seborrheic_keratosis'] == '0.0'
            folder = written / f'ISIC-2017_{split}_Part1_GroundTruth'
            mask = cv2.imread(str(folder / f'{path.stem}_segmentation.png'), cv2.IMREAD_UNCHANGED)
            np.testing.assert_array_equal(mask, sample.mask)
            image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
            assert np.abs(image.astype(int) - sample.image).mean() < 4


def test_bytes_depend_neither_on_workers_nor_on_the_number_of_images(
    written: Path, tmp_path: Path
) -> None:
    write_dataset(tmp_path / 'more', images=18, seed=3, size=64, workers=2)
    small, large = contents(written), contents(tmp_path / 'more')
    assert len(small) == 24
    assert small == {name: large[name] for name in small}


def test_second_call_draws_nothing_and_an_interrupted_one_is_completed(tmp_path: Path) -> None:
    out = tmp_path / 'set'
    write_dataset(out, **OPTIONS)
    before = contents(out)
    times = {name: (out / name).stat().st_mtime_ns for name in before}
    assert write_dataset(out, **OPTIONS) == 0
    assert times == {name: (out / name).stat().st_mtime_ns for name in before}

    lost = [next(out.glob('ISIC-2017_Training_Data/*')), next(out.glob('*Test*Part1*/*'))]
    for path in lost:
        path.unlink()
    assert write_dataset(out, **OPTIONS) == 2
    assert contents(out) == before


@pytest.mark.parametrize('change', [{'images': 18}, {'seed': 9}, {'size': 72}])
def test_folder_of_other_options_is_refused_and_left_alone(
    written: Path, change: dict[str, int]
) -> None:
    before = contents(written)
    with pytest.raises(InputError, match='was made with'):
        write_dataset(written, **{**OPTIONS, **change})
    assert contents(written) == before


def test_folder_of_an_older_generator_is_refused(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, 'GENERATOR_VERSION', 10_000)
    with pytest.raises(InputError, match='delete it or choose another'):
        write_dataset(written, **OPTIONS)


@pytest.mark.parametrize(
    ('name', 'content', 'message'),
    [
        ('thesis.txt', 'precious', 'holds other files'),
        ('synthetic.json', '{', 'not JSON'),
    ],
)
def test_folder_of_something_else_is_refused(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message):
        write_dataset(tmp_path, **OPTIONS)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [(name, content)]
    with pytest.raises(InputError, match='holds other files'):
        write_dataset(tmp_path / name, **OPTIONS)


def test_manifest_names_options_and_generator(written: Path) -> None:
    manifest = json.loads((written / 'synthetic.json').read_text())
    assert manifest == {'generator': module.GENERATOR_VERSION, **OPTIONS}


def test_all_faulty_options_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        write_dataset(tmp_path / 'set', images=5, seed=-1, size=8, workers=0)
    assert len(caught.value.errors) == 4
    assert not (tmp_path / 'set').exists()
