"""Table and curve of fine-tuning on few images, from the results of `benchmarks/finetune.py`."""

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from isic_mmdet.report.figures import BLUE, ORANGE, new_figure, save_figure
from isic_mmdet.report.markdown import UNKNOWN, markdown_table

_METHODS = {'finetuned': 'fine-tuned', 'imagenet': 'from ImageNet weights'}
_COLORS = {'finetuned': BLUE, 'imagenet': ORANGE}
_RUN = re.compile(r'(\w+)_n(\d+)_draw\d+')
_BEFORE = 'before'
_Runs = dict[str, dict[int, list[float]]]


def finetune_table(files: Sequence[Path]) -> str:
    """Return one row per number of training images, and below what was measured how."""
    reports, runs = _read(files), _by_method(files)
    before = reports[_BEFORE]
    sizes = sorted({size for method in runs.values() for size in method})
    rows = [
        [
            f'{size:,}',
            *(_cell(runs[method].get(size)) for method in _METHODS),
            _minutes(reports, size),
        ]
        for size in sizes
    ]
    head = ['training images', *(f'`iou`, {name}' for name in _METHODS.values())]
    table = markdown_table([*head, 'minutes to the best epoch, fine-tuned'], rows)
    scores = before['metrics']
    interval = f'{scores["lesion/iou_ci_low"]:.3f} to {scores["lesion/iou_ci_high"]:.3f}'
    return (
        f'{table}\n\nMeans over the draws, with the lowest and the highest. '
        f'`iou` of the model before: {scores["lesion/iou"]:.3f} (95 % interval {interval}). '
        f'{before["images"]} test images, one view, {before["hardware"]}, {before["date"][:10]}: '
        '`python -m benchmarks.finetune data/ham10000 work_dirs/finetune`.'
    )


def draw_curve(files: Sequence[Path], out: Path) -> None:
    """Draw IoU over training images into a PNG, each run as a dot."""
    before = _read(files)[_BEFORE]['metrics']['lesion/iou']
    figure = new_figure(5.4, 3.9)
    axes = figure.subplots()
    methods = _by_method(files)
    for method, runs in methods.items():
        color, sizes = _COLORS[method], sorted(runs)
        axes.plot(sizes, [mean(runs[size]) for size in sizes], color=color, label=_METHODS[method])
        for size in sizes:
            axes.plot([size] * len(runs[size]), runs[size], 'o', color=color, markersize=3)
    axes.axhline(before, color='black', linestyle='--', linewidth=1, label='the model before')
    axes.set(xscale='log', xlabel='training images', ylabel='mean IoU, 500 test images')
    axes.xaxis.set_major_formatter('{x:g}')
    axes.set_xticks(sorted({size for runs in methods.values() for size in runs}))
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8, loc='lower right')
    save_figure(figure, out)


def _read(files: Sequence[Path]) -> Mapping[str, Any]:
    return {path.stem: json.loads(path.read_text(encoding='utf-8')) for path in files}


def _by_method(files: Sequence[Path]) -> _Runs:
    runs: _Runs = {method: defaultdict(list) for method in _METHODS}
    for name, report in _read(files).items():
        if found := _RUN.fullmatch(name):
            runs[found[1]][int(found[2])].append(report['metrics']['lesion/iou'])
    return runs


def _cell(scores: Sequence[float] | None) -> str:
    if not scores:
        return UNKNOWN
    return f'{mean(scores):.3f} ({min(scores):.3f} to {max(scores):.3f})'


def _minutes(reports: Mapping[str, Any], size: int) -> str:
    seconds = [
        report['training']['seconds']
        for name, report in reports.items()
        # Of a run without a better epoch than the model before, the time is not known.
        if name.startswith(f'finetuned_n{size}_') and report['epoch']
    ]
    return f'{mean(seconds) / 60:.0f}' if seconds else UNKNOWN
