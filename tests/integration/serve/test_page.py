"""The page in a real browser: drop, show, set, step, compare, measure, save."""

import csv
import io
import json
import shutil
import zipfile

import cv2
import numpy as np
import pytest
from PIL import Image

from isic_mmdet.images.decoding import UnreadableError
from isic_mmdet.serve.answers import mask_file, segment
from isic_mmdet.serve.lesion import Lesion
from tests.support.fake_predictor import served
from tests.support.headless_browser import Browser, find_browser
from tests.support.waiting import wait_until

NAMES = "[...document.querySelectorAll('#list .name')].map(e => e.textContent)"
STATES = "[...document.querySelectorAll('#list small')].map(e => e.textContent)"
DONE = "document.querySelectorAll('#list [data-status=done]').length"


def number(page, name):
    """Return the number that the page shows under a name, as text."""
    return page.run(
        "[...document.querySelectorAll('#numbers dt')].find(e => e.textContent === "
        f"'{name}')?.nextSibling.querySelector('strong').textContent"
    )


def text(name):
    """Return the expression for the text of an element."""
    return f"document.getElementById('{name}').textContent"


def path_of(name):
    """Return the expression for the path of a kind of line."""
    return f"document.querySelector('#{name} .contour').getAttribute('d')"


def drop_and_wait(page, *paths):
    done = page.run(DONE)
    page.drop(paths, 650, 450)
    page.wait(f'{DONE} === {done + len(paths)}')


def set_to(page, name, value):
    page.run(
        f"(() => {{ const e = document.getElementById('{name}'); e.value = {value}; "
        "e.dispatchEvent(new Event('input', {bubbles: true})); })()"
    )
    page.run('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))')


def saved(page, folder, button, name):
    """Press a button and return the bytes that it saves."""
    page.save_to(folder)
    page.click(f'#{button}')
    wait_until((folder / name).is_file)
    page.wait(f"{text('download-state')} === 'Saved.'")
    return (folder / name).read_bytes()


def expected(predictor, photo):
    """Return the answer of the server for a photo, and its lesion."""
    answer = segment(predictor, photo.read_bytes(), 10**6)
    return answer, Lesion.from_json(json.dumps(answer['lesion']).encode(), 10**6)


def test_a_dropped_image_is_outlined(page, predictor, photos):
    assert page.run('document.body.innerText.match(/not a medical device/g).length') == 1
    drop_and_wait(page, photos[0])
    answer, _ = expected(predictor, photos[0])
    page.wait(f'{path_of("found-lines")}.length > 100')
    assert page.run("document.getElementById('welcome').hidden")
    assert number(page, 'Class') == 'benign'
    assert number(page, 'Score') == f'{answer["score"]:.3f}'
    assert number(page, 'Expected IoU') == f'{answer["expected_iou"]:.2f}'
    assert number(page, 'Area') == f'{answer["areas"][50]:,} px'
    # The outline lies over the lesion on the screen.
    (x, y, width, height), (left, top, side, _) = page.run(
        "['#found-lines .contour', '#image'].map((name) => { "
        'const r = document.querySelector(name).getBoundingClientRect(); '
        'return [r.x, r.y, r.width, r.height]; })'
    )
    box = np.array([x - left, y - top, width, height]) * 96 / side
    np.testing.assert_allclose(box, answer['box'], atol=6)


def test_the_outline_is_visible(page, photos, tmp_path):
    drop_and_wait(page, photos[0])
    page.wait(f'{path_of("found-lines")}.length > 100')

    def orange():
        page.screenshot(tmp_path / 'screen.png')
        screen = cv2.imread(str(tmp_path / 'screen.png'))[60:, 230:980].astype(int)
        return int((np.abs(screen - (0, 159, 230)).max(2) < 12).sum())

    assert orange() > 300
    page.click('#show-found')
    set_to(page, 'opacity', 0)
    assert orange() < 20


