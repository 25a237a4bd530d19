import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from isic_mmdet.errors import InputError
from isic_mmdet.isic.prepare import flips
from isic_mmdet.isic.prepare.convert import prepare as prepare_with_bar
from isic_mmdet.isic.prepare.progress import Progress
from isic_mmdet.isic.prepare.report import format_report
from isic_mmdet.utils.files import write_atomically
from tests.support.official_files import Official, isic, jpeg, lesion, png

TURNED_BACK = {'vertical': np.flipud, 'horizontal': np.fliplr}


def prepare(official: Official, out: Path, **options: object) -> dict:
    options = {'workers': 1, 'show_progress': False, **options}
    return prepare_with_bar(official.year, [official.root], out, **options)


def annotation_bytes(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (out / 'annotations').iterdir()}


def ids_of(out: Path, split: str) -> list[str]:
    images = json.loads((out / f'annotations/{split}.json').read_text())['images']
    return [image['isic_id'] for image in images]


def smooth(height: int, width: int) -> np.ndarray:
    """An image that looks different whichever way it is flipped."""
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
    for direction, turn_back in TURNED_BACK.items():
        copy = images[f'{isic(1)}_{direction}']
        assert copy['file_name'] == f'{isic(1)}_{direction}.jpg'
        assert copy['original_mask'] == f'original_masks/{isic(1)}_{direction}_segmentation.png'
        for key in ('height', 'width', 'original_height', 'original_width'):
            assert copy[key] == original[key]
        (copied,) = coco.imgToAnns[copy['id']]
        mask = coco.annToMask(copied)
        assert np.array_equal(turn_back(mask), coco.annToMask(annotation))
        assert not np.array_equal(mask, coco.annToMask(annotation))
        assert copied['bbox'] == list(cv2.boundingRect(mask))
        assert copied['area'] == mask.sum()
        official_mask = cv2.imread(str(out / copy['original_mask']), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(turn_back(official_mask), one_sided(*size))
        picture = Image.open(out / 'images' / copy['file_name'])
        assert np.abs(turn_back(np.asarray(picture)) - pixels).mean() < 1
        assert picture.layer == [(1, 1, 1, 0), (2, 1, 1, 1), (3, 1, 1, 1)]  # 4:4:4


def test_counts_and_the_test_split(official: Official, tmp_path: Path) -> None:
    plain, flipped = tmp_path / 'plain', tmp_path / 'flipped'
    prepare(official, plain)
    report = prepare(official, flipped, flip_copies=True)
    assert len(ids_of(flipped, 'train')) == len(set(ids_of(flipped, 'train'))) == 9
    assert len(ids_of(flipped, 'val')) == 6
    name = 'annotations/test.json'
    assert (flipped / name).read_bytes() == (plain / name).read_bytes()
    assert not list(flipped.glob(f'*/{isic(21)}_*al*'))
    assert report['options']['flip_copies'] is True
    counts = [(s['images'], s['flip_copies']) for s in report['splits'].values()]
    assert counts == [(9, 6), (6, 4), (1, 0)]
    assert report['near_duplicates']['pairs'] == []  # copies are not searched
    rows = {line[:22].strip(): line[22:].split() for line in format_report(report).splitlines()}
    assert rows['images'] == ['9', '6', '1']
    assert rows['of them flip copies'] == ['6', '4', '0']


def test_a_run_without_copies_in_the_same_folder(official: Official, tmp_path: Path) -> None:
    out = tmp_path / 'out'
    prepare(official, out)
    plain = annotation_bytes(out)
    prepare(official, out, flip_copies=True)
    with_copies = annotation_bytes(out)
    report = prepare(official, out)
    assert annotation_bytes(out) == plain
    assert report['splits']['train']['flip_copies'] == 0
    assert any('10 images of an earlier run lie' in note for note in report['notes'])
    report = prepare(official, out, flip_copies=True)
    assert annotation_bytes(out) == with_copies
    assert report['notes'] == [
        '6 pairs were finished by an earlier run and kept',
        '10 flip copies were finished by an earlier run and kept',
    ]


def test_processes_do_not_change_a_byte(official: Official, tmp_path: Path) -> None:
    written = []
    for workers in (1, 2):
        out = tmp_path / f'{workers}'
        prepare(
            official, out, flip_copies=True, split='ratio', resize='max-side=40', workers=workers
        )
        files = {path.name: path.read_bytes() for path in (out / 'images').iterdir()}
        written.append((annotation_bytes(out), files))
    assert written[0] == written[1]


def test_labels_are_carried_over(tmp_path: Path) -> None:
    official = Official(tmp_path / 'raw', 2017)
    official.add(1, 2)
    official.label({1: (1, 0), 2: (0, 1)})
    metadata = 'image_id,age_approximate,sex\nISIC_0000001,60,male\nISIC_0000002,45,female\n'
    (official.root / 'metadata.csv').write_text(metadata)
    report = prepare(official, tmp_path / 'out', flip_copies=True)
    coco = COCO(tmp_path / 'out/annotations/train.json')
    known = {
        image['isic_id']: (
            image['diagnosis'],
            image['age'],
            image['sex'],
            coco.cats[coco.imgToAnns[image['id']][0]['category_id']]['name'],
        )
        for image in coco.imgs.values()
    }
    for end in ('', '_vertical', '_horizontal'):
        assert known[isic(1) + end] == ('melanoma', 60, 'male', 'melanoma')
        assert known[isic(2) + end] == ('seborrheic_keratosis', 45, 'female', 'benign')
    assert report['splits']['train']['classes'] == {'benign': 3, 'melanoma': 3}
    assert report['splits']['train']['diagnoses'] == {'melanoma': 3, 'seborrheic_keratosis': 3}


def test_what_is_left_out_has_no_copies(official: Official, tmp_path: Path) -> None:
    official.add(4, image=official.image_path(21, 'test').read_bytes())  # a twin of a test image
    official.mask_path(2).unlink()
    report = prepare(official, tmp_path / 'out', flip_copies=True)
    assert {isic_id[:12] for isic_id in ids_of(tmp_path / 'out', 'train')} == {isic(1), isic(3)}
    assert report['splits']['train']['flip_copies'] == 4
    assert not list((tmp_path / 'out/images').glob(f'{isic(4)}_*'))


def test_a_run_stopped_among_the_copies_continues(
    official: Official, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, fresh = tmp_path / 'out', tmp_path / 'fresh'
    prepare(official, fresh, flip_copies=True)
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
    assert not (out / 'annotations').exists()
    assert not (out / 'prepare_report.json').exists()
    times = {path: path.stat().st_mtime_ns for path in (out / 'images').iterdir()}
    assert len(times) == 6 + 4

    report = prepare(official, out, flip_copies=True)
    assert report['notes'] == [
        '6 pairs were finished by an earlier run and kept',
        '3 flip copies were finished by an earlier run and kept',
    ]
    assert [p.name for p, t in times.items() if p.stat().st_mtime_ns != t] == [written[-1]]
    assert annotation_bytes(out) == annotation_bytes(fresh)


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
    assert len(ids_of(out, 'train')) == 9


def test_copies_of_another_split_are_not_taken(official: Official, tmp_path: Path) -> None:
    out = tmp_path / 'out'
    for seed in range(4):
        prepare(official, out, split='ratio', seed=seed, flip_copies=True)
        split_of: dict[str, str] = {}
        for name in ('train', 'val', 'test'):
            if (out / f'annotations/{name}.json').is_file():
                for isic_id in ids_of(out, name):
                    assert split_of.setdefault(isic_id[:12], name) == name
                    assert name != 'test' or len(isic_id) == 12
        assert len(split_of) == 6


def test_records_say_what_they_are_copies_of(official: Official, tmp_path: Path) -> None:
    prepare(official, tmp_path / 'out', flip_copies=True)
    records = Progress(tmp_path / 'out', 2018).records
    copy, original = records[f'{isic(1)}_vertical'], records[isic(1)]
    assert (copy.official_id, original.official_id) == (isic(1), isic(1))
    assert dataclasses.replace(copy, isic_id=isic(1)).key != original.key
