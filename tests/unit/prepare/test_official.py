import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from isic_mmdet.errors import InputError
from isic_mmdet.prepare.official import prepare as prepare_sources
from isic_mmdet.prepare.report import format_report
from tests.support.official_files import (
    FOLDERS,
    Official,
    annotations,
    isic,
    jpeg,
    lesion,
    picture,
    png,
    prepared_ids,
)


def prepare(*args: object, **options: object) -> dict:
    return prepare_sources(*args, **{'workers': 1, **options})


def images_of(out: Path, split: str) -> list[dict]:
    return json.loads((out / f'annotations/{split}.json').read_text())['images']


def problem_kinds(report: dict) -> dict[str, int]:
    return report['errors']['counts']


@pytest.fixture
def official(tmp_path: Path) -> Official:
    made = Official(tmp_path / 'raw', 2018)
    made.add(*range(1, 9))
    made.add(11, 12, split='val')
    made.add(21, 22, 23, split='test')
    return made


@pytest.fixture
def official_2017(tmp_path: Path) -> Official:
    made = Official(tmp_path / 'raw', 2017)
    made.add(1, 2, 3)
    made.add(4, split='val')
    made.add(5, split='test')
    made.label({1: (1, 0), 2: (0, 1), 3: (0, 0)})
    made.label({4: (0, 0)}, 'Validation')
    made.label({5: (1, 0)}, 'Test_v2')
    return made


def test_what_is_written_is_what_the_data_set_expects(official: Official, tmp_path: Path) -> None:
    out = tmp_path / 'out'
    report = prepare(2018, [official.root], out)
    coco = COCO(out / 'annotations/train.json')
    assert coco.loadCats(coco.getCatIds()) == [{'id': 1, 'name': 'lesion'}]
    assert coco.getImgIds() == list(range(1, 9))
    assert [image['isic_id'] for image in coco.imgs.values()] == [isic(n) for n in range(1, 9)]
    for image in coco.imgs.values():
        (annotation,) = coco.imgToAnns[image['id']]
        assert image['file_name'] == f'{image["isic_id"]}.jpg'
        assert (out / 'images' / image['file_name']).is_file()
        assert (out / image['original_mask']).is_file()
        assert (image['original_height'], image['original_width']) == (60, 80)
        assert np.array_equal(coco.annToMask(annotation) > 0, lesion() > 128)
        assert annotation['area'] == (lesion() > 128).sum()
        assert annotation['iscrowd'] == 0
    assert prepared_ids(out)['val'] == [isic(11), isic(12)]
    assert prepared_ids(out)['test'] == [isic(21), isic(22), isic(23)]
    assert problem_kinds(report) == {}
    assert json.loads((out / 'prepare_report.json').read_text()) == report


def test_classes_of_2017(official_2017: Official, tmp_path: Path) -> None:
    metadata = 'image_id,age_approximate,sex\nISIC_0000001,60,male\nISIC_0000002,unknown,unknown\n'
    name = 'ISIC-2017_Training_Data_metadata.csv'
    (official_2017.root / FOLDERS[2017, 'train'][0] / name).write_text(metadata)
    diagnosis, one_class = tmp_path / 'diagnosis', tmp_path / 'lesion'
    report = prepare(2017, [official_2017.root], diagnosis)
    coco = COCO(diagnosis / 'annotations/train.json')
    names = [coco.cats[a['category_id']]['name'] for a in coco.anns.values()]
    assert names == ['melanoma', 'benign', 'benign']
    assert report['splits']['train']['classes'] == {'benign': 2, 'melanoma': 1}
    prepare(2017, [official_2017.root], one_class, classes='lesion')
    coco = COCO(one_class / 'annotations/train.json')
    assert {a['category_id'] for a in coco.anns.values()} == {1}
    for out in (diagnosis, one_class):
        known = [
            {k: i[k] for k in ('diagnosis', 'age', 'sex') if k in i}
            for i in images_of(out, 'train')
        ]
        assert known == [
            {'diagnosis': 'melanoma', 'age': 60, 'sex': 'male'},
            {'diagnosis': 'seborrheic_keratosis'},
            {'diagnosis': 'nevus'},
        ]