def test_the_threshold_moves_the_outline_without_asking_the_model(page, predictor, photos):
    drop_and_wait(page, photos[0])
    answer, _ = expected(predictor, photos[0])
    seen = len(predictor.sizes)
    asked = len(page.requests())
    paths = set()
    for threshold in (5, 30, 50, 80, 95):
        set_to(page, 'threshold', threshold)
        assert number(page, 'Area') == f'{answer["areas"][threshold]:,} px'
        assert page.run(text('threshold-value')) == f'{threshold} %'
        paths.add(page.run(path_of('found-lines')))
    assert len(paths) == 5
    page.press(']')
    page.wait("document.getElementById('threshold').value === '96'")
    assert (len(predictor.sizes), len(page.requests())) == (seen, asked)


def test_the_opacity_is_that_of_the_fill(page, photos):
    drop_and_wait(page, photos[0])
    for percent in (0, 40, 100):
        set_to(page, 'opacity', percent)
        opacity = page.run("getComputedStyle(document.getElementById('fill')).opacity")
        assert float(opacity) == percent / 100


@pytest.mark.parametrize('threshold', [50, 23])
def test_the_mask_is_that_of_the_server_at_this_threshold(
    page, predictor, photos, tmp_path, threshold
):
    drop_and_wait(page, photos[1])
    set_to(page, 'threshold', threshold)
    _, lesion = expected(predictor, photos[1])
    mask = saved(page, tmp_path, 'get-mask', f'{photos[1].stem}_segmentation.png')
    assert mask == mask_file(lesion, threshold)


def test_wrong_files_are_reported_and_the_others_outlined(page, photos, tmp_path):
    notes = tmp_path / 'notes.txt'
    notes.write_text('no image')
    truncated = tmp_path / 'truncated.jpg'
    truncated.write_bytes(photos[0].read_bytes()[:3000])
    large = tmp_path / 'large.png'
    large.write_bytes(bytes(2**20 + 1))
    wide = tmp_path / 'wide.png'
    Image.new('RGB', (1100, 1000)).save(wide)
    narrow = tmp_path / 'narrow.png'
    Image.new('RGB', (1, 50)).save(narrow)
    page.drop([notes, truncated, large, wide, narrow, photos[0]], 650, 450)
    page.wait(f'{DONE} === 1')
    page.wait("document.querySelectorAll('#list [data-status=failed]').length === 5")
    messages = [
        'not a JPEG, PNG, TIFF, BMP or WebP image',
        'truncated',
        'the file has 1.0 MB, more than 1 MB',
        '1100 x 1000 pixels are more than 1 megapixels',
        'too narrow for the model',
    ]
    for message in messages:
        page.wait(f"document.querySelector('#trouble p').textContent.includes('{message}')")
        assert page.run("document.querySelector('#trouble p').getAttribute('role')") == 'alert'
        page.press('ArrowRight')
    page.wait("document.getElementById('trouble').hidden")
    assert page.run(text('progress')) == '1 of 6 outlined, 5 failed'


def test_a_folder_is_stepped_through_with_the_keyboard(page, photos, tmp_path):
    folder = tmp_path / 'photos'
    (folder / 'inner').mkdir(parents=True)
    for photo, place in zip(photos, ('2.jpg', '10.jpg', '1.jpg', 'inner/3.jpg'), strict=False):
        shutil.copy(photo, folder / place)
    (folder / 'notes.txt').write_text('not for the model')
    (folder / '.hidden.jpg').write_text('nor this')
    page.drop([folder], 650, 450)
    page.wait(f'{DONE} === 4')
    assert page.run(NAMES) == ['1.jpg', '2.jpg', '3.jpg', '10.jpg']
    name = text('name')
    for key, shown in (
        ('ArrowRight', '2.jpg'),
        ('ArrowRight', '3.jpg'),
        ('ArrowLeft', '2.jpg'),
        ('End', '10.jpg'),
        ('ArrowRight', '10.jpg'),
        ('Home', '1.jpg'),
        ('ArrowDown', '2.jpg'),
    ):
        page.press(key)
        page.wait(f"{name} === '{shown}'")
    page.wait("document.getElementById('image').naturalWidth === 96")
    page.wait(f"{text('position')} === '2 of 4'")
    page.press('Delete')
    page.wait(f"{name} === '3.jpg'")
    assert page.run(NAMES) == ['1.jpg', '3.jpg', '10.jpg']


