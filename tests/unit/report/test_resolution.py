"""The histogram of resolutions: every image in the right bar."""

import cv2
import numpy as np
import pytest

from isic_mmdet.masks.resize import parse_rule
from isic_mmdet.report.resolution import resolution_histogram

SIZES = [(542, 718)] * 3 + [(700, 700)] * 2 + [(700, 701), (767, 1022), (4499, 6748)]


def bars(figure):
    """Return (left, right, count) of every bar that is not empty."""
    (axes,) = figure.axes
    spans = [(bar.get_x(), bar.get_x() + bar.get_width(), bar.get_height()) for bar in axes.patches]
    return [span for span in spans if span[2]]


def test_every_image_is_in_the_bar_of_its_megapixels(tmp_path):
    figure = resolution_histogram(SIZES, tmp_path / 'plots' / 'resolution.png')
    found = bars(figure)
    megapixels = np.prod(SIZES, axis=1) / 1e6
    assert sum(count for *_, count in found) == len(SIZES)
    for left, right, count in found:
        assert (
            (megapixels > left * (1 + 1e-9)) & (megapixels <= right * (1 + 1e-9))
        ).sum() == count
    assert cv2.imread(str(tmp_path / 'plots' / 'resolution.png')).shape[1] >= 1000


def test_limit_median_and_counts_are_said(tmp_path):
    figure = resolution_histogram(SIZES, tmp_path / 'resolution.png')
    (axes,) = figure.axes
    median, limit = (line.get_xdata()[0] for line in axes.get_lines())
    assert median == pytest.approx(np.median(np.prod(SIZES, axis=1)) / 1e6)
    assert limit == pytest.approx(0.49)
    words = ' '.join(text.get_text() for text in figure.legends[0].get_texts())
    shrunk = sum(parse_rule('quarter').size(*size) != size for size in SIZES)
    assert f'above it: {shrunk} images' in words
    assert shrunk == 3
    assert axes.get_title() == '8 images, 0.39 to 30.36 MP'
    assert 'megapixels' in axes.get_xlabel()
    shown = [text.get_text() for text in axes.texts if text.get_visible()]
    assert sorted(shown) == sorted(str(int(count)) for *_, count in bars(figure))


def test_no_bar_straddles_the_limit(tmp_path):
    edges = [
        edge for left, right, _ in bars(resolution_histogram(SIZES, tmp_path / 'a.png'))
        for edge in (left, right)
    ]  # fmt: skip
    assert any(edge == pytest.approx(0.49) for edge in edges)


def test_images_of_one_size_have_ticks_around_them(tmp_path):
    figure = resolution_histogram([(512, 512)] * 4, tmp_path / 'a.png')
    (axes,) = figure.axes
    assert len(bars(figure)) == 1
    assert axes.get_xticks().min() < 0.26 < axes.get_xticks().max()