def test_a_missing_label_is_a_problem_only_where_it_is_needed(
    official_2017: Official, tmp_path: Path
) -> None:
    official_2017.label({1: (1, 0), 2: (1, 1)})
    report = prepare(2017, [official_2017.root], tmp_path / 'a')
    assert problem_kinds(report) == {'bad label': 1, 'label missing': 2}
    assert prepared_ids(tmp_path / 'a')['train'] == [isic(1)]
    (official_2017.root / 'ISIC-2017_Training_Part3_GroundTruth.csv').unlink()
    report = prepare(2017, [official_2017.root], tmp_path / 'b', classes='lesion')
    assert problem_kinds(report) == {}
    assert report['splits']['train']['diagnoses'] == {'unknown': 3}


@pytest.fixture
def official_2016(tmp_path: Path) -> Official:
    made = Official(tmp_path / 'raw', 2016)
    made.add(*range(1, 21))
    made.add(31, 32, split='test')
    return made


def test_2016_draws_validation_from_its_training_part(
    official_2016: Official, tmp_path: Path
) -> None:
    report = prepare(2016, [official_2016.root], tmp_path / 'out')
    ids = prepared_ids(tmp_path / 'out')
    assert ids['test'] == [isic(31), isic(32)]
    assert sorted(ids['train'] + ids['val']) == [isic(number) for number in range(1, 21)]
    assert len(ids['val']) == 3  # 15 % of 20
    (note,) = report['notes']
    assert '3 of the 20 official training images' in note
    assert 'seed 0' in note
    assert 'val' in format_report(report)
    with pytest.raises(InputError, match='2016 is prepared with the one class'):
        prepare(2016, [official_2016.root], tmp_path / 'other', classes='diagnosis')

    # Three images of one lesion in training, and one training image that is in test too.
    official_2016.add(2, 3, image=jpeg(picture(1)))
    official_2016.add(4, image=jpeg(picture(31)))
    drawn = []
    for name, seed in enumerate((0, 0, *range(1, 8))):
        out = tmp_path / str(name)
        prepare(2016, [official_2016.root], out, seed=seed)
        ids = prepared_ids(out)
        assert len({isic(number) in ids['val'] for number in (1, 2, 3)}) == 1
        assert isic(4) not in ids['train'] + ids['val']
        drawn.append(ids['val'])
    assert drawn[0] == drawn[1] != drawn[2]


def test_workers_zips_and_order_do_not_change_a_byte(official: Official, tmp_path: Path) -> None:
    zips = official.zip_up(tmp_path / 'zips')
    sources = sorted(official.root.iterdir())
    written = []
    for source, workers in ((sources, 1), (sources[::-1], 2), ([zips], 3)):
        out = tmp_path / f'{workers} workers'
        prepare(2018, source, out, resize='max-side=40', workers=workers)
        images = {path.name: path.read_bytes() for path in (out / 'images').iterdir()}
        written.append((annotations(out), images))
    assert written[0] == written[1] == written[2]
    assert len(images) == 13
    assert str(tmp_path) not in str(written[0])


def test_errors_are_collected_and_the_rest_is_prepared(official: Official, tmp_path: Path) -> None:
    official.mask_path(1).unlink()
    official.image_path(2).unlink()
    official.mask_path(3).write_bytes(png(lesion(50, 50)))
    official.mask_path(4).write_bytes(png(lesion() * 0))
    official.image_path(5).write_bytes(official.image_path(5).read_bytes()[:-50])
    official.mask_path(6).write_bytes(png(np.where(lesion() > 0, 250, 5).astype(np.uint8)))
    official.add(7, split='test', image=b'')
    out = tmp_path / 'out'
    report = prepare(2018, [official.root], out, workers=2)
    assert problem_kinds(report) == {
        'empty mask': 1,
        'found twice': 1,
        'gray mask': 1,
        'missing image': 1,
        'missing mask': 1,
        'size mismatch': 1,
        'unreadable image': 1,
    }
    assert prepared_ids(out)['train'] == [isic(6), isic(8)]
    assert report['splits']['train']['gray_masks'] == 1
    assert [problem['left_out'] for problem in report['errors']['list']].count(False) == 1

    text = format_report(report)
    for number, kind in ((1, 'missing mask'), (5, 'unreadable image'), (6, 'gray mask')):
        assert f'{isic(number)}: {kind}' in text
    assert 'errors: 7, 6 of them pairs skipped' in text

    with pytest.raises(InputError, match=r'7 errors, .*drop --strict') as caught:
        prepare(2018, [official.root], out, strict=True)
    assert len(caught.value.errors) == 7
    assert not list((out / 'annotations').iterdir())
    assert json.loads((out / 'prepare_report.json').read_text())['annotations_written'] is False


