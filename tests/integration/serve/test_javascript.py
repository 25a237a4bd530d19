"""The computations of the page, compared with NumPy, OpenCV and zipfile."""

import base64
import io
import json
import zipfile

import cv2
import numpy as np
import pytest

from isic_mmdet.evaluation.scores import confusion, dice, jaccard
from isic_mmdet.masks.binary_png import decode_binary_png
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


def expression(mask):
    """The expression for a mask of the page."""
    height, width = mask.shape
    values = f'Uint8Array.from({(255 * mask.astype(int)).ravel().tolist()})'
    return (
        f"(await import('/mask.js')).maskOf({{width: {width}, height: {height}, values: {values}}})"
    )


PIXELS = (
    '[((made) => Array.from({ length: made.height }, (_, y) => Array.from(m.bytesOf(made, y))))'
    '(%s)][0]'
)


def pixels_of(page, changed):
    """Return the pixels of a mask of the page as bool."""
    return np.array(call(page, 'mask.js', PIXELS % changed)) == 255


def blob(seed, shape=(40, 50)):
    noise = cv2.GaussianBlur(np.random.default_rng(seed).random(shape, np.float32), (0, 0), 4)
    return noise > np.median(noise)


@pytest.mark.parametrize('seed', range(3))
def test_runs_of_a_mask_are_its_pixels(page, seed):
    mask, other = blob(seed), blob(seed + 10)
    np.testing.assert_array_equal(pixels_of(page, expression(mask)), mask)
    assert call(page, 'mask.js', f'm.areaOf({expression(mask)})') == mask.sum()
    both = f'm.common({expression(mask)}, {expression(other)})'
    assert call(page, 'mask.js', both) == (mask & other).sum()
    inner = np.pad(mask, 1)
    for tested in (mask, inner):
        border = tested[[0, -1]].any() or tested[:, [0, -1]].any()
        assert call(page, 'mask.js', f'm.atBorder({expression(tested)})') == border


@pytest.mark.parametrize('seed', range(3))
def test_rings_run_along_the_borders_of_the_pixels(page, seed):
    mask = np.random.default_rng(seed).random((14, 17)) < 0.5  # with parts that share corners
    rings = call(page, 'rings.js', f'm.ringsOf({expression(mask)})')
    inside = np.zeros(mask.shape, int)
    for ring in rings:
        corners = np.reshape(ring, (-1, 1, 2)).astype(np.float32)
        way = np.abs(np.diff(np.vstack([corners[:, 0], corners[:1, 0]]), axis=0))
        assert (way.min(axis=1) == 0).all()
        turn = 1 if cv2.contourArea(corners, True) > 0 else -1
        for y, x in np.ndindex(mask.shape):
            hit = cv2.pointPolygonTest(corners, (x + 0.5, y + 0.5), False) > 0
            inside[y, x] += turn * hit
    np.testing.assert_array_equal(inside, mask)
    pieces, _ = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    outer = [r for r in rings if cv2.contourArea(np.reshape(r, (-1, 1, 2)).astype('f4'), True) > 0]
    assert len(outer) == pieces - 1


@pytest.mark.parametrize('is_lesion', [True, False])
@pytest.mark.parametrize(
    ('start', 'end', 'radius'),
    [
        ((10.3, 12.1), (33.7, 25.2), 4.5),
        ((20, 20), (20, 20), 7),
        ((5, 30), (45, 30), 1),
        ((25.5, 2), (25.5, 39), 3),
        ((-4, 10), (60, 44), 6),
        ((40, 5), (8, 11), 2.2),
    ],
)
def test_a_stroke_changes_the_pixels_near_its_line(page, start, end, radius, is_lesion):
    mask = blob(1)
    y, x = np.mgrid[: mask.shape[0], : mask.shape[1]] + 0.5
    (x1, y1), (x2, y2) = start, end
    length = max((x2 - x1) ** 2 + (y2 - y1) ** 2, 1e-9)
    along = np.clip(((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / length, 0, 1)
    near = np.hypot(x - x1 - along * (x2 - x1), y - y1 - along * (y2 - y1)) <= radius
    drawn = (
        f'm.painted({expression(mask)}, {[*start]}, {[*end]}, {radius}, {json.dumps(is_lesion)})'
    )
    np.testing.assert_array_equal(
        pixels_of(page, drawn), mask | near if is_lesion else mask & ~near
    )


def dragged(page, mask, number, dx, dy):
    """Return a mask after one of its points moved, and where the point was."""
    point = f"""(await (async () => {{
        const [reshape, rings] = [await import('/reshape.js'), await import('/rings.js')];
        const mask = {expression(mask)};
        const point = reshape.pointsOn(rings.ringsOf(mask), 12)[{number}];
        return [reshape.dragged(mask, point, {dx}, {dy}, 12), point];
    }})())"""
    x, y = call(page, 'mask.js', f'[{point}[1].x, {point}[1].y]')
    return pixels_of(page, f'{point}[0]'), x, y


def test_dragging_a_point_moves_the_outline_around_it(page):
    y, x = np.mgrid[:60, :80] + 0.5
    mask = np.hypot(x - 40, y - 30) < 15
    for number in range(6):
        same, *_ = dragged(page, mask, number, 0, 0)
        np.testing.assert_array_equal(same, mask)
        _, px, py = dragged(page, mask, number, 0, 0)
        out = np.array([px - 40, py - 30]) / np.hypot(px - 40, py - 30)
        grown, *_ = dragged(page, mask, number, *(8 * out))
        shrunk, *_ = dragged(page, mask, number, *(-8 * out))
        assert (grown >= mask).all() and (shrunk <= mask).all()
        for changed, moved in ((grown, 6), (shrunk, -6)):
            py2, px2 = int(py + moved * out[1]), int(px + moved * out[0])
            assert changed[py2, px2] == (moved > 0) and changed[py2, px2] != mask[py2, px2]
            # The opposite side stays as it is.
            far = (x - 40) * out[0] + (y - 30) * out[1] < 0
            np.testing.assert_array_equal(changed[far], mask[far])


def test_dragging_over_a_hole_and_another_part_takes_nothing_away(page):
    mask = np.zeros((40, 80), bool)
    mask[10:30, 10:40] = True
    mask[18:22, 30:34] = False
    mask[15:25, 44:60] = True
    # A point on the right side of the left part, or next to it.
    number = int(np.argmin([abs(dragged(page, mask, n, 0, 0)[1] - 40) for n in range(6)]))
    grown, *_ = dragged(page, mask, number, 12, 0)
    assert (grown >= mask).all() and grown.sum() > mask.sum()
    shrunk, *_ = dragged(page, mask, number, -16, 0)
    assert (shrunk <= mask).all() and shrunk.sum() < mask.sum()


def test_a_png_is_flawless_and_has_the_pixels_of_the_mask(page):
    for mask in (blob(3, (131, 70)), np.ones((1, 1), bool), np.zeros((5, 9), bool)):
        text = call(
            page,
            'png.js',
            f"""{{
                const png = await m.pngOf({expression(mask)});
                return btoa(String.fromCharCode(...new Uint8Array(await png.arrayBuffer())));
            }}""",
        )
        decoded = decode_binary_png(base64.b64decode(text))
        np.testing.assert_array_equal(decoded.unpacked(), mask)
