import pickle
from pathlib import Path

import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.prepare.own.annotated import annotated_images
from isic_mmdet.prepare.own.outlines import AnnotatedImage, Export, ExportError, Lesion, Polygon
from isic_mmdet.prepare.truth import TruthError

SQUARE = Polygon((0, 0, 4, 0, 4, 4, 0, 4))
FAR = Polygon((5, 5, 9, 5, 9, 9, 5, 9))
IMAGES = {name: SourceFile(Path(f'{name}.jpg'), None, 1, 1) for name in ('a/one', 'b/one', 'two')}


def image(name, *parts, category='nevus', size=None):
    lesions = tuple(Lesion(category, (part,)) for part in parts or (SQUARE,))
    return AnnotatedImage(name, size, lesions)


def found(*images, errors=(), one_lesion=False):
    export = Export(list(images), [ExportError(*error) for error in errors])
    return annotated_images(export, 'export.json', IMAGES, one_lesion)


def test_every_entry_finds_its_image_and_its_masks():
    result = found(image('two.jpg', SQUARE, FAR), image('photos/a/one.png', category='mel'))
    assert list(result.samples) == ['a/one', 'two']
    assert result.categories == {'a/one': ['mel'], 'two': ['nevus']}
    truth = pickle.loads(pickle.dumps(result.samples['two'].truth))
    assert [lesion.mask.area() for lesion in truth.read(10, 10).lesions] == [16, 16]
    assert 'b/one' in result.notes[0]


def test_outlines_can_be_one_lesion():
    truth = found(image('two.jpg', SQUARE, FAR), one_lesion=True).samples['two'].truth
    assert [lesion.mask.area() for lesion in truth.read(10, 10).lesions] == [32]


def test_another_outline_or_option_makes_another_sample():
    entries = [image('two', SQUARE), image('two', FAR), image('two', SQUARE, size=(10, 10))]
    identities = {found(entry).samples['two'].truth.identity for entry in entries}
    identities.add(found(entries[0], one_lesion=True).samples['two'].truth.identity)
    assert len(identities) == 4


def test_an_outline_that_cannot_be_drawn_names_export_and_image():
    truth = found(image('two.jpg', size=(20, 20))).samples['two'].truth
    with pytest.raises(TruthError) as caught:
        truth.read(10, 10)
    assert caught.value.kind == 'wrong size'
    assert caught.value.detail.startswith('export.json, two.jpg: ')


def test_all_errors_have_the_id_of_their_image():
    result = found(
        image('two.jpg'),
        image('three.jpg'),
        image('one.jpg'),
        image('a/one.jpg'),
        image('photos/a/one.jpg'),
        errors=[('b/one.jpg', 'no outline', 'draw it'), ('annotation 9', 'unknown image', '?')],
    )
    assert list(result.samples) == ['two']
    assert sorted((error.isic_id, error.kind) for error in result.errors) == [
        ('a/one', 'annotated twice'),
        ('annotation 9', 'unknown image'),
        ('b/one', 'no outline'),
        ('one.jpg', 'ambiguous image'),
        ('three.jpg', 'unknown image'),
    ]


def test_an_export_of_other_images_is_refused():
    with pytest.raises(InputError, match=r'names three\.jpg, and the images .* a/one'):
        found(image('three.jpg'))
