"""Correcting outlines in a real browser: points, brush, undo, review, saving."""

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from isic_mmdet.masks.mask_files import read_mask
from isic_mmdet.serve.answers import mask_file, segment
from isic_mmdet.serve.corrections import open_corrections
from isic_mmdet.serve.lesion import Lesion
from tests.support.fake_predictor import FakePredictor, served
from tests.support.headless_browser import Browser
from tests.support.waiting import wait_until

DONE = "document.querySelectorAll('#list [data-status=done]').length"
STATE = "document.getElementById('outline-state').dataset.outline"
NAME = "document.getElementById('name').textContent"
NOTE = "document.getElementById('decision-note').textContent"
IDLE = "document.getElementById('accept').getAttribute('aria-busy') !== 'true'"
POINTS = "document.querySelectorAll('#points g').length"
OUTLINE = "document.querySelector('#found-lines .contour').getAttribute('d')"
# The pixels that the drawn outline encloses, by the browser's own painter.
DRAWN = f"""(() => {{
  const [, , width, height] = document.getElementById('lines').getAttribute('viewBox').split(' ');
  const canvas = document.createElement('canvas');
  Object.assign(canvas, {{ width, height }});
  const brush = canvas.getContext('2d');
  brush.fill(new Path2D({OUTLINE}), 'evenodd');
  const {{ data }} = brush.getImageData(0, 0, width, height);
  return Array.from({{ length: width * height }}, (_, i) => data[4 * i + 3]);
}})()"""


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / 'corrections'


@pytest.fixture
def page(chromium: Browser, predictor: FakePredictor, folder: Path) -> Iterator[Browser]:
    """The page of a server that saves corrections in `folder`."""
    with open_corrections(folder) as corrections, served(predictor, corrections=corrections) as it:
        yield from opened(chromium, it.url)


def opened(chromium, url):
    chromium.events.clear()
    chromium.show(1300, 900)
    chromium.open(url)
    # Files are dropped by tests faster than by people: the page has to be ready.
    chromium.wait("document.getElementById('model').textContent !== ''")
    yield chromium
    # Without images the page asks nothing about changes when it is closed.
    chromium.run("import('/state.js').then((m) => m.state.items.splice(0))")
    chromium.open('about:blank')
    assert chromium.errors() == []


def add(page, *paths):
    done = page.run(DONE)
    page.drop(paths, 650, 450)
    page.wait(f'{DONE} === {done + len(paths)}')


def place(page, x, y):
    """Return where on the screen a point of the image is, in shares of its sides."""
    left, top, width, height = page.run(
        "(() => { const r = document.getElementById('image').getBoundingClientRect(); "
        'return [r.x, r.y, r.width, r.height]; })()'
    )
    return left + x * width, top + y * height


def drawn(page, shape=(96, 96)):
    alpha = np.reshape(page.run(DRAWN), shape)
    assert set(np.unique(alpha)) <= {0, 255}, 'the outline runs along borders of pixels'
    return alpha == 255


def take(page, key):
    """Take a tool, and wait until it has the outline of the model, pixel by pixel."""
    page.press(key)
    page.wait("document.getElementById('view').classList.contains('drawing')")
    page.wait(
        "import('/correction.js').then(async (m) => "
        "m.maskNow((await import('/state.js')).state.current) !== null)"
    )


def stroke(page, start, end):
    page.drag(place(page, *start), place(page, *end))
    page.wait(f"{STATE} === 'changed'")


def outline(page):
    page.run('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))')
    return page.run(OUTLINE)


def test_a_stroke_is_saved_pixel_by_pixel(page, photos, folder):
    add(page, photos[0])
    take(page, 'b')
    stroke(page, (0.1, 0.1), (0.5, 0.2))
    outline(page)
    expected = drawn(page)
    assert expected[10, 12] and expected.any()
    page.press('a')
    page.wait(f"{STATE} === 'corrected'")
    page.wait(f"{NOTE}.includes('is saved')")
    saved = folder / f'masks/{photos[0].stem}_segmentation.png'
    np.testing.assert_array_equal(read_mask(saved), expected)
    with Image.open(saved) as image:
        assert image.mode == 'L' and set(np.unique(np.asarray(image))) == {0, 255}
    assert (folder / 'images' / photos[0].name).read_bytes() == photos[0].read_bytes()
    ((file, time, decision),) = list(csv.reader((folder / 'log.csv').open()))[1:]
    assert (file, decision) == (photos[0].name, 'corrected') and time.endswith('+00:00')


