#!/usr/bin/env python
"""Measure how a report behaves in a real Chromium: size, loading, sorting, scrolling."""

import argparse
import statistics
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from isic_mmdet.cli import make_parser, run
from isic_mmdet.errors import InputError
from tests.support.headless_browser import Browser, find_browser

SORTS = ('-iou', 'score', 'share', 'diagnosis', 'iou')
LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd"
# From the choice to the layout of all cards in their new order.
SORT = """(() => {{
    const sort = document.getElementById('sort'), begun = performance.now();
    sort.value = '{key}';
    sort.dispatchEvent(new Event('input', {{bubbles: true}}));
    document.documentElement.getBoundingClientRect();
    return performance.now() - begun;
}})()"""
TO_GALLERY = "document.getElementById('gallery').scrollIntoView({behavior: 'instant'})"
LEFT = 'document.documentElement.scrollHeight - innerHeight - scrollY'
# Five times a second: how many cards are on the screen, and how many of them have no image yet.
WATCH = """var seen = 0, waiting = 0; setInterval(() => {
    for (const card of document.querySelectorAll('#cards li')) {
        const box = card.getBoundingClientRect();
        if (box.bottom <= 0 || box.top >= innerHeight) continue;
        seen += 1;
        waiting += !card.querySelector('img')?.naturalWidth;
    }
}, 200)"""


def measure(browser: Browser, page: Path, speed: int) -> dict[str, Any]:
    """Open a report, sort its gallery, and scroll through all of it as with a mouse wheel.

    Args:
        browser: its screen size is set.
        page: the report.
        speed: of the scrolling in pixels a second.

    Returns:
        `megabytes`; `images`; `load_ms`, until the load event; `sort_ms`, the median over some
        orders; `pixels` scrolled; `share_without_image`, of the cards on the screen during the
        scrolling; and of the displayed frames their number `frames`, the time between them
        (`frame_ms_median`, `frame_ms_p99`, `frame_ms_max`) and `share_over_50_ms`.
    """
    browser.open(page)
    images = browser.run('records.length')
    load = browser.run(LOADED)
    sorts = [browser.run(SORT.format(key=key)) for key in SORTS]
    browser.run(TO_GALLERY)
    browser.wait("document.querySelector('#cards img')?.naturalWidth > 0")
    distance = browser.run(LEFT)
    browser.run(WATCH)
    browser.events.clear()
    frames = {'includedCategories': ['disabled-by-default-devtools.timeline.frame']}
    browser.call('Tracing.start', transferMode='ReportEvents', traceConfig=frames)
    browser.call(
        'Input.synthesizeScrollGesture',
        x=100,
        y=100,
        yDistance=-distance,
        speed=speed,
        gestureSourceType='mouse',
    )
    browser.call('Tracing.end')
    while not any(event['method'] == 'Tracing.tracingComplete' for event in browser.events):
        browser.run('0')  # takes in the events
    drawn = sorted(
        event['ts'] / 1000
        for message in browser.events
        if message['method'] == 'Tracing.dataCollected'
        for event in message['params']['value']
        if event['name'] == 'DrawFrame'
    )
    gaps = sorted(after - before for before, after in pairwise(drawn))
    return {
        'megabytes': page.stat().st_size / 1e6,
        'images': images,
        'load_ms': load,
        'sort_ms': statistics.median(sorts),
        'pixels': distance,
        'share_without_image': browser.run('waiting / seen'),
        'frames': len(drawn),
        'frame_ms_median': statistics.median(gaps),
        'frame_ms_p99': gaps[int(0.99 * len(gaps))],
        'frame_ms_max': gaps[-1],
        'share_over_50_ms': sum(gap > 50 for gap in gaps) / len(gaps),
    }


def parse_args() -> argparse.Namespace:
    parser = make_parser(__doc__, 'python tests/support/smoothness.py report.html')
    parser.add_argument('page', type=Path, help='what tools/report.py wrote')
    parser.add_argument(
        '--speed', type=int, default=3000, help='of scrolling, pixels a second (default: 3000)'
    )
    parser.add_argument(
        '--screen',
        type=int,
        nargs=2,
        default=(1280, 900),
        metavar=('WIDTH', 'HEIGHT'),
        help='size of the screen in pixels (default: 1280 900)',
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    program = find_browser()
    if program is None:
        raise InputError('no Chromium; on Debian: apt-get install chromium')
    if not args.page.is_file():
        raise InputError(f'{args.page}: no such file; write it with tools/report.py')
    with tempfile.TemporaryDirectory() as profile, Browser(program, Path(profile)) as browser:
        browser.show(*args.screen)
        for name, value in measure(browser, args.page, args.speed).items():
            print(f'{name}: {value:.4g}')


if __name__ == '__main__':
    run(main)
