import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from isic_mmdet.errors import InputError
from isic_mmdet.prepare import flips
from isic_mmdet.prepare.official import prepare as prepare_sources
from isic_mmdet.prepare.report import format_report
from isic_mmdet.utils.files import write_atomically
from tests.support.official_files import (
    Official,
    annotations,
    isic,
    jpeg,
    lesion,
    png,
    prepared_ids,
)

FLIP = {'vertical': np.flipud, 'horizontal': np.fliplr}


def prepare(official: Official, out: Path, **options: object) -> dict:
    return prepare_sources(official.year, [official.root], out, **{'workers': 1, **options})


def smooth(height: int, width: int) -> np.ndarray:
    """An image that looks different in each flip."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows, columns, 255 - rows], axis=2).clip(0, 255).astype(np.uint8)


def one_sided(height: int, width: int) -> np.ndarray:
    """A lesion with a hole and some grays, in the upper left quarter."""
    mask = np.zeros((height, width), np.uint8)
    mask[: height // 2, : width // 2] = lesion(height // 2, width // 2, hole=True)
    mask[0, :3] = (7, 128, 129)
    return mask


@pytest.fixture
def official(tmp_path: Path) -> Official:
    made = Official(tmp_path / 'raw', 2018)
    made.add(1, 2, 3)
    made.add(11, 12, split='val')
    made.add(21, split='test')
    return made


@pytest.mark.parametrize('size', [(60, 80), (900, 1001)])
def test_a_copy_flipped_back_is_its_original(tmp_path: Path, size: tuple[int, int]) -> None:
    official = Official(tmp_path / 'raw', 2018)
    official.add(1, image=jpeg(smooth(*size)), mask=png(one_sided(*size)))
    out = tmp_path / 'out'
    prepare(official, out, resize='quarter', flip_copies=True)
    coco = COCO(out / 'annotations/train.json')
    images = {image['isic_id']: image for image in coco.imgs.values()}
    assert set(images) == {isic(1), f'{isic(1)}_vertical', f'{isic(1)}_horizontal'}
    original = images[isic(1)]
    (annotation,) = coco.imgToAnns[original['id']]
    pixels = np.asarray(Image.open(out / 'images' / original['file_name'])).astype(int)
    for direction, flip in FLIP.items():
        copy = images[f'{isic(1)}_{direction}']
        assert copy['file_name'] == f'{isic(1)}_{direction}.jpg'
        assert copy['original_mask'] == f'original_masks/{isic(1)}_{direction}_segmentation.png'
        for key in ('height', 'width', 'original_height', 'original_width'):
            assert copy[key] == original[key]
        (copied,) = coco.imgToAnns[copy['id']]
        mask = coco.annToMask(copied)
        assert np.array_equal(flip(mask), coco.annToMask(annotation))
        assert not np.array_equal(mask, coco.annToMask(annotation))
        assert copied['bbox'] == list(cv2.boundingRect(mask))
        assert copied['area'] == mask.sum()
        official_mask = cv2.imread(str(out / copy['original_mask']), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(flip(official_mask), one_sided(*size))
        picture = Image.open(out / 'images' / copy['file_name'])
        assert np.abs(flip(np.asarray(picture)) - pixels).mean() < 1
        assert picture.layer == [(1, 1, 1, 0), (2, 1, 1, 1), (3, 1, 1, 1)]  # 4:4:4


def test_training_and_validation_are_copied_and_test_is_not(
    official: Official, tmp_path: Path
) -> None:
    official.add(4, image=official.image_path(21, 'test').read_bytes())  # a twin of a test image
    plain, flipped = tmp_path / 'plain', tmp_path / 'flipped'
    prepare(official, plain)
    report = prepare(official, flipped, flip_copies=True)
    assert {name: len(set(ids)) for name, ids in prepared_ids(flipped).items()} == {
        'train': 9,
        'val': 6,
        'test': 1,
    }
    assert annotations(flipped)['test.json'] == annotations(plain)['test.json']
    assert not list(flipped.glob(f'*/{isic(21)}_*al*'))
    assert not list(flipped.glob(f'*/{isic(4)}_*al*'))
    assert report['options']['flip_copies'] is True
    counts = [(s['images'], s['flip_copies']) for s in report['splits'].values()]
    assert counts == [(9, 6), (6, 4), (1, 0)]
    assert len(report['near_duplicates']['pairs']) == 1  # copies are not searched
    rows = {line[:22].strip(): line[22:].split() for line in format_report(report).splitlines()}
    assert rows['images'] == ['9', '6', '1']
    assert rows['of them flip copies'] == ['6', '4', '0']
    for seed in range(4):
        prepare(official, flipped, split='ratio', seed=seed, flip_copies=True)
        split_of: dict[str, str] = {}
        for name, ids in prepared_ids(flipped).items():
            for isic_id in ids:
                assert split_of.setdefault(isic_id[:12], name) == name
                assert name != 'test' or len(isic_id) == 12
        assert len(split_of) == 7


def test_a_run_without_copies_in_the_same_folder(official: Official, tmp_path: Path) -> None:
    out = tmp_path / 'out'
    prepare(official, out)
    plain = annotations(out)
    prepare(official, out, flip_copies=True)
    with_copies = annotations(out)
    report = prepare(official, out)
    assert annotations(out) == plain
    assert report['splits']['train']['flip_copies'] == 0
    assert any('10 images of an earlier run lie' in note for note in report['notes'])
    report = prepare(official, out, flip_copies=True)
    assert annotations(out) == with_copies
    assert report['notes'] == [
        '6 pairs were finished by an earlier run and kept',
        '10 flip copies were finished by an earlier run and kept',
    ]


def test_processes_do_not_change_a_byte(official: Official, tmp_path: Path) -> None:
    options = {'flip_copies': True, 'split': 'ratio', 'resize': 'max-side=40'}
    written = []
    for workers in (1, 2):
        out = tmp_path / f'{workers}'
        prepare(official, out, workers=workers, **options)
        files = {path.name: path.read_bytes() for path in (out / 'images').iterdir()}
        written.append((annotations(out), files))
    assert written[0] == written[1]


def test_labels_are_carried_over(tmp_path: Path) -> None:
    official = Official(tmp_path / 'raw', 2017)
    official.add(1, 2)
    official.label({1: (1, 0), 2: (0, 1)})
    report = prepare(official, tmp_path / 'out', flip_copies=True)
    coco = COCO(tmp_path / 'out/annotations/train.json')
    for image in coco.imgs.values():
        (annotation,) = coco.imgToAnns[image['id']]
        category = coco.cats[annotation['category_id']]['name']
        is_melanoma = image['isic_id'].startswith(isic(1))
        assert image['diagnosis'] == ('melanoma' if is_melanoma else 'seborrheic_keratosis')
        assert category == ('melanoma' if is_melanoma else 'benign')
    assert report['splits']['train']['classes'] == {'benign': 3, 'melanoma': 3}
    assert report['splits']['train']['diagnoses'] == {'melanoma': 3, 'seborrheic_keratosis': 3}


def test_a_run_stopped_among_the_copies_continues(
    official: Official, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, fresh = tmp_path / 'out', tmp_path / 'fresh'
    prepare(official, fresh, flip_copies=True)
    prepare(official, out)
    written: list[str] = []

    def stopping(path: Path, data: bytes) -> None:
        write_atomically(path, data)
        written.append(path.name)
        if len(written) == 7:  # the image of the fourth copy
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(flips, 'write_atomically', stopping)
        with pytest.raises(KeyboardInterrupt):
            prepare(official, out, flip_copies=True)
    assert annotations(out) == {}
    assert not (out / 'prepare_report.json').exists()
    times = {path: path.stat().st_mtime_ns for path in (out / 'images').iterdir()}
    assert len(times) == 6 + 4

    report = prepare(official, out, flip_copies=True)
    assert '3 flip copies were finished by an earlier run and kept' in report['notes']
    assert [p.name for p, t in times.items() if p.stat().st_mtime_ns != t] == [written[-1]]
    assert annotations(out) == annotations(fresh)


def test_a_changed_rule_or_source_or_lost_file_redoes_the_copies_of_that_image(
    official: Official, tmp_path: Path
) -> None:
    out = tmp_path / 'out'
    prepare(official, out, flip_copies=True)

    def redone(**options: object) -> set[str]:
        before = {path: path.stat().st_mtime_ns for path in (out / 'images').iterdir()}
        prepare(official, out, flip_copies=True, **options)
        return {p.stem for p in before if p.stat().st_mtime_ns != before[p]}

    assert redone() == set()
    official.mask_path(2).write_bytes(png(lesion(hole=True)))
    assert redone() == {isic(2), f'{isic(2)}_vertical', f'{isic(2)}_horizontal'}
    (out / f'images/{isic(3)}_vertical.jpg').write_bytes(b'cut')
    assert redone() == {f'{isic(3)}_vertical'}
    (out / f'original_masks/{isic(1)}_segmentation.png').unlink()
    assert redone() == {isic(1)}
    os.utime(official.image_path(3), ns=(0, 0))
    assert redone() == {isic(3), f'{isic(3)}_vertical', f'{isic(3)}_horizontal'}
    assert len(redone(resize='max-side=40')) == 16
    assert len(redone(resize='max-side=40', foreground=255)) == 16


def test_an_original_damaged_since_is_a_problem(official: Official, tmp_path: Path) -> None:
    out = tmp_path / 'out'
    prepare(official, out)
    path = out / f'images/{isic(1)}.jpg'
    path.write_bytes(bytes(path.stat().st_size))  # the size is right, so it counts as finished
    with pytest.raises(InputError, match=r'damaged original: .* delete .* and run again'):
        prepare(official, out, flip_copies=True, strict=True)
    report = prepare(official, out, flip_copies=True)
    assert report['errors']['counts'] == {'damaged original': 2}
    path.unlink()
    report = prepare(official, out, flip_copies=True)
    assert report['errors']['counts'] == {}
    assert len(prepared_ids(out)['train']) == 9
