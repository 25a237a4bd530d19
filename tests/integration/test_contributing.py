"""The worked diffs of CONTRIBUTING.md apply to the tree and do what the page says."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from isic_mmdet.synthetic.dataset import write_dataset

FOLDERS = ('isic_mmdet', 'tools', 'configs', 'tests', 'docs')


@pytest.fixture
def example(root, tmp_path) -> Callable[[str], Path]:
    """Return a function that applies the example of a heading to a copy of the tree."""

    def apply(heading: str) -> Path:
        section = (root / 'CONTRIBUTING.md').read_text().split(f'## Worked example: {heading}\n')[1]
        (diff,) = re.findall(r'^```diff\n(.*?)^```$', section.split('\n## ')[0], re.M | re.S)
        tree = tmp_path / 'tree'
        for folder in FOLDERS:
            shutil.copytree(
                root / folder, tree / folder, ignore=shutil.ignore_patterns('__pycache__')
            )
        shutil.copy(root / 'pyproject.toml', tree)
        subprocess.run(['git', 'apply', '-'], cwd=tree, input=diff, text=True, check=True)
        return tree

    return apply


def run(tree: Path, *command: str | Path) -> str:
    """Run Python in the copy and return what it prints."""
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=tree,
        env={**os.environ, 'PYTHONPATH': str(tree)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_metric_is_computed_and_tested(example):
    tree = example('a metric')
    files = [f'tests/unit/evaluation/test_{name}.py' for name in ('summary', 'scores', 'text')]
    printed = run(tree, '-m', 'pytest', '-v', *files)
    assert 'test_an_outline_is_good_from_an_iou_of_80_percent PASSED' in printed
    for check in (('check',), ('format', '--check')):
        run(tree, '-m', 'ruff', *check, 'isic_mmdet/evaluation', 'tests/unit/evaluation')


def test_the_recipe_trains_longer(example):
    tree = example('a recipe')
    assert 'max_epochs=48' in run(tree, 'tools/print_config.py', 'configs/isic2018_lite_long.py')


def test_the_data_set_is_read(example, tmp_path):
    tree, drawn = example('a data set'), tmp_path / 'drawn'
    write_dataset(drawn, images=12, seed=0, size=64, workers=1)
    images, masks = (
        drawn / 'ISIC-2017_Training_Data',
        drawn / 'ISIC-2017_Training_Part1_GroundTruth',
    )
    prepare = ('tools/prepare_folder.py', '--images', images, '--masks', masks)
    run(tree, *prepare, '--out', tree / 'data/ph2')
    run(tree, 'tools/check_dataset.py', 'configs/ph2_maskrcnn_lite.py')
