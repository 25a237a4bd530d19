"""The report in a real browser: sorting, filtering, enlarging, the keyboard, both themes."""

import itertools

import pytest

from isic_mmdet.report.page.page import write_report
from tests.support.headless_browser import Browser, find_browser
from tests.support.report_run import make_run
from tests.support.smoothness import measure

pytestmark = pytest.mark.skipif(
    find_browser() is None, reason='needs Chromium (on Debian: apt-get install chromium)'
)

IDS = "[...document.querySelectorAll('#cards button small:first-of-type')].map(e => e.textContent)"


@pytest.fixture(scope='module')
def run(tmp_path_factory, tiny_data):
    folder = tmp_path_factory.mktemp('run') / 'test'
    rows = make_run(folder, tiny_data)
    write_report(folder, folder / 'report.html', tiny_data, show_progress=False)
    return folder / 'report.html', rows


@pytest.fixture(scope='module')
def browser(tmp_path_factory):
    with Browser(find_browser(), tmp_path_factory.mktemp('profile')) as opened:
        yield opened


@pytest.fixture
def page(browser, run):
    """Return the browser with the report freshly loaded."""
    browser.events.clear()
    browser.show(1200, 900)
    browser.open(run[0])
    yield browser
    assert browser.errors() == []
    outside = [url for url in browser.requests() if not url.startswith(('file:', 'data:'))]
    assert outside == []


def choose(page, control, value):
    page.run(
        f"(() => {{ const e = document.getElementById('{control}'); e.value = '{value}'; "
        "e.dispatchEvent(new Event('input', {bubbles: true})); })()"
    )


def test_sorts(page, run):
    _, rows = run
    by_iou = [row['image_id'] for row in sorted(rows, key=lambda r: (r['iou'], r['image_id']))]
    assert page.run(IDS) == by_iou, 'the worst come first'
    choose(page, 'sort', '-score')
    scored = sorted((r for r in rows if r['score']), key=lambda r: -r['score'])
    assert page.run(IDS)[:-1] == [row['image_id'] for row in scored]
    assert page.run(IDS)[-1] == rows[-1]['image_id'], 'without a detection: last'
    choose(page, 'sort', 'share')
    shares = page.run('shown.map(r => r.share)')
    assert all(a <= b for a, b in itertools.pairwise(shares))


def test_filters_and_resets(page, run):
    _, rows = run
    page.click('#controls summary')
    page.click('#iou-max')
    page.call('Input.insertText', text='0.5')
    few = {row['image_id'] for row in rows if row['iou'] <= 0.5}
    assert set(page.run(IDS)) == few
    assert page.run("document.getElementById('count').textContent").startswith(f'{len(few)} of 12')
    choose(page, 'score-min', '0.7')
    assert set(page.run(IDS)) == {
        r['image_id'] for r in rows if r['iou'] <= 0.5 and (r['score'] or 0) >= 0.7
    }
    page.click('#controls button[type=reset]')
    page.wait(f'{IDS}.length === 12')
    choose(page, 'name', rows[3]['image_id'])
    assert page.run(IDS) == [rows[3]['image_id']]
    choose(page, 'name', '<b>')
    assert page.run("document.getElementById('count').textContent").startswith('0 of 12')


def test_images_are_loaded_near_the_screen_and_removed_again(page):
    page.run("document.getElementById('cards').scrollIntoView({behavior: 'instant'})")
    page.wait("document.querySelectorAll('#cards img').length > 0")
    page.wait("[...document.querySelectorAll('#cards img')].every(i => i.naturalWidth > 0)")
    page.run("document.body.style.paddingTop = '9000px'; scrollTo({top: 0, behavior: 'instant'})")
    page.wait("document.querySelectorAll('#cards img').length === 0")


