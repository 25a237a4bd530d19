import numpy as np
import pytest
from PIL import Image, ImageDraw
from pycocotools import mask as coco_mask

from isic_mmdet.errors import InputError
from isic_mmdet.prepare.own.coco_file import read_coco
from isic_mmdet.prepare.own.labelme import read_labelme
from isic_mmdet.prepare.own.outlines import (
    AnnotatedImage,
    Ellipse,
    Lesion,
    Polygon,
    RunLengths,
    draw,
    draw_lesions,
    part_problem,
)
from isic_mmdet.prepare.own.via import read_via
from tests.support.annotation_exports import coco, labelme, mutations, ring, via2, via3, write


def lesion(*parts):
    return Lesion('lesion', parts)


def blob(seed):
    random = np.random.default_rng(seed)
    angles = np.sort(random.uniform(0, 2 * np.pi, 12))
    radii = random.uniform(8, 30, 12)
    points = np.stack([60 + radii * np.cos(angles), 40 + radii * np.sin(angles)], 1)
    return tuple(points.ravel().tolist())


@pytest.mark.parametrize('seed', range(5))
def test_polygons_are_those_of_a_supersampled_drawing(seed):
    points = blob(seed)
    large = Image.new('L', (120 * 8, 80 * 8))
    ImageDraw.Draw(large).polygon([8 * value for value in points], fill=1)
    coverage = np.asarray(large).reshape(80, 8, 120, 8).mean((1, 3))
    mask = draw(lesion(Polygon(points)), 80, 120)
    assert mask[coverage == 1].all()
    assert not mask[coverage == 0].any()


def test_several_polygons_are_a_union_as_pycocotools_reads_them():
    first, second = blob(1), blob(2)
    merged = coco_mask.merge(coco_mask.frPyObjects([list(first), list(second)], 80, 120))
    drawn = draw(lesion(Polygon(first), Polygon(second)), 80, 120)
    assert np.array_equal(drawn, coco_mask.decode(merged) > 0)


def test_holes_of_run_lengths_stay():
    code = coco_mask.encode(np.asfortranarray(ring().astype(np.uint8)))
    compressed = RunLengths([60, 40], code['counts'].decode())
    assert np.array_equal(draw(lesion(compressed), 60, 40), ring())


def test_an_ellipse_has_its_area_and_is_cut_at_the_border():
    inside = draw(lesion(Ellipse(60, 40, 30, 15, 0.4)), 80, 120)
    assert inside.sum() == pytest.approx(np.pi * 30 * 15, rel=0.01)
    assert draw(lesion(Ellipse(0, 40, 20, 20)), 80, 120).sum() == pytest.approx(
        np.pi * 200, rel=0.02
    )
    tall = draw(lesion(Ellipse(60, 40, 30, 10, np.pi / 2)), 80, 120)
    assert np.ptp(np.flatnonzero(tall.any(axis=1))) == pytest.approx(59, abs=1)


def test_a_rounding_pixel_outside_is_cut():
    square = Polygon((-1, -1, 11, -1, 11, 11, -1, 11))
    assert part_problem(square, 10, 10) is None
    assert draw(lesion(square), 10, 10).all()


@pytest.mark.parametrize(
    ('part', 'kind'),
    [
        (Polygon((1, 1, 5, 5)), 'too few points'),
        (Polygon(()), 'too few points'),
        (Polygon((1, 1, 14, 1, 5, 5)), 'outside the image'),
        (Polygon((1, 1, 5, 1, 5, -3)), 'outside the image'),
        (Ellipse(5, 5, 0, 3), 'bad outline'),
        (RunLengths([10, 11], [110]), 'bad run lengths'),
        (RunLengths([10, 10], [50, 49]), 'bad run lengths'),
        (RunLengths([10, 10], [100]), 'bad run lengths'),
        (RunLengths([10, 10], None), 'bad run lengths'),
    ],
)
def test_what_cannot_be_drawn_has_a_name(part, kind):
    assert part_problem(part, 10, 10)[0] == kind


def test_several_lesions_give_a_mask_each_and_a_repeated_one_counts_once():
    first = Lesion('nevus', (Polygon((0, 0, 4, 0, 4, 4, 0, 4)),))
    second = Lesion('nevus', (Polygon((5, 5, 9, 5, 9, 9, 5, 9)),))
    drawn = draw_lesions(AnnotatedImage('a.jpg', None, (first, second, first)), 10, 10)
    assert [mask.sum() for mask in drawn] == [16, 16]


def test_masks_have_the_size_that_the_export_states():
    square = Lesion('nevus', (Polygon((0, 0, 4, 0, 4, 4, 0, 4)),))
    assert draw_lesions(AnnotatedImage('a.jpg', (7, 9), (square,)), 9, 7)[0].shape == (7, 9)
    problem = draw_lesions(AnnotatedImage('a.jpg', (2**31 - 1, 2**31 - 1), (square,)), 9, 7)
    assert problem[0] == 'wrong size'
    assert 'the image has 7 x 9' in problem[1]


def test_an_outline_between_pixels_is_empty():
    thin = Lesion('nevus', (Polygon((1.1, 1.1, 1.2, 1.1, 1.2, 1.2)),))
    assert draw_lesions(AnnotatedImage('a.jpg', None, (thin,)), 10, 10)[0] == 'empty outline'


def _export(kind, content, folder):
    if kind == 'labelme':
        for name, each in content.items():
            write(folder / name.replace('\0', '_')[:50], each)
        return read_labelme(folder)
    path = write(folder / 'export.json', content)
    return read_coco(path) if kind == 'coco' else read_via(path)


def _masks(export):
    sizes = {'one.jpg': (40, 60), 'two.png': (60, 40)}
    found = {}
    for image in export.images:
        name = image.file_name.rpartition('/')[2]
        drawn = draw_lesions(image, *sizes.get(name, (60, 60)))
        if isinstance(drawn, list) and name in sizes:
            found[name] = [(mask.tobytes(), image.lesions[0].category) for mask in drawn]
    return found


CASES = {'coco': coco, 'labelme': labelme, 'via2': via2, 'via3': via3}


@pytest.mark.parametrize('kind', CASES)
def test_a_damaged_export_never_gives_another_mask(kind, tmp_path):
    truth = _masks(_export(kind, CASES[kind](), tmp_path / 'sound'))
    assert sorted(truth) == ['one.jpg', 'two.png']
    categories = {'nevus', 'melanoma'}
    tried = refused = 0
    for name, changed in mutations(CASES[kind]()):
        tried += 1
        try:
            export = _export(kind, changed, tmp_path / 'changed')
        except InputError:
            refused += 1
            continue
        refused += bool(export.errors)
        for image, lesions in _masks(export).items():
            if lesions == truth[image]:
                continue
            # Another name of a class, which the report shows, is all that may differ.
            assert [mask for mask, _ in lesions] == [mask for mask, _ in truth[image]], name
            assert not {category for _, category in lesions} <= categories, name
    assert tried > 100
    assert refused > 10


@pytest.mark.parametrize('kind', ['coco', 'via2', 'via3'])
@pytest.mark.parametrize('data', [b'', b'[', b'[1]', b'null', b'"x"', b'\xff\xfe', b'[' * 10000])
def test_what_is_no_export_is_refused(kind, data, tmp_path):
    path = tmp_path / 'export.json'
    path.write_bytes(data)
    with pytest.raises(InputError, match=r'export\.json'):
        read_coco(path) if kind == 'coco' else read_via(path)
