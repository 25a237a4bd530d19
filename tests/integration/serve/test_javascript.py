"""The computations of the page, compared with NumPy, OpenCV and zipfile."""

import base64
import io
import json
import zipfile

import cv2
import numpy as np
import pytest

from isic_mmdet.evaluation.scores import confusion, dice, jaccard
from isic_mmdet.masks.bit_mask import BitMask
from isic_mmdet.masks.paste import BoxCells, paste_probability
from isic_mmdet.serve.lesion import Lesion


def call(page, module, expression):
    """Return the value of an expression in which `m` is a module of the page."""
    return page.run(f"import('/{module}').then(async (m) => {expression})")


def lesion(seed, views=1, shape=(150, 210)):
    random = np.random.default_rng(seed)
    boxes = random.uniform((-20, -20, 100, 90), (60, 50, 240, 170), (views, 4))
    cells = [cv2.GaussianBlur(random.random((28, 28), np.float32), (0, 0), 2) for _ in boxes]
    cells = [(c - c.min()) / (c.max() - c.min()) for c in cells]
    made = [BoxCells(c, tuple(b.tolist())) for c, b in zip(cells, boxes, strict=True)]
    return Lesion(made, views + 1, shape, 1)


@pytest.mark.parametrize(('seed', 'views'), [(0, 1), (1, 1), (2, 3)])
def test_probabilities_are_those_of_the_server(page, seed, views):
    made = lesion(seed, views)
    expected = paste_probability(made.views, made.number, made.shape)
    sent = json.dumps(made.to_json())
    found = call(page, 'paste.js', f'Array.from(m.probabilities({sent}, 1024).values)')
    np.testing.assert_allclose(np.reshape(found, made.shape), expected, atol=1e-6)


def test_probabilities_of_a_large_image_are_those_at_the_middles_of_larger_pixels(page):
    made = lesion(3, shape=(1500, 2000))
    views = [BoxCells(v.cells, tuple(np.multiply(v.box, 9))) for v in made.views]
    made = Lesion(views, 1, made.shape, 1)
    sent = json.dumps(made.to_json())
    found = call(
        page,
        'paste.js',
        f'[(p => [p.width, p.height, ...p.values])(m.probabilities({sent}, 400))][0]',
    )
    assert found[:2] == [400, 300]
    exact = paste_probability(made.views, 1, made.shape).reshape(300, 5, 400, 5)[:, 2, :, 2]
    np.testing.assert_allclose(np.reshape(found[2:], (300, 400)), exact, atol=1e-6)


def rings_of(page, values, level):
    return call(page, 'contour.js', f'm.outlines({grid(values)}, {level})')


def grid(values):
    """The expression for a map of values."""
    height, width = values.shape
    numbers = f'Float32Array.from({values.ravel().tolist()})'
    return f'{{width: {width}, height: {height}, values: {numbers}}}'


@pytest.mark.parametrize('seed', range(4))
def test_outlines_hold_the_pixels_above_the_level_and_no_others(page, seed):
    made = lesion(seed, shape=(40, 50))
    views = [BoxCells(v.cells, tuple(np.multiply(v.box, 0.25))) for v in made.views]
    values = paste_probability(views, 1, made.shape)
    rings = rings_of(page, values, 0.4)
    # The number of times that rings run around the middle of a pixel says whether it is inside.
    inside = np.zeros(values.shape, int)
    for ring in rings:
        corners = np.reshape(ring, (-1, 1, 2)).astype(np.float32)
        for y, x in np.ndindex(values.shape):
            inside[y, x] += cv2.pointPolygonTest(corners, (x + 0.5, y + 0.5), False) > 0
    np.testing.assert_array_equal(inside % 2 == 1, values > 0.4)
    assert len(rings) > 0
    assert np.concatenate(rings).min() >= 0


def test_outlines_of_corners_that_touch_and_of_a_hole(page):
    values = np.zeros((7, 8))
    values[1:3, 1:3] = values[3:5, 3:5] = 1  # they share a corner
    values[1:6, 5:8] = 1
    values[3, 6] = 0
    rings = rings_of(page, values, 0.5)
    areas = sorted(
        cv2.contourArea(np.reshape(r, (-1, 1, 2)).astype(np.float32), True) for r in rings
    )
    assert areas[0] < 0 < areas[1], 'a hole runs the other way round'
    assert rings_of(page, np.zeros((4, 4)), 0.5) == []
    assert len(rings_of(page, np.ones((1, 1)), 0.5)) == 1