def test_a_truth_mask_is_compared(page, predictor, photos, tiny_data, tmp_path):
    truths = [tiny_data / f'original_masks/{photo.stem}_segmentation.png' for photo in photos[:2]]
    drop_and_wait(page, photos[0])
    page.drop([truths[1], truths[0]], 650, 450)
    page.wait(f"{text('progress')} === 'a mask without its image'")
    drop_and_wait(page, photos[1])
    for photo, truth in zip(photos[:2], truths, strict=True):
        page.wait("document.querySelectorAll('#numbers dt').length === 9")
        mask = (
            cv2.imdecode(np.frombuffer(mask_file(expected(predictor, photo)[1], 50), np.uint8), 0)
            > 0
        )
        official = cv2.imread(str(truth), 0) > 128
        iou = (mask & official).sum() / (mask | official).sum()
        dice = 2 * (mask & official).sum() / (mask.sum() + official.sum())
        page.wait(f"{text('numbers')}.includes('{iou:.3f}')")
        assert number(page, 'IoU with the truth') == f'{iou:.3f}'
        assert number(page, 'Dice') == f'{dice:.3f}'
        assert page.run(path_of('truth-lines')).startswith('M')
        page.press('ArrowRight')
    assert page.run(text('means')).startswith('Mean over 2 images')
    # A mask of another size, chosen by hand.
    wrong = tmp_path / 'wrong.png'
    Image.new('L', (50, 40)).save(wrong)
    page.choose('#truth-file', [wrong])
    page.wait(f"{text('truth-name')}.includes('the mask has 50 x 40 pixels')")
    page.click('#remove-truth')
    page.wait(f"{text('truth-name')} === 'None for this image.'")
    assert number(page, 'Dice') is None


def test_millimeters_from_a_marked_ruler(page, photos):
    drop_and_wait(page, photos[0], photos[1])
    page.wait("document.querySelectorAll('#numbers dt').length > 0")
    pixels = float(number(page, 'Longest diameter').split()[0])
    area = int(number(page, 'Area').split()[0].replace(',', ''))
    left, top, width = page.run(
        "(() => { const r = document.getElementById('image').getBoundingClientRect(); "
        'return [r.x, r.y, r.width]; })()'
    )
    page.press('r')
    page.wait("document.getElementById('mark-ruler').getAttribute('aria-pressed') === 'true'")
    # From pixel 24 to 72 of 96, ten millimeters of a ruler.
    page.drag((left + width / 4, top + 50), (left + 3 * width / 4, top + 50))
    page.wait("document.activeElement.id === 'millimeters'")
    page.call('Input.insertText', text='10')
    page.wait(f"{text('numbers')}.includes('mm²')")
    scale = float(page.run("document.getElementById('scale').value"))
    assert scale == pytest.approx(4.8, abs=0.05)
    assert float(number(page, 'Longest diameter').split()[0]) == pytest.approx(
        pixels / scale, abs=0.06
    )
    assert float(number(page, 'Area').split()[0]) == pytest.approx(
        area / scale**2, rel=0.02, abs=0.06
    )
    page.click('#scale-all')
    page.click('#next')
    page.wait(f"{text('position')} === '2 of 2'")
    page.wait(f"{text('numbers')}.includes('mm²')")
    page.click('#clear-scale')
    page.wait(f"!{text('numbers')}.includes('mm²')")


