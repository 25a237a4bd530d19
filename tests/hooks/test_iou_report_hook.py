"""The report of every validation and test, through a real Runner."""

import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from isic_mmdet.errors import InputError
from isic_mmdet.hooks.iou_report_hook import IoUReportHook


def expected_ious() -> dict[str, list[float]]:
    """The scores of the squares in conftest, by hand: a shift of s leaves 20 - s of 20 columns."""

    def iou(shift: int) -> float:
        return (20 - shift) / (20 + shift)

    top = [iou(0), iou(4), iou(8), iou(12), 0.0]
    return {'iou': top, 'iou_max': [max(score, iou(2)) for score in top[:4]] + [0.0]}


def log_lines(work_dir: Path, text: str) -> list[str]:
    logs = sorted(work_dir.glob('*/*.log'))
    return [line for log in logs for line in log.read_text().splitlines() if text in line]


def test_training_leaves_validation_report_curves_and_checkpoint_facts(make_runner, tmp_path):
    runner = make_runner([dict(type='IoUReportHook')])
    runner.train()
    work_dir = Path(runner.work_dir)

    with (work_dir / 'val' / 'per_image.csv').open() as file:
        rows = list(csv.DictReader(file))
    for rule, values in expected_ious().items():
        assert [float(row[rule]) for row in rows] == pytest.approx(values)

    report = json.loads((work_dir / 'val' / 'metrics.json').read_text())
    assert report['images'] == 5
    assert report['metrics']['lesion/missed'] == pytest.approx(0.2)
    assert (report['config'], report['data'], report['split']) == ('squares', 'squares', 'val')
    assert (report['epoch'], report['seed'], report['checkpoint']) == (2, 7, None)
    assert report['versions']['torch'] == torch.__version__

    for picture in ('val/plots/iou_box.png', 'plots/training_curves.png'):
        assert (work_dir / picture).stat().st_size > 10_000

    training = torch.load(work_dir / 'epoch_2.pth')['meta']['training']
    assert training['weights'] == 'random'
    assert training['seconds'] > 0
    first = torch.load(work_dir / 'epoch_1.pth')['meta']['training']
    assert training['seconds'] > first['seconds']


def test_quartiles_in_the_log_are_numpys(make_runner):
    runner = make_runner([dict(type='IoUReportHook')])
    runner.test()
    for rule, values in expected_ious().items():
        (line,) = log_lines(Path(runner.work_dir), f'lesion/{rule} over')
        assert '5 images' in line
        for name, value in zip(
            ('min', 'Q1', 'median', 'Q3', 'max'),
            np.percentile(values, [0, 25, 50, 75, 100]),
            strict=True,
        ):
            assert f'{name} {value:.4f}' in line
        assert f'mean {np.mean(values):.4f}' in line
