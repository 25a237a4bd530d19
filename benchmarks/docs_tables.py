"""The generated blocks of the documentation: of committed result files, and of `--help`."""

import json
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.ablations import ABLATIONS, ablation_table
from benchmarks.command_lines import command_lines
from benchmarks.finetune_table import finetune_table
from benchmarks.headlines import headline_tables
from benchmarks.model_card import model_card_table
from benchmarks.scale_table import scale_table
from benchmarks.table import comparison_table, performance_table, profile_table
from benchmarks.uncertainty_table import uncertainty_table
from benchmarks.zoo_table import zoo_table
from isic_mmdet.evaluation.metrics_file import read_reports
from isic_mmdet.report.markdown import UNKNOWN, markdown_table, with_block
from isic_mmdet.report.published_results import PROTOCOLS, RANDOM_2018, Protocol
from isic_mmdet.report.results_table import recipe_rows, recipe_table, results_table

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / 'benchmarks' / 'results'

# A new file that one of these patterns matches is a new row.
_ISIC_2018 = ('isic2018/*test*',)
_ISIC_2017 = ('isic2017/*test*',)
# The benchmarks by machine. A row for docs/performance.md is chosen in benchmarks/headlines.py.
_CPU = (
    *('train', 'infer', 'large-image', 'prepare', 'pipeline', 'reading', 'score', 'start'),
    'threads',
)
_AVX2 = ('avx2/train', 'avx2/infer', 'avx2/recipe')
_GPU = ('gpu/train', 'gpu/infer')
_METRICS_KEYS = (
    *('metrics', 'images', 'config', 'data', 'split', 'data_digest', 'trained_on', 'checkpoint'),
    *('checkpoint_sha256', 'epoch', 'seed', 'hardware', 'command', 'date', 'versions'),
    *('tta', 'amp', 'settings_digest'),
)
_SUMMARY = ('config', 'split', '`iou`', '`dice`')
_LAPTOP = ('config', 'split', 'images', '`iou`', 'training, minutes', 'training hardware', 'seed')
_ACCURACY = ('config', 'images', '`iou`', '95 % interval', '`iou_max`', '`iou_thr65`', '`dice`')


@dataclass(frozen=True)
class Block:
    """A part of a page between `<!-- NAME:begin -->` and `<!-- NAME:end -->`.

    Attributes:
        render: returns the Markdown of these files.
        patterns: of files below `benchmarks/results/`, without `.json`. As long as there is no such
            file, there is no block.
    """

    page: str
    name: str
    render: Callable[[Sequence[Path]], str]
    patterns: Sequence[str] = ()

    @property
    def files(self) -> list[Path]:
        """The files of all patterns, in the order of the patterns, then by name."""
        return [path for each in self.patterns for path in sorted(RESULTS.glob(f'{each}.json'))]

    @property
    def exists(self) -> bool:
        """Whether there is something to render."""
        return bool(self.files or not self.patterns)


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding='utf-8'))


def _recipes(files: Sequence[Path]) -> str:
    return recipe_table(read_reports(files))


def _results(files: Sequence[Path]) -> str:
    return results_table(read_reports(files))


def _folds(files: Sequence[Path]) -> str:
    """Return one row per fold, and the mean over the folds as published work states it."""
    reports = read_reports(files)
    one_view = [report['metrics'] for report in reports if not report.get('tta')]
    if len(one_view) < 2:
        return results_table(reports)
    means = ', '.join(
        f'`{name}` {mean(metrics[f"lesion/{name}"] for metrics in one_view):.4f}'
        for name in ('iou', 'dice')
    )
    return f'{results_table(reports)}\n\nMean over {len(one_view)} of 5 folds: {means}.'


def _summary(files: Sequence[Path]) -> str:
    """Return a few columns of the recipes, and the best published result that compares."""
    best, scores = RANDOM_2018.results[0], RANDOM_2018.results[0].scores
    published = {
        'config': f'{best.method}, published',
        'split': 'five random folds of isic2018',
        **{f'`{key.partition("/")[2]}`': value for key, value in scores.items()},
    }
    rows = [*recipe_rows(read_reports(files)), published]
    return markdown_table(_SUMMARY, [[row.get(name, UNKNOWN) for name in _SUMMARY] for row in rows])


def _ablations(files: Sequence[Path]) -> str:
    reports = zip(files, read_reports(files), strict=True)
    return ablation_table(ABLATIONS, {path.stem: report for path, report in reports})


def _zoo(files: Sequence[Path]) -> str:
    speed = RESULTS / 'zoo.json'
    return zoo_table(read_reports(files), _read(speed) if speed.is_file() else None)


def _uncertainty(files: Sequence[Path]) -> str:
    return uncertainty_table(read_reports(files))


def _model_card(files: Sequence[Path]) -> str:
    return model_card_table({path.stem: _read(path) for path in files})


def _published(_: Sequence[Path]) -> str:
    return '\n\n'.join(map(_protocol, PROTOCOLS))