def test_millimeters_with_the_keyboard_alone(page, photos):
    drop_and_wait(page, photos[0])
    page.run("document.getElementById('mark-ruler').focus()")
    page.press('Enter')
    label = "document.activeElement.getAttribute('aria-label')"
    assert page.run(label).startswith('Start of the ruler')
    before = page.run(path_of('ruler'))
    for _ in range(3):
        page.press('ArrowLeft')
    after = page.run(path_of('ruler'))
    assert float(before[1:].split()[0]) - float(after[1:].split()[0]) == pytest.approx(3)
    page.press('Tab')
    assert page.run(label).startswith('End of the ruler')
    page.press('Enter')
    page.wait("document.activeElement.id === 'millimeters'")
    page.call('Input.insertText', text='5')
    page.wait(f"{text('numbers')}.includes('mm²')")


def test_two_users_at_once_get_their_own_results(page, server, predictor, photos, tmp_path_factory):
    with Browser(find_browser(), tmp_path_factory.mktemp('other')) as other:
        other.open(server.url)
        predictor.gate.clear()
        page.drop(photos[:3], 650, 450)
        # Two are sent at once, and either may be the first to arrive.
        page.wait(f"{STATES}.includes('being outlined')")
        other.drop(photos[3:6], 400, 300)
        other.wait(f'/^position [234] in the queue$/.test({STATES}[0])')
        # The image is drawn after the list, so its text may come a moment later.
        other.wait(f"{text('over')}.includes('in the queue')")
        predictor.gate.set()
        for user, own in ((page, photos[:3]), (other, photos[3:6])):
            user.wait(f'{DONE} === 3')
            for photo in own:
                answer, _ = expected(predictor, photo)
                user.wait(f"{text('name')} === '{photo.name}'")
                user.wait("document.getElementById('numbers').childElementCount > 0")
                assert number(user, 'Score') == f'{answer["score"]:.3f}'
                user.press('ArrowRight')
        assert other.errors() == []


def test_the_page_waits_for_a_full_queue(chromium, predictor, photos):
    with served(predictor, max_waiting=1) as server:
        chromium.events.clear()
        chromium.open(server.url)
        predictor.gate.clear()
        chromium.drop(photos[:3], 650, 450)
        chromium.wait(f"{STATES}.some(s => s.startsWith('1 requests are waiting already'))")
        predictor.gate.set()
        chromium.wait(f'{DONE} === 3', seconds=30)


def test_a_stopped_server_is_reported_and_can_be_asked_again(chromium, predictor, photos):
    with served(predictor) as server:
        chromium.events.clear()
        chromium.open(server.url)
        port = server.address[1]
        chromium.wait("document.getElementById('model').textContent !== ''")
    chromium.drop(photos[:1], 650, 450)
    chromium.wait("document.querySelector('#trouble p').textContent.includes('no answer')", 30)
    with served(predictor, port=port):
        chromium.click('#again')
        chromium.wait(f'{DONE} === 1')