def test_nothing_left_to_train_on(official: Official, tmp_path: Path) -> None:
    for number in range(1, 9):
        official.mask_path(number).write_bytes(b'')
    with pytest.raises(InputError, match='no pair remains for train') as caught:
        prepare(2018, [official.root], tmp_path / 'out')
    assert len(caught.value.errors) == 8
    shutil.rmtree(official.root / FOLDERS[2018, 'train'][0])
    with pytest.raises(InputError, match='no pair remains for train'):
        prepare(2018, [official.root], tmp_path / 'other')
    assert not (tmp_path / 'other').exists()  # known before any image was opened


def test_the_same_id_in_two_official_parts_is_an_error(official: Official, tmp_path: Path) -> None:
    official.add(8, split='test')
    with pytest.raises(InputError, match='same ids are in two official parts') as caught:
        prepare(2018, [official.root], tmp_path / 'out')
    assert len(caught.value.errors) == 1
    assert isic(8) in caught.value.errors[0]


def test_id_lists(official: Official, tmp_path: Path) -> None:
    lists = tmp_path / 'lists'
    lists.mkdir()
    (lists / 'train.txt').write_text(f'{isic(21)}\n{isic(1)}\n{isic(99)}\n')
    (lists / 'test.txt').write_text(f'{isic(11)}\n{isic(2)}\n')
    official.mask_path(2).unlink()
    official.mask_path(3).unlink()  # in no list, so no error
    out = tmp_path / 'out'
    report = prepare(2018, [official.root], out, split=lists)
    assert prepared_ids(out) == {'train': [isic(1), isic(21)], 'test': [isic(11)]}
    assert problem_kinds(report) == {'listed but not found': 1, 'missing mask': 1}
    assert report['notes'][0].endswith('holds no val.txt, and val.json is not written')
    assert report['notes'][1] == '8 pairs are in none of the id lists'
    assert sorted(path.stem for path in (out / 'images').iterdir()) == [isic(1), isic(11), isic(21)]


def test_near_duplicates_never_straddle_a_split(official: Official, tmp_path: Path) -> None:
    twin = jpeg(picture(21, 120, 160))  # the test image 21 at another size
    official.add(1, image=twin, mask=png(lesion(120, 160)))
    official.add(12, split='val', image=twin, mask=png(lesion(120, 160)))
    official.add(2, image=jpeg(picture(11)))
    out = tmp_path / 'out'
    report = prepare(2018, [official.root], out)
    assert prepared_ids(out)['test'] == [isic(21), isic(22), isic(23)]
    assert prepared_ids(out)['val'] == [isic(11)]
    assert prepared_ids(out)['train'] == [isic(number) for number in range(3, 9)]
    left_out = {entry['isic_id'] for entry in report['near_duplicates']['left_out']}
    assert left_out == {isic(1), isic(2), isic(12)}
    assert 'near-duplicate, out of train' in format_report(report)
    for seed in range(6):
        prepare(2018, [official.root], out, split='ratio', seed=seed)
        ids = prepared_ids(out)
        assert {name: len(members) for name, members in ids.items()} == {
            'train': 8,
            'val': 2,
            'test': 3,
        }
        split_of = {i: name for name, members in ids.items() for i in members}
        assert len(split_of) == 13
        assert split_of[isic(1)] == split_of[isic(12)] == split_of[isic(21)]
        assert split_of[isic(2)] == split_of[isic(11)]