def test_undo_redo_and_the_prediction(page, photos):
    add(page, photos[0])
    predicted = outline(page)
    take(page, 'b')
    stroke(page, (0.1, 0.1), (0.4, 0.1))
    first = outline(page)
    page.press('e')
    stroke(page, (0.5, 0.3), (0.5, 0.7))
    second = outline(page)
    assert len({predicted, first, second}) == 3
    control = {'modifiers': 2}
    for key, shown in (
        ('z', first),
        ('z', predicted),
        ('z', predicted),
        ('y', first),
        ('y', second),
    ):
        for kind in ('rawKeyDown', 'keyUp'):
            page.call('Input.dispatchKeyEvent', type=kind, key=key, code=key, **control)
        assert outline(page) == shown
    page.click('#predicted')
    assert outline(page) == predicted
    page.click('#undo')
    assert outline(page) == second
    assert page.run("document.getElementById('threshold').disabled")


def top(path):
    return min(map(float, re.findall(r' ([0-9.]+)', path)))


def test_a_point_is_dragged_with_the_pointer_and_moved_with_the_keyboard(page, tmp_path):
    disk = np.full((96, 96, 3), 220, np.uint8)
    cv2.circle(disk, (48, 52), 24, (60, 60, 60), -1)
    cv2.imwrite(str(tmp_path / 'disk.png'), disk)
    add(page, tmp_path / 'disk.png')
    take(page, 'p')
    page.wait(f'{POINTS} > 3')
    x, y = page.run(
        "(() => { const r = document.querySelector('#points .grip').getBoundingClientRect(); "
        'return [r.x + r.width / 2, r.y + r.height / 2]; })()'
    )
    before = page.run(OUTLINE)
    page.drag((x, y), (x, y - 60))  # the first point is the uppermost one
    (left, _), (right, _) = place(page, 0, 0), place(page, 1, 1)
    moved = pytest.approx(60 / (right - left) * 96, abs=1)
    wait_until(lambda: top(before) - top(page.run(OUTLINE)) == moved)
    after = outline(page)
    page.run("document.querySelector('#points g').focus()")
    page.press('ArrowUp')
    assert outline(page) != after
    focused = "document.activeElement.getAttribute('aria-label')"
    assert page.run(focused).startswith('Point ')
    place_before = page.run(focused)
    page.hold('PageDown')
    assert page.run(focused) != place_before


def test_the_brush_works_with_the_keyboard_alone(page, photos):
    add(page, photos[0])
    before = outline(page)
    take(page, 'b')
    page.run("document.getElementById('view').focus()")
    for _ in range(30):
        page.press('ArrowLeft')
    page.press(' ')
    for _ in range(30):
        page.press('ArrowUp')
    page.press(' ')
    page.wait(f"{STATE} === 'changed'")
    assert outline(page) != before
    page.press('ArrowRight')
    page.press('Escape')
    page.wait("!document.getElementById('view').classList.contains('drawing')")


def touch(page, kind, *points):
    made = [{'x': x, 'y': y, 'id': i} for i, (x, y) in enumerate(points)]
    page.call('Input.dispatchTouchEvent', type=kind, touchPoints=made)