def test_contours_lie_over_the_image_and_can_be_hidden(page):
    page.run("document.getElementById('cards').scrollIntoView({behavior: 'instant'})")
    page.wait("document.querySelector('#cards svg') !== null")
    boxes = page.run(
        "['img', 'svg'].map(n => { const r = document.querySelector(`#cards .frame ${n}`)"
        '.getBoundingClientRect(); return [r.x, r.y, r.width, r.height]; })'
    )
    assert boxes[0] == boxes[1]
    shown = (
        "getComputedStyle(document.querySelector('#cards g.truth')).display + ' ' + "
        "getComputedStyle(document.querySelector('#cards g.prediction')).display"
    )
    assert page.run(shown) == 'inline inline'
    page.click('#show-truth')
    assert page.run(shown) == 'none inline'


def test_enlarges_and_closes_with_the_keyboard(page):
    page.run("document.querySelector('#cards button').focus()")
    page.press('ArrowRight')
    second = page.run(IDS)[1]
    assert page.run("document.activeElement.getAttribute('aria-label')").startswith(second)
    page.press('Enter')
    page.wait("document.getElementById('large').open")
    name = "document.getElementById('large-name').textContent"
    assert page.run(name) == second
    page.wait("document.querySelector('#large-image img').naturalWidth > 0")
    page.press('ArrowRight')
    third = page.run(IDS)[2]
    assert page.run(name) == third
    page.press('Escape')
    page.wait("!document.getElementById('large').open")
    # The focus is on the card of the last image.
    page.wait(f"(document.activeElement.getAttribute('aria-label') ?? '').startsWith('{third}')")
    page.press('End')
    label = page.run("document.activeElement.getAttribute('aria-label')")
    assert label.startswith(page.run(IDS)[-1])
    page.press('Tab')
    assert not page.run("document.activeElement.matches('#cards button')"), 'one stop for Tab'


def test_enlarges_with_the_mouse(page):
    page.click('#cards button')
    page.wait("document.getElementById('large').open")
    page.click('#next')
    assert page.run("document.getElementById('large-name').textContent") == page.run(IDS)[1]
    page.click('#close')
    page.wait("!document.getElementById('large').open")


@pytest.mark.parametrize('theme', ['light', 'dark'])
def test_text_stands_out_in_both_themes(page, theme):
    page.show(1200, 900, theme)
    colors = page.run(
        "['backgroundColor', 'color'].map(n => getComputedStyle(document.body)[n]"
        '.match(/[0-9.]+/g).slice(0, 3).map(Number))'
    )
    back, ink = (sum(color) / 3 for color in colors)
    assert back - ink > 150 if theme == 'light' else ink - back > 150


def test_a_telephone_need_not_scroll_sideways(page):
    page.show(360, 740, mobile=True)
    assert page.run('document.documentElement.scrollWidth') <= 360
    page.click('#cards button')
    page.wait("document.getElementById('large').open")
    assert page.run("document.getElementById('large').getBoundingClientRect().right") <= 360


def test_requests_of_scripts_are_blocked(page):
    blocked = page.run("fetch('https://example.org/').then(() => 'sent', () => 'refused')")
    assert blocked == 'refused'
    page.events.clear()  # the error that the browser reports for the blocked request


def test_frames_are_counted_while_the_gallery_scrolls(page, run):
    page.show(400, 300)
    facts = measure(page, run[0], speed=2000)
    assert facts['images'] == 12
    assert facts['pixels'] > 300
    assert facts['frames'] > 10
    assert 0 < facts['frame_ms_median'] <= facts['frame_ms_p99'] <= facts['frame_ms_max']
    assert 0 <= facts['share_over_50_ms'] <= 1
    assert 0 <= facts['share_without_image'] <= 1


def test_enlarged_image_has_its_own_shape_and_no_black_bars(page):
    page.click('#cards button')
    page.wait("document.querySelector('#large-image img')?.naturalWidth > 0")
    for width, height in ((1200, 900), (360, 740)):
        page.show(width, height)
        wide, high = page.run(
            "(() => { const r = document.getElementById('large-image').getBoundingClientRect(); "
            'return [r.width, r.height]; })()'
        )
        assert wide / high == pytest.approx(page.run('enlarged.frame[0] / enlarged.frame[1]'), 0.02)
        assert wide > 250 and high < height