def test_diameters_are_those_of_brute_force(page):
    random = np.random.default_rng(5)
    for turn in range(5):
        angles = np.sort(random.uniform(0, 2 * np.pi, 40))
        radii = random.uniform(20, 60, 40) * (1, 0.4)[turn % 2]
        points = np.stack([100 + 2 * radii * np.cos(angles), 80 + radii * np.sin(angles)], 1)
        small = np.array([[0, 0], [3, 0], [3, 3], [0, 3]], float)
        rings = [small.ravel().tolist(), points.ravel().tolist()]
        measured = call(page, 'measure.js', f'm.diameters({rings})')
        apart = points[:, None] - points
        lengths = np.hypot(*np.moveaxis(apart, 2, 0))
        longest = lengths.max()
        assert measured['longest'] == pytest.approx(longest)
        i, j = np.unravel_index(lengths.argmax(), lengths.shape)
        along = apart[i, j] / longest
        aside = np.array([-along[1], along[0]])
        assert measured['across'] == pytest.approx(widest(points @ along, points @ aside))
        (x1, y1, x2, y2), (u1, v1, u2, v2) = measured['lines']
        assert np.hypot(x2 - x1, y2 - y1) == pytest.approx(longest)
        assert np.hypot(u2 - u1, v2 - v1) == pytest.approx(measured['across'])
        assert (x2 - x1) * (u2 - u1) + (y2 - y1) * (v2 - v1) == pytest.approx(0, abs=1e-6)


def widest(along, aside):
    """The longest of all chords across, through the corners of a ring and close to them."""
    best = 0
    for place in np.concatenate([along, along + 1e-9, along - 1e-9]):
        ends = [
            b0 + (b1 - b0) * (place - a0) / (a1 - a0)
            for a0, a1, b0, b1 in zip(
                along, np.roll(along, 1), aside, np.roll(aside, 1), strict=True
            )
            if min(a0, a1) <= place <= max(a0, a1) and a0 != a1
        ]
        best = max(best, np.ptp(ends) if ends else 0)
    return best


def test_diameters_of_an_ellipse(page):
    y, x = np.mgrid[:200, :300] + 0.5
    turned = (x - 150) * 0.8 + (y - 100) * 0.6, (y - 100) * 0.8 - (x - 150) * 0.6
    values = 1 - np.hypot(turned[0] / 90, turned[1] / 40) / 2
    rings = f"(await import('/contour.js')).outlines({grid(values)}, 0.5)"
    measured = call(page, 'measure.js', f'm.diameters({rings})')
    assert measured['longest'] == pytest.approx(180, abs=0.1)
    assert measured['across'] == pytest.approx(80, abs=0.1)


def test_overlap_is_that_of_the_metrics(page):
    random = np.random.default_rng(1)
    for shares in ((0.3, 0.5), (0.0, 0.5), (0.0, 0.0), (1.0, 1.0)):
        found, truth = (random.random((30, 40)) < share for share in shares)
        counts = confusion(BitMask.of(truth), BitMask.of(found))
        measured = call(
            page, 'measure.js', f'm.overlap({found.sum()}, {truth.sum()}, {(found & truth).sum()})'
        )
        assert measured == {'iou': jaccard(counts), 'dice': dice(counts)}


def test_zips_are_those_that_python_reads(page):
    random = np.random.default_rng(0)
    files = {
        'a_segmentation.png': random.bytes(1000),
        'Läsion 2.png': b'',
        'ü/b.jpg': random.bytes(70_000),
    }
    sent = [[name, base64.b64encode(data).decode()] for name, data in files.items()]
    zipped = call(
        page,
        'zip.js',
        f"""{{
            const files = {json.dumps(sent)}.map(([name, data]) => (
                {{ name, blob: new Blob([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))]) }}));
            const bytes = new Uint8Array(await (await m.zipOf(files)).arrayBuffer());
            let text = '';
            for (const byte of bytes) text += String.fromCharCode(byte);
            return btoa(text);
        }}""",
    )
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(zipped))) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == files