def _protocol(protocol: Protocol) -> str:
    keys = list(dict.fromkeys(key for each in protocol.results for key in each.scores))
    table = markdown_table(
        ['method', *(f'`{key.partition("/")[2]}`' for key in keys), 'source'],
        [
            [each.method, *(each.scores.get(key, UNKNOWN) for key in keys), each.source]
            for each in protocol.results
        ],
    )
    return f'### {protocol.images}\n\n{textwrap.fill(protocol.about, 120)}\n\n{table}'


def _metrics_file(files: Sequence[Path]) -> str:
    """Return the first level of a `metrics.json`, without the parts that take pages."""
    (content,) = map(_read, files)
    shown = {name: content[name] for name in _METRICS_KEYS}
    return f'```json\n{json.dumps(shown, indent=2)}\n```'


def _help(_: Sequence[Path]) -> str:
    return command_lines()


def _headlines(_: Sequence[Path]) -> str:
    return headline_tables(RESULTS)


def _missed(files: Sequence[Path]) -> str:
    """Return the rows that missed their goal."""
    return comparison_table(
        (content['hardware'], {**row, 'met': None})
        for content in map(_read, files)
        for row in content['rows']
        if row.get('met') is False
    )


def _some_columns(columns: Sequence[str], files: Sequence[Path]) -> str:
    rows = recipe_rows(read_reports(files))
    return markdown_table(columns, [[row[name] for name in columns] for row in rows])


def _benchmarks(files: Sequence[Path]) -> str:
    return performance_table([_read(path) for path in files])


def _scale(files: Sequence[Path]) -> str:
    (content,) = map(_read, files)
    prepare = RESULTS / 'prepare.json'
    plan = scale_table(content, _read(prepare) if prepare.is_file() else None)
    return f'{performance_table([content])}\n\n{plan}'


def _profile(files: Sequence[Path]) -> str:
    (content,) = map(_read, files)
    return profile_table(content)


def _reliability(files: Sequence[Path]) -> str:
    (known,) = map(_read, files)
    rows = [
        (each['what'], each['result'], f'`{each["test"].removeprefix("tests/")}`')
        for _, each in sorted(known.items())
    ]
    return markdown_table(('what', 'result', 'test'), rows)


BLOCKS = (
    Block('README.md', 'results', _summary, (*_ISIC_2018, 'quickstart')),
    Block('docs/results.md', 'isic2018', _results, _ISIC_2018),
    Block('docs/results.md', 'isic2017', _results, _ISIC_2017),
    Block('docs/results.md', 'ms_red', _folds, ('ms_red/*test*',)),
    Block('docs/results.md', 'published', _published),
    Block('docs/results.md', 'external', _results, ('external/*',)),
    Block('docs/results.md', 'uncertainty', _uncertainty, ('isic2018/*test*', 'external/*')),
    Block('docs/results.md', 'zoo', _zoo, ('zoo/*',)),
    Block('models/README.md', 'scores', _model_card, ('model/isic2018*', 'model/ham10000*')),
    Block('docs/finetune.md', 'finetune', finetune_table, ('finetune/*',)),
    Block('docs/ablations.md', 'ablations', _ablations, ('ablations/*',)),
    Block('docs/ablations.md', 'results', _recipes, ('r18_cpu/*',)),
    Block('docs/ablations.md', 'r18_gpu', _recipes, ('r18_gpu/*',)),
    Block('docs/ablations.md', 'r18_cpu_2017', _recipes, ('r18_cpu_2017/*',)),
    Block('docs/performance.md', 'headlines', _headlines),
    Block(
        'docs/ablations.md',
        'accuracy',
        partial(_some_columns, _ACCURACY),
        ('ablations/stock_budgets', 'ablations/adamw_bn'),
    ),
    Block('docs/performance.md', 'laptop', partial(_some_columns, _LAPTOP), ('avx2/lite_val',)),
    Block('benchmarks/results/README.md', 'missed', _missed, (*_CPU, *_AVX2, *_GPU)),
    Block('benchmarks/results/README.md', 'cpu', _benchmarks, _CPU),
    Block('benchmarks/results/README.md', 'avx2', _benchmarks, _AVX2),
    Block('benchmarks/results/README.md', 'gpu', _benchmarks, _GPU),
    Block('benchmarks/results/README.md', 'profile', _profile, ('train',)),
    Block('docs/files.md', 'metrics', _metrics_file, ('quickstart',)),
    Block('docs/tools.md', 'help', _help),
    Block('docs/deploy.md', 'onnx', _benchmarks, ('onnx',)),
    Block('docs/correct.md', 'serve', _benchmarks, ('serve',)),
    Block('docs/scale.md', 'plan', _scale, ('scale',)),
    Block('docs/reliability.md', 'figures', _reliability, ('reliability',)),
)


def stale_blocks() -> Iterator[tuple[Block, str]]:
    """Yield every block that differs from its source, and the text of the page with it renewed."""
    for block in filter(lambda each: each.exists, BLOCKS):
        page = ROOT / block.page
        begin, end = (f'<!-- {block.name}:{side} -->' for side in ('begin', 'end'))
        text = with_block(page, begin, end, block.render(block.files))
        if text != page.read_text(encoding='utf-8'):
            yield block, text