def test_masks_overlays_and_table_are_saved(page, predictor, photos, tmp_path, tiny_data):
    drop_and_wait(page, *photos[:3])
    page.drop([tiny_data / f'original_masks/{photos[0].stem}_segmentation.png'], 650, 450)
    page.wait("document.querySelectorAll('#numbers dt').length === 9")
    empty = tmp_path / 'empty, "none".png'
    Image.new('RGB', (50, 40), 'white').save(empty)
    drop_and_wait(page, empty)
    set_to(page, 'threshold', 35)
    set_to(page, 'scale', 8)
    # A second image of the same name, from elsewhere.
    (tmp_path / 'twin').mkdir()
    twin = shutil.copy(photos[3], tmp_path / f'twin/{photos[0].name}')
    drop_and_wait(page, twin)

    masks = saved(page, tmp_path, 'get-masks', 'masks.zip')
    with zipfile.ZipFile(io.BytesIO(masks)) as archive:
        stems = [*(p.stem for p in photos[:3]), 'empty, _none_', f'{photos[0].stem} (2)']
        assert archive.namelist() == [f'{stem}_segmentation.png' for stem in stems]
        for path, stem in zip([*photos[:3], empty, photos[3]], stems, strict=True):
            assert archive.read(f'{stem}_segmentation.png') == mask_file(
                expected(predictor, path)[1], 35
            )
    with zipfile.ZipFile(
        io.BytesIO(saved(page, tmp_path, 'get-overlays', 'overlays.zip'))
    ) as archive:
        assert len(archive.namelist()) == 5
        picture = Image.open(io.BytesIO(archive.read(f'{photos[0].stem}_overlay.jpg')))
        assert picture.size[0] == 96 and 96 < picture.size[1] < 140
        picture = np.asarray(picture, int)
        assert (np.abs(picture - (230, 159, 0)).max(2) < 60).sum() > 40  # the outline
        assert (np.abs(picture - (0, 158, 115)).max(2) < 60).sum() > 20  # the truth

    table = saved(page, tmp_path, 'get-table', 'lesions.csv').decode()
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [row['image'] for row in rows] == [
        *(p.stem for p in photos[:3]),
        'empty, "none"',
        photos[0].stem,
    ]
    for row, photo in zip(rows, photos[:3], strict=False):
        answer, _ = expected(predictor, photo)
        assert int(row['area_px']) == answer['areas'][35]
        assert float(row['area_share']) == pytest.approx(answer['areas'][35] / 96**2, abs=1e-6)
        assert [float(row[n]) for n in ('x', 'y', 'width', 'height')] == answer['box']
        assert (row['label'], float(row['score'])) == ('benign', answer['score'])
        assert (float(row['expected_iou']), row['check']) == (answer['expected_iou'], 'False')
        assert row['threshold'] == '0.35'
        assert 0 < float(row['across_px']) <= float(row['longest_px']) < 96 * 1.42
    assert 0 < float(rows[0]['iou']) < float(rows[0]['dice']) <= 1
    assert float(rows[0]['longest_mm']) == pytest.approx(
        float(rows[0]['longest_px']) / 8, abs=0.001
    )
    assert float(rows[0]['area_mm2']) == pytest.approx(int(rows[0]['area_px']) / 64, abs=0.001)
    assert rows[1]['longest_mm'] == rows[1]['iou'] == ''
    assert rows[3]['label'] == rows[3]['score'] == '' and rows[3]['area_px'] == '0'
    assert rows[3]['check'] == 'True'


def test_an_image_that_browsers_do_not_show(page, photos, tmp_path):
    path = tmp_path / 'deep.tif'
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(photos[0]) as image:
        image.crop((0, 0, 96, 64)).save(path, exif=exif)
    drop_and_wait(page, path)
    page.wait("document.getElementById('image').naturalWidth === 64")
    assert page.run("document.getElementById('image').naturalHeight") == 96


def test_without_a_preview_the_numbers_are_shown(page, photos, tmp_path, monkeypatch):
    def refuse(data, max_pixels):
        raise UnreadableError('no image')

    monkeypatch.setattr('isic_mmdet.serve.answers.preview', refuse)
    with Image.open(photos[0]) as image:
        image.save(tmp_path / 'deep.tif')
    drop_and_wait(page, tmp_path / 'deep.tif')
    page.wait(f"{text('over')} === 'the image cannot be shown: no image'")
    assert number(page, 'Class') == 'benign'
    page.events.clear()  # the browser reports the refused request


def test_names_are_only_text(page, photos, tmp_path):
    name = '<img src=x onerror=alert(1)>&..\\..\\x.jpg'
    path = shutil.copy(photos[0], tmp_path / name)
    drop_and_wait(page, path)
    page.wait(f"document.getElementById('name').textContent === {json.dumps(name)}")
    assert page.run("document.querySelectorAll('#list img, h2 img').length") == 0
    saved(page, tmp_path, 'get-mask', '_img src=x onerror=alert(1)_&.._.._x_segmentation.png')


