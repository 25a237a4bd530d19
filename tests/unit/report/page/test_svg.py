"""A figure as inline SVG."""

import re
from collections import Counter

import numpy as np

from isic_mmdet.report.figures import rating_figure
from isic_mmdet.report.page.svg import figure_svg


def test_svg_has_no_styles_and_ids_that_are_unique_on_a_page():
    def draw(title):
        return figure_svg(rating_figure(np.array([0.5, 0.7]), np.array([0.2, 0.9]), 'score'), title)

    first, second = draw('a "b"'), draw('c')
    assert draw('c') == second
    assert 'style' not in first and 'aria-label="a &quot;b&quot;"' in first
    ids = re.findall(r'\bid="([^"]+)"', first + second)
    assert max(Counter(ids).values()) == 1
    used = re.findall(r'(?:url\(#|href="#)([^")]+)', first + second)
    assert used and set(used) <= set(ids)