def test_a_finger_draws_and_two_fingers_zoom(page, photos):
    page.show(390, 844, mobile=True)
    page.call('Emulation.setTouchEmulationEnabled', enabled=True)
    page.choose('#files', [photos[0]])
    page.wait(f'{DONE} === 1')
    predicted = outline(page)
    width = "document.getElementById('image').getBoundingClientRect().width"
    page.run("document.getElementById('take-brush').click()")
    take_point, end = place(page, 0.2, 0.2), place(page, 0.5, 0.2)
    page.wait(
        "import('/correction.js').then(async (m) => "
        "m.maskNow((await import('/state.js')).state.current) !== null)"
    )
    touch(page, 'touchStart', take_point)
    touch(page, 'touchMove', end)
    touch(page, 'touchEnd')
    page.wait(f"{STATE} === 'changed'")
    one = outline(page)
    assert one != predicted
    fitted = page.run(width)
    a, b = place(page, 0.4, 0.5), place(page, 0.6, 0.5)
    touch(page, 'touchStart', a)
    touch(page, 'touchStart', a, b)
    touch(page, 'touchMove', (a[0] - 60, a[1]), (b[0] + 60, b[1]))
    touch(page, 'touchEnd')
    page.wait(f'{width} > {fitted * 1.5}')
    assert outline(page) == one, 'the first finger alone would have drawn'
    # A stroke in the zoomed image is where the finger is.
    touch(page, 'touchStart', (195, 400))
    touch(page, 'touchEnd')
    page.wait(f'{OUTLINE} !== {json.dumps(one)}')
    page.call('Emulation.setTouchEmulationEnabled', enabled=False)


def test_accept_and_skip_step_through_those_to_check_first(page, predictor, photos, folder):
    scores = {p: segment(predictor, p.read_bytes(), 10**6)['score'] for p in photos[:4]}
    middle = sorted(scores.values())[1:3]
    predictor.calibration = replace(predictor.calibration, check_below=sum(middle) / 2)
    flagged = {p for p in photos[:4] if scores[p] < predictor.calibration.check_below}
    add(page, *photos[:4])
    page.run("document.querySelector('#list .open').click()")
    # From each image on around the list: first those to check, then the others.
    order = [photos[0]]
    while len(order) < 4:
        place = photos.index(order[-1])
        left = [p for p in (*photos[place + 1 : 4], *photos[:place]) if p not in order]
        order.append(min(left, key=lambda p: p not in flagged))
    for turn, photo in enumerate(order):
        page.wait(f"{NAME} === '{photo.name}'")
        page.press('as'[turn % 2])
    page.wait(f"{NOTE}.includes('No other image is left')")
    states = page.run(
        "Object.fromEntries([...document.querySelectorAll('#list li')].map("
        "(e) => [e.querySelector('.name').textContent, e.dataset.outline]))"
    )
    assert states == {p.name: ('accepted', 'skipped')[i % 2] for i, p in enumerate(order)}
    for photo in order[::2]:
        answer = segment(predictor, photo.read_bytes(), 10**6)
        lesion = Lesion.from_json(json.dumps(answer['lesion']).encode(), 10**6)
        saved = folder / f'masks/{photo.stem}_segmentation.png'
        assert saved.read_bytes() == mask_file(lesion, 50)
    assert len(list((folder / 'masks').iterdir())) == 2
    assert (folder / 'log.csv').read_text().count('accepted') == 2


def test_another_outline_is_replaced_only_after_a_question(page, photos, folder):
    add(page, photos[0])
    page.press('a')
    page.wait(f"{STATE} === 'accepted'")
    mask = folder / f'masks/{photos[0].stem}_segmentation.png'
    before = mask.read_bytes()
    page.wait(IDLE)
    page.press('a')  # the same outline: nothing is asked
    wait_until(lambda: (folder / 'log.csv').read_text().count('accepted') == 2)
    page.wait(IDLE)
    take(page, 'b')
    stroke(page, (0.1, 0.1), (0.4, 0.1))
    for button, state in (('keep', 'changed'), ('replace', 'corrected')):
        assert mask.read_bytes() == before
        page.press('a')
        page.wait("document.getElementById('replace').open")
        assert 'accepted' in page.run("document.getElementById('replace-text').textContent")
        page.click(f'#{button}-saved')
        page.wait(f"!document.getElementById('replace').open && {STATE} === '{state}' && {IDLE}")
    assert mask.read_bytes() != before
    page.events.clear()  # the browser reports the refused requests


