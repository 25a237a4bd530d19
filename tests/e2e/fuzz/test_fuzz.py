"""Thousands of hostile files through prepare, data set, predict and score.

Each has to give a right result, as an independent reading has it, or one clear error; never
another exception, a hang, half of a file, or a wrong number. A few hundred are tried always, all of
them with `--all`. To have the counts of that written to a file:

    FUZZ_JSON=benchmarks/results/reliability/fuzz.json \
        python -m pytest tests/fuzz --all -k all_variants
"""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from mmengine.registry import init_default_scope

from isic_mmdet.utils.files import write_json
from tests.e2e.fuzz.fuzz_run import (
    MEMORY_LIMIT_MB,
    Result,
    Variant,
    few,
    summary,
    try_all,
    variants,
)

#: Times that the kinds drawn at random come in the long run.
TIMES = 3


def judge(chosen: Sequence[Variant], scratch: Path, shared: Path) -> list[Result]:
    init_default_scope('mmdet')
    results, wrong = [], []
    for result in try_all(chosen, scratch, shared):
        results.append(result)
        if result.outcome not in ('right', 'refused'):
            line = f'{result.kind} {result.number}, {result.stage}: {result.outcome}'
            wrong.append(line)
            print(line, file=sys.stderr, flush=True)  # with -s, while the others are tried
    if 'FUZZ_JSON' in os.environ:
        write_json(Path(os.environ['FUZZ_JSON']), summary(results), indent=1)
    assert not wrong, f'{len(wrong)} of {len(results)}:\n' + '\n'.join(wrong[:200])
    assert max(result.megabytes for result in results) < MEMORY_LIMIT_MB
    return results


def test_a_few_variants_of_each_kind(tmp_path: Path, shared: Path) -> None:
    chosen = few(variants(1, heavy=False), 200)
    results = judge(chosen, tmp_path, shared)
    counts = summary(results)['all']
    assert counts['variants'] == len(chosen) >= 180
    # Neither is all refused, nor all taken.
    assert counts['right'] > counts['calls'] / 5
    assert counts['refused'] > counts['calls'] / 5


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_all_variants(tmp_path: Path, shared: Path, figure: Callable[[str, str], None]) -> None:
    chosen = variants(TIMES)
    assert len(chosen) >= 2000
    counts = summary(judge(chosen, tmp_path, shared))['all']
    figure(
        f'{counts["variants"]:,} hostile variants through prepare, data set, prediction, scoring '
        f'and report, {counts["calls"]:,} calls',
        f'{counts["right"]:,} right, {counts["refused"]:,} refused with one message, '
        f'{counts["wrong"]} wrong; at most {counts["peak_mb"]:,} MB of {MEMORY_LIMIT_MB:,} MB, '
        f'the slowest {counts["slowest_s"]} s',
    )
