import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO

from isic_mmdet.deploy.predict.annotations import (
    coco_line,
    coco_names,
    coco_part,
    join_coco_parts,
    labelme_content,
)
from isic_mmdet.deploy.predict.lesions import FoundLesion
from isic_mmdet.deploy.segmentation import Segmentation
from isic_mmdet.errors import InputError
from isic_mmdet.images.sources import SourceFile

SHAPE = (50, 80)


def found(top: int, left: int, label: str = 'benign', hole: bool = False) -> FoundLesion:
    mask = np.zeros(SHAPE, bool)
    mask[top : top + 20, left : left + 30] = True
    if hole:
        mask[top + 5 : top + 10, left + 5 : left + 10] = False
    return FoundLesion(Segmentation(SHAPE, (), 1, 0.5, 0.75, label, None), mask)


def add(folder: Path, name: str, *lesions: FoundLesion, rank: int = 0) -> None:
    with coco_part(folder, rank) as part:
        part.add(coco_line(name, f'{name}.jpg', lesions, SHAPE))


def masks_of(path: Path) -> dict[str, list[np.ndarray]]:
    """Return the masks of every image as pycocotools draws them."""
    coco = COCO(path)
    return {
        image['file_name']: [
            coco.annToMask(each) > 0 for each in coco.loadAnns(coco.getAnnIds(image['id']))
        ]
        for image in coco.loadImgs(coco.getImgIds())
    }


def test_pycocotools_draws_the_masks_again(tmp_path):
    lesions = [found(3, 4), found(25, 40, 'melanoma', hole=True)]
    add(tmp_path, 'b/x', *lesions, rank=1)
    add(tmp_path, 'a')
    join_coco_parts(tmp_path, ('benign', 'melanoma'))
    assert [path.name for path in tmp_path.iterdir()] == ['annotations.json']
    drawn = masks_of(tmp_path / 'annotations.json')
    assert drawn['a.jpg'] == []
    for mask, lesion in zip(drawn['b/x.jpg'], lesions, strict=True):
        assert (mask & lesion.mask).sum() / (mask | lesion.mask).sum() > 0.99
    content = json.loads((tmp_path / 'annotations.json').read_text())
    assert content['categories'] == [{'id': 1, 'name': 'benign'}, {'id': 2, 'name': 'melanoma'}]
    annotation = content['annotations'][0]
    assert annotation['bbox'] == [4, 3, 30, 20]
    assert (annotation['area'], annotation['score'], annotation['category_id']) == (600, 0.75, 1)
    assert content['images'][1]['height'] == 50 and content['images'][1]['width'] == 80


def test_a_resumed_run_adds_to_the_file(tmp_path):
    add(tmp_path, 'a', found(3, 4))
    add(tmp_path, 'c', found(5, 6))
    join_coco_parts(tmp_path, ('benign',))
    before = masks_of(tmp_path / 'annotations.json')
    add(tmp_path, 'b', found(20, 20))
    add(tmp_path, 'c')  # predicted again
    assert coco_names(tmp_path) == {'a', 'b', 'c'}
    join_coco_parts(tmp_path, ('benign',))
    after = masks_of(tmp_path / 'annotations.json')
    assert list(after) == ['a.jpg', 'b.jpg', 'c.jpg']
    np.testing.assert_array_equal(after['a.jpg'], before['a.jpg'])
    assert len(after['b.jpg']) == 1 and after['c.jpg'] == []


def test_a_truncated_line_is_not_done(tmp_path):
    add(tmp_path, 'a', found(3, 4))
    part = tmp_path / '.annotations.0.jsonl'
    part.write_bytes(part.read_bytes() + b'{"name": "b", "im')
    assert coco_names(tmp_path) == {'a'}


@pytest.mark.parametrize(
    ('name', 'text'),
    [
        ('annotations.json', ''),
        ('annotations.json', '[]'),
        ('annotations.json', '{"images": 3}'),
        ('annotations.json', '{"images": [{"id": 1}], "annotations": [], "categories": []}'),
        ('annotations.json', '{"images": [], "annotations": [{}], "categories": []}'),
        ('annotations.json', '{"images": [], "annotations": [], "categories": [7]}'),
        ('.annotations.0.jsonl', 'x\n'),
        ('.annotations.0.jsonl', '{}\n'),
        ('.annotations.0.jsonl', '[1]\n'),
    ],
)
def test_a_file_of_another_program_is_refused(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=f'{name}: .*name another --out'):
        coco_names(tmp_path)


@pytest.mark.parametrize('member', [None, 'set/1.jpg'])
def test_a_labelme_file_names_its_image(tmp_path, member):
    path = tmp_path / 'out/labelme/x/1.json'
    image = SourceFile(tmp_path / ('set.zip' if member else 'photos/x/1.jpg'), member, 1, 0)
    content = labelme_content([found(3, 4, hole=True)], SHAPE, image, path)
    assert content['imagePath'] == ('1.jpg' if member else '../../../photos/x/1.jpg')
    assert (content['imageHeight'], content['imageWidth']) == SHAPE
    (shape,) = content['shapes']
    assert (shape['label'], shape['shape_type']) == ('benign', 'polygon')
    assert json.loads(json.dumps(content)) == content
    points = np.array(shape['points'])
    assert points.min(0).tolist() == [4, 3] and points.max(0).tolist() == [34, 23]
