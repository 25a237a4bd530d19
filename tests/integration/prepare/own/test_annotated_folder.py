"""Own images with exports of annotation tools, prepared as users do it."""

import itertools
import json
import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from isic_mmdet.errors import InputError
from isic_mmdet.masks.resize import parse_rule
from isic_mmdet.prepare.own.annotated_folder import AnnotationSource, prepare_annotations
from isic_mmdet.prepare.own.choices import Choices
from isic_mmdet.prepare.run import Options
from tests.support.annotation_exports import coco, labelme, mutations, via2, via3, write

SIZE = 48, 40


def photo(path: Path, seed: int, size: tuple[int, int] = SIZE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), np.uint8)
    Image.fromarray(pixels).save(path)


def square(number: int) -> list[float]:
    left, top = 2 + number, 3 + number
    return [left, top, left + 9, top, left + 9, top + 11, left, top + 11]


@pytest.fixture
def folder(tmp_path):
    """Twelve photos, a COCO file with one lesion each and a second one in the first, and labels."""
    images, annotations = [], []
    for n in range(12):
        photo(tmp_path / f'photos/{"ab"[n % 2]}/{n:02d}.png', n)
        name = f'{"ab"[n % 2]}/{n:02d}.png'
        images.append({'id': n, 'file_name': name, 'width': SIZE[0], 'height': SIZE[1]})
        for outline in [square(n), square(20)][: 2 if n == 0 else 1]:
            number = len(annotations)
            annotations.append(
                {'id': number, 'image_id': n, 'category_id': 1 + n % 3 // 2}
                | {'segmentation': [outline], 'iscrowd': 0}
            )
    categories = [{'id': 1, 'name': 'nv'}, {'id': 2, 'name': 'mel'}]
    content = {'images': images, 'annotations': annotations, 'categories': categories}
    write(tmp_path / 'coco.json', content)
    rows = ['name;dx;patient', *(f'{n:02d}.png;{"xy"[n % 2]};p{n // 2}' for n in range(12))]
    (tmp_path / 'labels.csv').write_text('\r\n'.join(rows))
    return tmp_path


def prepared(folder, out='out', workers=1, one_lesion=False, **choices):
    source = AnnotationSource(folder / 'photos', folder / 'coco.json', one_lesion=one_lesion)
    options = Options(parse_rule('none'), workers)
    return prepare_annotations(source, folder / out, Choices(**choices), options)


def annotations(out):
    return {
        str(path.relative_to(out / 'annotations')): path.read_bytes()
        for path in sorted((out / 'annotations').rglob('*.json'))
    }


def content(out, split='train'):
    return json.loads((out / f'annotations/{split}.json').read_text())


def test_every_outline_is_an_instance_and_the_stored_mask_is_their_union(folder):
    prepared(folder, split='80/20')
    for split in ('train', 'val'):
        found = content(folder / 'out', split)
        for image in found['images']:
            number = int(image['isic_id'][2:])
            codes = [
                each['segmentation']
                for each in found['annotations']
                if each['image_id'] == image['id']
            ]
            polygons = [square(number), square(20)][: 2 if number == 0 else 1]
            truth = coco_mask.decode(coco_mask.frPyObjects(polygons, SIZE[1], SIZE[0]))
            assert np.array_equal(coco_mask.decode(codes), truth)
            stored = np.asarray(Image.open(folder / 'out' / image['original_mask']))
            assert np.array_equal(stored > 0, truth.any(axis=2))


def test_outlines_can_be_one_lesion(folder):
    prepared(folder, one_lesion=True, split='80/20')
    splits = [content(folder / 'out', split) for split in ('train', 'val')]
    assert sum(len(each['annotations']) for each in splits) == 12


def test_labels_of_a_table_replace_the_categories(folder):
    labels = {'labels': folder / 'labels.csv', 'id_column': 'name', 'label_column': 'dx'}
    prepared(folder, split='80/20', classes='y=melanoma,*=benign', **labels)
    found = content(folder / 'out')
    assert [each['name'] for each in found['categories']] == ['melanoma', 'benign']
    classes = {each['image_id']: each['category_id'] for each in found['annotations']}
    for image in found['images']:
        assert classes[image['id']] == (1 if int(image['isic_id'][2:]) % 2 else 2)


def test_workers_and_order_have_no_effect_and_folds_are_complete(folder):
    choices = {'labels': folder / 'labels.csv', 'id_column': 'name', 'group_column': 'patient'}
    prepared(folder, folds=3, **choices)
    first = annotations(folder / 'out')
    assert list(first)[:2] == ['fold0/train.json', 'fold0/val.json']
    export = json.loads((folder / 'coco.json').read_text())
    for part in export.values():
        random.Random(1).shuffle(part)
    write(folder / 'coco.json', export)
    prepared(folder, 'again', workers=2, folds=3, **choices)
    assert annotations(folder / 'again') == first
    names = {
        name: {image['isic_id'] for image in json.loads(data)['images']}
        for name, data in first.items()
    }
    pool = names['train.json'] | names['val.json']
    for k in range(3):
        train, val = names[f'fold{k}/train.json'], names[f'fold{k}/val.json']
        assert train | val == pool
        assert not train & val
        patients = [{int(name[2:]) // 2 for name in part} for part in (train, val)]
        assert not patients[0] & patients[1]


def test_annotations_of_other_choices_are_removed(folder):
    prepared(folder, folds=3)
    prepared(folder, split='80/20')
    assert list(annotations(folder / 'out')) == ['train.json', 'val.json']


def test_a_changed_outline_is_prepared_again(folder):
    prepared(folder, split='80/20')
    export = json.loads((folder / 'coco.json').read_text())
    export['annotations'][3]['segmentation'] = [square(9)]
    write(folder / 'coco.json', export)
    report = prepared(folder, split='80/20')
    assert any('11 pairs were finished by an earlier run' in note for note in report['notes'])


def test_skipped_images_are_listed_where_they_leave_too_few(folder):
    (folder / 'labels.csv').write_text('name,dx\n00.png,x')
    labels = {'labels': folder / 'labels.csv', 'id_column': 'name', 'label_column': 'dx'}
    with pytest.raises(
        InputError, match=r'do not make 3 parts(.|\n)*11 images were skipped'
    ) as caught:
        prepared(folder, **labels)
    assert 'a/02: bad label' in caught.value.errors[0]


def test_a_folder_without_images_is_refused(folder):
    source = AnnotationSource(folder / 'coco.json', folder / 'coco.json')
    with pytest.raises(InputError, match='holds no image; name the folder of the images: --images'):
        prepare_annotations(source, folder / 'out', Choices(), Options(parse_rule('none'), 1))


CASES = {
    'coco': (coco, lambda path: {'coco': path / 'export.json'}),
    'labelme': (labelme, lambda path: {'labelme': path}),
    'via2': (via2, lambda path: {'via': path / 'export.json'}),
    'via3': (via3, lambda path: {'via': path / 'export.json'}),
}


def written(folder: Path, export: dict, one_file: bool) -> Path:
    for name, part in {'export.json': export}.items() if one_file else export.items():
        write(folder / name, part)
    return folder


def truths(out: Path) -> dict[str, tuple]:
    """Return masks and classes of all prepared images by id."""
    found = {}
    for path in (out / 'annotations').glob('*.json'):
        split = json.loads(path.read_text())
        names = {each['id']: each['name'] for each in split['categories']}
        for image in split['images']:
            own = [each for each in split['annotations'] if each['image_id'] == image['id']]
            masks = tuple(each['segmentation']['counts'] for each in own)
            found[image['isic_id']] = masks, {names[each['category_id']] for each in own}
    return found


@pytest.mark.parametrize('kind', CASES)
def test_hostile_exports_give_a_message_and_no_other_mask(kind, tmp_path):
    make, source = CASES[kind]
    photo(tmp_path / 'photos/one.jpg', 0, (60, 40))
    photo(tmp_path / 'photos/two.png', 1, (40, 60))
    options = Options(parse_rule('none'), 1)

    def run(export):
        folder = written(tmp_path / 'export', export, kind != 'labelme')
        found = AnnotationSource(tmp_path / 'photos', **source(folder))
        prepare_annotations(found, tmp_path / 'out', Choices(split='50/50'), options)
        return truths(tmp_path / 'out')

    truth = run(make())
    assert sorted(truth) == ['one', 'two']
    for name, changed in itertools.islice(mutations(make()), 0, None, 3):
        try:
            found = run(changed)
        except InputError as error:
            assert str(error), name
            continue
        for image, (masks, _) in found.items():
            assert masks == truth[image][0], name


HOSTILE_CELLS = [
    '',
    '\0',
    '"',
    '";"',
    ';',
    ';;;',
    '\x1a',
    'é',
    '=1+1',
    '01.png\n',
    '99.png',
    'x' * 9,
]


def test_hostile_tables_give_a_message_and_no_other_class(folder):
    labels = {'labels': folder / 'labels.csv', 'id_column': 'name', 'label_column': 'dx'}
    original = (folder / 'labels.csv').read_text().splitlines()
    tried = 0
    for line, cell, text in itertools.product((0, 3, 7), (0, 1, 2), HOSTILE_CELLS):
        rows = [row.split(';') for row in original]
        rows[line][cell] = text
        (folder / 'labels.csv').write_text('\n'.join(';'.join(row) for row in rows), newline='')
        tried += 1
        try:
            prepared(folder, split='80/20', classes='x=one,y=two', **labels)
        except InputError as error:
            assert str(error)
            continue
        for name, (_, classes) in truths(folder / 'out').items():
            assert classes == {'two' if int(name[2:]) % 2 else 'one'}, (line, cell, text)
    assert tried == 108
