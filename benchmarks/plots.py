"""How cost grows with size, number, detections and processes, drawn from the result files."""

import json
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from isic_mmdet.report.figures import new_figure, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito (2008); the same color for the same name in every panel.
_COLORS = {
    'ours, bfloat16': '#0072B2',
    'ours': '#56B4E9',
    'ours, float32': '#56B4E9',
    'stock mmdet': '#D55E00',
    'torchvision': '#E69F00',
}
#: Benchmarks whose results are drawn.
NEEDED = ('large-image', 'score', 'infer', 'prepare')


def draw_growth(results: Path, out: Path) -> None:
    """Draw four panels into a PNG.

    Args:
        results: folder of the JSON files of `python -m benchmarks`, those of `NEEDED` among them.
        out: of the image.
    """
    details = {
        name: json.loads((results / f'{name}.json').read_text(encoding='utf-8'))['details']
        for name in NEEDED
    }
    figure = new_figure(11, 7)
    axes = figure.subplots(2, 2)
    _over_size(axes[0, 0], details['large-image'])
    _over_detections(axes[0, 1], details['infer'])
    _over_number(axes[1, 0], details['score'])
    _over_processes(axes[1, 1], details['prepare'])
    for each in axes.flat:
        each.grid(alpha=0.3)
        each.legend(frameon=False, fontsize=8)
    save_figure(figure, out)


def _over_size(axes: 'Axes', details: Mapping[str, Any]) -> None:
    for name, sizes in details['seconds'].items():
        times = [median(rounds) for rounds in sizes]
        megapixels = details['megapixels'][: len(times)]
        axes.plot(megapixels, times, 'o-', color=_COLORS[name], label=name)
    axes.set(xlabel='megapixels', ylabel='seconds, JPEG to mask file', xscale='log', yscale='log')
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter('{x:g}')
        axis.set_minor_formatter('')
    axes.set_title('size of an image')


def _over_detections(axes: 'Axes', details: Mapping[str, Any]) -> None:
    seconds = details['seconds_per_image']
    for name in ('stock mmdet', 'torchvision'):
        times = {100: median(seconds[name])}
        for key, rounds in seconds.items():
            if key.startswith(f'{name}, '):
                times[int(key.removeprefix(f'{name}, ').split()[0])] = median(rounds)
        counts = sorted(times)
        axes.plot(counts, [times[n] for n in counts], 'o-', color=_COLORS[name], label=name)
    ours = 'ours, bfloat16' if 'ours, bfloat16' in seconds else 'ours, float32'
    axes.plot([1], [median(seconds[ours])], 'o', color=_COLORS[ours], label=f'{ours}: one')
    axes.set(xlabel='detections kept', ylabel='seconds an image of 512 px', xscale='log')
    axes.set_ylim(bottom=0)
    axes.set_title('number of detections')


def _over_number(axes: 'Axes', details: Mapping[str, Any]) -> None:
    peaks = details['peak_mb']
    counts = sorted(peaks, key=int)
    for name, color in zip(peaks[counts[0]], ('#0072B2', '#009E73'), strict=True):
        megabytes = [peaks[count][name] for count in counts]
        axes.plot([int(c) for c in counts], megabytes, 'o-', color=color, label=name)
    axes.set(xlabel='pairs of 1 megapixel scored', ylabel='peak memory, MB')
    axes.set_ylim(bottom=0)
    axes.set_title('number of images')


def _over_processes(axes: 'Axes', details: Mapping[str, Any]) -> None:
    rates = details['images_per_s_over_processes']
    names = list(rates)
    axes.bar(names, [rates[name] for name in names], color='#0072B2', label='prepare_isic.py')
    axes.set(ylabel='images/s')
    axes.set_title('number of processes')
