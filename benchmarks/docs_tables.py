"""The generated blocks of the documentation, rendered from committed result files alone."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.table import performance_table, profile_table
from isic_mmdet.evaluation.metrics_file import read_reports
from isic_mmdet.report.results_table import results_table, with_block

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / 'benchmarks' / 'results'

_ABLATIONS = (
    *('sgd', 'sgd_bn', 'adamw', 'adamw_bn', 'adamw_bn_lr4', 'mask_p3', 'mask_and_box_p3'),
    *('mask_p3_56', 'crops', 'jaccard', 'gn', 'mask_iou', 'ema', 'no_layer4', 'unfrozen'),
    *('rois', 'box_weight', 'copy_paste', 'multi_scale', 'warmup'),
)
_SPLITS = ('test', 'test_tta', 'val', 'val_tta')
_BENCHMARKS = (
    *('train', 'infer', 'large-image', 'prepare', 'pipeline', 'score', 'start', 'threads'),
    *('gpu/train', 'gpu/infer'),
)


@dataclass(frozen=True)
class Block:
    """A part of a page between `<!-- NAME:begin -->` and `<!-- NAME:end -->`."""

    page: str
    name: str
    render: Callable[[], str]


def _results(*names: str) -> Callable[[], str]:
    files = [RESULTS / f'{name}.json' for name in names]
    return lambda: results_table(read_reports(files))


def _benchmarks(*names: str) -> Callable[[], str]:
    return lambda: performance_table([_read(name) for name in names])


def _read(name: str) -> Any:
    return json.loads((RESULTS / f'{name}.json').read_text(encoding='utf-8'))


def _figures() -> str:
    known: Mapping[str, Mapping[str, str]] = _read('reliability')
    rows = [
        f'| {each["what"]} | {each["result"]} | `{each["test"].removeprefix("tests/")}` |'
        for _, each in sorted(known.items())
    ]
    return '\n'.join(['| what | result | test |', '| --- | --- | --- |', *rows])


BLOCKS = (
    Block('README.md', 'results', _results(*(f'r18_cpu/{s}' for s in _SPLITS), 'quickstart')),
    Block('docs/ablations.md', 'results', _results(*(f'ablations/{name}' for name in _ABLATIONS))),
    Block(
        'docs/gpu.md',
        'results',
        _results(*(f'r18_gpu/s{seed}_{split}' for seed in range(3) for split in _SPLITS)),
    ),
    Block('docs/isic2017.md', 'results', _results(*(f'r18_cpu_2017/{s}' for s in _SPLITS))),
    Block('docs/performance.md', 'performance', _benchmarks(*_BENCHMARKS)),
    Block('docs/performance.md', 'profile', lambda: profile_table(_read('train'))),
    Block('docs/deploy.md', 'onnx', _benchmarks('onnx')),
    Block('docs/deploy.md', 'serve', _benchmarks('serve')),
    Block('docs/reliability.md', 'figures', _figures),
)


def stale_blocks() -> Iterator[tuple[Block, str]]:
    """Yield every block that differs from its source, and the text of the page with it renewed."""
    for block in BLOCKS:
        page = ROOT / block.page
        begin, end = (f'<!-- {block.name}:{side} -->' for side in ('begin', 'end'))
        text = with_block(page, begin, end, block.render())
        if text != page.read_text(encoding='utf-8'):
            yield block, text
