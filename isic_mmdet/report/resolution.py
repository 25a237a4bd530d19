"""How large the official images are."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from isic_mmdet.masks.resize import QUARTER_AREA
from isic_mmdet.report.figures import new_figure, save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BINS_PER_DECADE = 10
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)  # megapixels


def resolution_histogram(sizes: ArrayLike, out: str | Path) -> 'Figure':
    """Draw a histogram of the resolutions on a logarithmic axis of megapixels, write and return it.

    The limit above which the 2018 student project shrinks an image is a border between two bars.

    Args:
        sizes: (N, 2), height and width of one or more images in pixels.
        out: PNG to write.
    """
    megapixels = np.prod(np.asarray(sizes, dtype=np.float64), axis=1) / 1e6
    limit = QUARTER_AREA / 1e6
    # Bars are numbered from the limit; an image of exactly that area is below it.
    bars = np.ceil(np.log10(megapixels / limit) * BINS_PER_DECADE).astype(int)
    # At least from 0.2 to 2 megapixels, so that images of one size have ticks around them.
    numbers = np.arange(min(bars.min(), -3), max(bars.max(), 7) + 1)
    counts = [int((bars == number).sum()) for number in numbers]
    right = limit * 10 ** (numbers / BINS_PER_DECADE)
    left = right / 10 ** (1 / BINS_PER_DECADE)

    figure = new_figure(8, 4.5)
    axes = figure.add_subplot(xscale='log')
    drawn = axes.bar(
        left, counts, right - left, align='edge', color='#56B4E9', edgecolor='black', linewidth=0.6
    )
    # The white box keeps the lines from crossing a number.
    white = dict(facecolor='white', edgecolor='none', pad=1)
    for bar, label in zip(drawn, axes.bar_label(drawn, padding=3, fontsize=9), strict=True):
        label.set(visible=bar.get_height() > 0, bbox=white, zorder=4)
    axes.margins(x=0.02, y=0.1)

    median = float(np.median(megapixels))
    above = int((megapixels > limit).sum())
    axes.axvline(median, color='#009E73', linewidth=2, label=f'median: {median:.2f} MP')
    axes.axvline(
        limit,
        color='#D55E00',
        linewidth=2,
        linestyle='--',
        label=f'700 x 700 pixels ({limit:.2f} MP); above it: {above} images,\n'
        'shrunk to a quarter of each side by the rule of the 2018 student project',
    )
    ticks = [tick for tick in TICKS if left[0] <= tick <= right[-1]]
    axes.set_xticks(ticks, [f'{tick:g}' for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlabel('official resolution in megapixels (MP), logarithmic')
    axes.set_ylabel('images')
    axes.set_title(f'{len(megapixels)} images, {megapixels.min():.2f} to {megapixels.max():.2f} MP')
    # Below the axes the legend hides no bar.
    figure.legend(loc='outside lower center', ncols=2, fontsize=9)
    save_figure(figure, out)
    return figure
