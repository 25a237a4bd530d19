"""A validation calibrates the checkpoint that follows it, and a test uses that calibration."""

import json
from pathlib import Path

import pytest
import torch

from isic_mmdet.engine.train.checkpoints import write_calibrated
from isic_mmdet.evaluation.expected_iou import REMEDY, fit_expected_iou
from isic_mmdet.evaluation.per_image import read_per_image

HOOKS = [{'type': 'EvaluationReportHook'}, {'type': 'ExpectedIoUHook'}]
BEST = {'type': 'CheckpointHook', 'save_best': 'lesion/iou', 'rule': 'greater'}
REPEATS = 6  # of five images; fewer than twenty images are not enough for a fit


@pytest.fixture
def work_dir(make_runner) -> Path:
    """The folder of a training of two epochs, each with a validation."""
    hooks = {'logger': {'type': 'LoggerHook', 'interval': 1}, 'checkpoint': BEST}
    runner = make_runner(HOOKS, default_hooks=hooks, repeats=REPEATS)
    runner.train()
    return Path(runner.work_dir)


def stored(checkpoint: Path) -> dict | None:
    return torch.load(checkpoint)['meta'].get('expected_iou')


def tested(make_runner, checkpoint: Path, folder: Path) -> list[dict]:
    make_runner(HOOKS, work_dir=folder, load_from=str(checkpoint), repeats=REPEATS).test()
    return read_per_image(folder / 'per_image.csv')


def test_the_best_checkpoint_has_the_calibration_of_its_validation(work_dir):
    (best,) = work_dir.glob('best_*.pth')
    rows = read_per_image(work_dir / 'per_image.csv')
    assert stored(best) == fit_expected_iou(rows).to_json()
    assert {row['check'] for row in rows if row['score'] is None} == {True}
    assert stored(work_dir / 'epoch_2.pth') is None, 'written before its validation'


def test_a_test_uses_the_calibration_of_its_checkpoint(work_dir, make_runner, tmp_path):
    (best,) = work_dir.glob('best_*.pth')
    content = torch.load(best)
    content['meta']['expected_iou'] |= {'intercept': 0.0, 'slope': 1.0}
    torch.save(content, tmp_path / 'other.pth')
    rows = tested(make_runner, tmp_path / 'other.pth', tmp_path / 'test')
    assert all(
        row['expected_iou'] == pytest.approx(row['mask_confidence'] or 0, abs=1e-6) for row in rows
    )
    report = json.loads((tmp_path / 'test' / 'metrics.json').read_text())
    assert report['calibration']['expected_iou']['images'] == len(rows)


def test_without_a_calibration_a_test_names_the_remedy(work_dir, make_runner, tmp_path):
    rows = tested(make_runner, work_dir / 'epoch_2.pth', tmp_path / 'test')
    assert {row['expected_iou'] for row in rows} == {row['check'] for row in rows} == {None}
    (log,) = (tmp_path / 'test').glob('*/*.log')
    assert REMEDY in log.read_text()


def test_too_few_images_leave_the_calibration_until_the_first_step(work_dir, make_runner, tmp_path):
    (best,) = work_dir.glob('best_*.pth')
    folder = tmp_path / 'few'
    make_runner(
        [*HOOKS, {'type': 'BeforeAfterHook'}],
        default_hooks={'checkpoint': BEST},
        work_dir=folder,
        load_from=str(best),
        optim_wrapper={'optimizer': {'type': 'SGD', 'lr': 0.0}},  # no epoch is better
    ).train()
    assert stored(folder / 'best_lesion_iou_epoch_0.pth') == stored(best)
    assert stored(folder / 'epoch_2.pth') is None


def test_a_calibrated_copy_is_tested_as_the_best_checkpoint(work_dir, make_runner, tmp_path):
    (best,) = work_dir.glob('best_*.pth')
    rows = tested(make_runner, work_dir / 'epoch_2.pth', tmp_path / 'without')
    write_calibrated(work_dir / 'epoch_2.pth', rows, tmp_path / 'copy.pth')
    assert stored(tmp_path / 'copy.pth') == stored(best)
    again = tested(make_runner, tmp_path / 'copy.pth', tmp_path / 'with')
    assert again == tested(make_runner, best, tmp_path / 'best')