def test_zoom_and_keys_that_can_be_switched_off(page, photos):
    drop_and_wait(page, photos[0])
    width = "document.getElementById('image').getBoundingClientRect().width"
    page.wait(f'{width} > 400')
    fitted = page.run(width)
    page.press('-')
    assert page.run(width) == fitted, 'no smaller than the frame'
    # A larger screen than the image's pixels is as close as it gets.
    page.show(500, 900)
    page.wait(f'{width} < 500')
    fitted = page.run(width)
    page.press('+')
    page.wait(f'{width} > {fitted}')
    page.press('0')
    page.wait(f'{width} === {fitted}')
    page.press('h')
    page.hold('h')
    page.wait("getComputedStyle(document.getElementById('lines')).visibility === 'hidden'")
    page.release('h')
    page.wait("getComputedStyle(document.getElementById('lines')).visibility === 'visible'")
    page.press('?')
    page.wait("document.getElementById('help').open")
    page.click('#single-keys')
    page.press('Escape')
    page.wait("!document.getElementById('help').open")
    page.press('+')
    assert page.run(width) == fitted
    page.press('ArrowRight')


def test_every_control_has_a_name_and_the_image_a_description(page, photos):
    drop_and_wait(page, photos[0])
    page.wait(f"{text('spoken')}.includes('of the image')")
    spoken = page.run(text('spoken'))
    assert spoken.startswith(f'{photos[0].name}: benign, score 0.')
    tree = page.call('Accessibility.getFullAXTree')['nodes']
    roles = {'button', 'slider', 'checkbox', 'spinbutton', 'image', 'group', 'dialog', 'link'}
    nameless = [
        node
        for node in tree
        if not node.get('ignored')
        and node['role']['value'] in roles
        and not node.get('name', {}).get('value')
    ]
    assert [(node['role']['value'], node.get('backendDOMNodeId')) for node in nameless] == []


@pytest.mark.parametrize('theme', ['light', 'dark'])
def test_text_stands_out_in_both_themes(page, photos, theme):
    page.show(1200, 900, theme)
    drop_and_wait(page, photos[0])
    # Contrast of every text with what is behind it, as WCAG 2.2 defines it.
    faint = page.run(
        """(() => {
          const light = (text) => {
            const part = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
            const [r, g, b] = text.match(/[0-9.]+/g).map((v) => part(v / 255));
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          };
          const back = (e) => {
            for (; e; e = e.parentElement) {
              const color = getComputedStyle(e).backgroundColor;
              if (!color.endsWith(', 0)')) return color;
            }
            return 'rgb(255, 255, 255)';
          };
          return [...document.querySelectorAll('body *')].filter((e) => (
            [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())
            && e.checkVisibility() && !e.closest(':disabled') && !e.closest('svg'))).map((e) => {
            const [a, b] = [light(getComputedStyle(e).color), light(back(e))].sort();
            return [e.textContent, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
          }).filter(([, contrast]) => contrast < 4.5);
        })()"""
    )
    assert faint == []


def test_a_phone_does_not_scroll_sideways(page, photos):
    page.show(360, 740, mobile=True)
    assert page.run('document.documentElement.scrollWidth') <= 360
    page.choose('#files', photos[:2])
    page.wait(f'{DONE} === 2')
    assert page.run('document.documentElement.scrollWidth') <= 360
    page.click('#get-table')
    page.click('#show-help')
    page.wait("document.getElementById('help').open")
    assert page.run("document.getElementById('help').getBoundingClientRect().right") <= 360


def test_the_page_cannot_reach_other_sites(page):
    blocked = page.run("fetch('https://example.org/').then(() => 'sent', () => 'refused')")
    assert blocked == 'refused'
    page.events.clear()  # the browser reports the refused request