def test_another_foreground_redoes_the_pairs(official: Official, tmp_path: Path) -> None:
    mask = lesion()
    mask[25:35] -= mask[25:35] // 4  # 192: lesion for the challenge, not from 255 on
    official.add(1, mask=png(mask))
    out = tmp_path / 'out'
    stored = out / f'original_masks/{isic(1)}_segmentation.png'
    areas, reports = [], []
    for foreground in (129, 255, 129):
        report = prepare(2018, [official.root], out, foreground=foreground)
        coco = COCO(out / 'annotations/train.json')
        areas.append(coco.imgToAnns[1][0]['area'])
        reports.append(report)
        expected = mask >= foreground
        assert np.array_equal(coco.annToMask(coco.imgToAnns[1][0]) > 0, expected)
        assert np.array_equal(np.asarray(Image.open(stored)) > 128, expected)
        assert coco.dataset['info']['foreground'] == foreground
        assert report['options']['foreground'] == foreground
        assert problem_kinds(report) == {'gray mask': 1}
        assert f'lesion from gray {foreground}' in format_report(report)
    assert areas[0] == areas[2] > areas[1]
    assert stored.read_bytes() == official.mask_path(1).read_bytes()
    assert any('13 pairs of an earlier run had another' in note for note in reports[1]['notes'])
    notes = ['original_masks hold 255' in str(report['notes']) for report in reports]
    assert notes == [False, True, False]


def test_a_smaller_selection_leaves_no_stale_annotations(
    official: Official, tmp_path: Path
) -> None:
    out = tmp_path / 'out'
    prepare(2018, [official.root], out)
    (out / 'annotations/mine.txt').write_text('stays')
    (tmp_path / 'train.txt').write_text(isic(1))
    report = prepare(2018, [official.root], out, split=tmp_path)
    assert {path.name for path in (out / 'annotations').iterdir()} == {'train.json', 'mine.txt'}
    assert [image['isic_id'] for image in images_of(out, 'train')] == [isic(1)]
    assert any('12 images of an earlier run' in note for note in report['notes'])


def test_a_full_disk_is_the_users_problem(
    official: Official, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr('isic_mmdet.prepare.convert.write_atomically', full)
    with pytest.raises(InputError, match=r'out cannot be written \(No space left'):
        prepare(2018, [official.root], tmp_path / 'out')


def test_unfitting_settings_come_all_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        prepare(
            2015, [], tmp_path, classes='nevus', workers=0, duplicate_distance=300, foreground=0
        )
    assert len(caught.value.errors) == 5


@pytest.mark.shared_data
def test_real_full_size_pairs(shared: Path, tmp_path: Path) -> None:
    report = prepare(
        2017, [shared / 'isic2017_fullsize'], tmp_path / 'out', resize='quarter', workers=2
    )
    assert problem_kinds(report) == {}
    assert report['splits']['train']['classes'] == {'benign': 30, 'melanoma': 10}
    assert report['splits']['val']['images'] == 6
    assert report['splits']['val']['original_size']['max'] == [4288, 2848]
    assert report['splits']['val']['prepared_size']['max'] == [1072, 712]


def test_images_that_are_stored_turned_are_noted(official: Official, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    for number in (1, 21):
        split = 'train' if number == 1 else 'test'
        official.add(number, split=split, image=jpeg(picture(number), exif=exif))
    report = prepare(2018, [official.root], tmp_path / 'out')
    assert report['stored_turned'] == {isic(1): 3, isic(21): 3}
    (note,) = report['notes']
    assert note.startswith(
        f'2 images are stored turned or mirrored (EXIF orientation), such as {isic(1)}'
    )


def test_full_and_inverted_masks_are_noted(official: Official, tmp_path: Path) -> None:
    official.add(1, mask=png(np.full((60, 80), 255, np.uint8)))
    report = prepare(2018, [official.root], tmp_path / 'a')
    assert problem_kinds(report) == {'full mask': 1}
    assert not report['notes']
    official.add(*range(2, 9), mask=png(255 - lesion()))
    report = prepare(2018, [official.root], tmp_path / 'b')
    (note,) = report['notes']
    assert 'in 8 of 13 masks more than half is lesion' in note