def test_the_mask_of_a_rotated_image_lies_as_the_image_is_stored(page, photos, folder, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    inner = tmp_path / 'set' / 'a'
    inner.mkdir(parents=True)
    with Image.open(photos[0]) as image:
        image.crop((0, 0, 96, 64)).save(inner / 'turned.jpg', exif=exif)
    page.drop([tmp_path / 'set'], 650, 450)
    page.wait(f'{DONE} === 1')
    take(page, 'b')
    stroke(page, (0.1, 0.1), (0.9, 0.1))  # along the upper border of the upright image
    outline(page)
    upright = drawn(page, (96, 64))
    page.press('a')
    page.wait(f"{STATE} === 'corrected'")
    mask = read_mask(folder / 'masks/a/turned_segmentation.png')
    assert mask.shape == (64, 96)
    np.testing.assert_array_equal(
        cv2.rotate(mask.astype(np.uint8), cv2.ROTATE_90_CLOCKWISE), upright
    )
    # The downloaded mask is the same file.
    page.save_to(tmp_path)
    page.click('#get-mask')
    wait_until((tmp_path / 'turned_segmentation.png').is_file)
    page.wait("document.getElementById('download-state').textContent === 'Saved.'")
    saved = folder / 'masks/a/turned_segmentation.png'
    assert (tmp_path / 'turned_segmentation.png').read_bytes() == saved.read_bytes()


def test_scores_of_a_corrected_outline_are_those_of_its_pixels(page, photos, tiny_data):
    add(page, photos[0])
    truth = tiny_data / f'original_masks/{photos[0].stem}_segmentation.png'
    page.drop([truth], 650, 450)
    page.wait("document.querySelectorAll('#numbers dt').length === 9")
    take(page, 'b')
    stroke(page, (0.1, 0.1), (0.4, 0.1))
    outline(page)
    mask, official = drawn(page), cv2.imread(str(truth), 0) > 128
    iou = (mask & official).sum() / (mask | official).sum()
    numbers = page.run("document.getElementById('numbers').textContent")
    assert f'{iou:.3f}' in numbers and f'{mask.sum():,} px' in numbers


def test_two_images_of_one_name_are_not_mixed(page, photos, folder, tmp_path):
    add(page, photos[0])
    page.press('a')
    page.wait(f"{STATE} === 'accepted'")
    twin = tmp_path / 'twin' / photos[0].name
    twin.parent.mkdir()
    twin.write_bytes(photos[1].read_bytes())
    add(page, twin)
    page.press('End')
    hint = "document.getElementById('save-hint').textContent"
    page.wait(f"{hint}.includes('another image is saved as')")
    page.press('a')
    page.wait(f"{NOTE}.startsWith('Not saved: another image is saved as')")
    assert (folder / 'images' / photos[0].name).read_bytes() == photos[0].read_bytes()
    page.events.clear()  # the browser reports the refused request


def test_without_a_folder_decisions_stay_in_the_page(chromium, predictor, photos, tmp_path):
    with served(predictor) as server:
        for page in opened(chromium, server.url):
            add(page, photos[0])
            hint = page.run("document.getElementById('save-hint').textContent")
            assert '--save DIR' in hint
            take(page, 'b')
            stroke(page, (0.1, 0.1), (0.4, 0.1))
            outline(page)
            page.press('a')
            page.wait(f"{STATE} === 'corrected'")
            expected = drawn(page)
            page.save_to(tmp_path)
            page.click('#get-mask')
            name = f'{photos[0].stem}_segmentation.png'
            wait_until((tmp_path / name).is_file)
            page.wait("document.getElementById('download-state').textContent === 'Saved.'")
            np.testing.assert_array_equal(read_mask(tmp_path / name), expected)
            assert not [u for u in page.requests() if 'save?' in u or 'name=' in u]


def test_an_outline_is_drawn_where_the_model_found_none(page, folder, tmp_path):
    stream = io.BytesIO()
    Image.new('RGB', (60, 40), 'white').save(stream, 'PNG')
    (tmp_path / 'white.png').write_bytes(stream.getvalue())
    add(page, tmp_path / 'white.png')
    take(page, 'b')
    stroke(page, (0.3, 0.5), (0.6, 0.5))
    page.press('a')
    page.wait(f"{STATE} === 'corrected'")
    assert read_mask(folder / 'masks/white_segmentation.png').sum() > 20
