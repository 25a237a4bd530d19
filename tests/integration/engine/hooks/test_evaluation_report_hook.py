"""The report of every validation and test, through a real Runner."""

import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from isic_mmdet.engine import provenance
from isic_mmdet.errors import InputError

HOOKS = [{'type': 'EvaluationReportHook'}]


def expected_ious() -> dict[str, list[float]]:
    """The scores of the squares in conftest, by hand: a shift of s leaves 20 - s of 20 columns."""

    def iou(shift: int) -> float:
        return (20 - shift) / (20 + shift)

    top = [iou(0), iou(4), iou(8), iou(12), 0.0]
    return {'iou': top, 'iou_max': [max(score, iou(2)) for score in top[:4]] + [0.0]}


def log_lines(work_dir: Path, text: str) -> list[str]:
    logs = sorted(work_dir.glob('*/*.log'))
    return [line for log in logs for line in log.read_text().splitlines() if text in line]


def training_facts(checkpoint: Path) -> dict:
    return torch.load(checkpoint)['meta']['training']


def test_validation_leaves_scores_provenance_and_plots(make_runner):
    runner = make_runner(HOOKS)
    runner.train()
    work_dir = Path(runner.work_dir)

    with (work_dir / 'per_image.csv').open() as file:
        rows = list(csv.DictReader(file))
    for rule, values in expected_ious().items():
        assert [float(row[rule]) for row in rows] == pytest.approx(values)

    report = json.loads((work_dir / 'metrics.json').read_text())
    assert report['images'] == 5
    assert report['metrics']['lesion/missed'] == pytest.approx(0.2)
    assert (report['config'], report['data'], report['split']) == ('squares', 'squares', 'val')
    assert (report['epoch'], report['seed'], report['checkpoint']) == (2, 7, None)
    assert report['versions']['torch'] == torch.__version__
    assert report['versions']['numpy'] == np.__version__
    assert report['date'].endswith('+00:00')
    assert report['hardware']
    assert report['training']['weights'] == 'random'

    for picture in ('plots/iou_box.png', 'plots/training_curves.png', 'plots/losses.png'):
        assert (work_dir / picture).read_bytes().startswith(b'\x89PNG')


@pytest.mark.parametrize('classes', [('lesion',), ('benign', 'melanoma')])
def test_confusion_matrix_is_drawn_where_there_is_one(make_runner, classes):
    runner = make_runner(HOOKS, classes=classes)
    runner.test()
    drawn = (Path(runner.work_dir) / 'plots' / 'confusion_matrix.png').is_file()
    assert drawn == (len(classes) == 2)


def test_quartiles_in_the_log_are_numpys(make_runner):
    runner = make_runner(HOOKS)
    runner.test()
    for rule, values in expected_ious().items():
        (line,) = log_lines(Path(runner.work_dir), f'lesion/{rule} over')
        assert '5 images' in line
        quartiles = np.percentile(values, [0, 25, 50, 75, 100])
        for name, value in zip(('min', 'Q1', 'median', 'Q3', 'max'), quartiles, strict=True):
            assert f'{name} {value:.4f}' in line
        assert f'mean {np.mean(values):.4f}' in line


def test_every_validation_is_reported_and_curves_grow(make_runner):
    runner = make_runner(HOOKS, epochs=3)
    runner.train()
    assert len(log_lines(Path(runner.work_dir), 'lesion/iou over')) == 3


def test_test_names_its_checkpoint_and_how_that_was_trained(make_runner, tmp_path):
    make_runner(HOOKS).train()
    checkpoint = tmp_path / 'work' / 'epoch_2.pth'
    test_dir = tmp_path / 'tested'
    make_runner(HOOKS, work_dir=test_dir, load_from=str(checkpoint)).test()

    report = json.loads((test_dir / 'metrics.json').read_text())
    assert report['checkpoint'] == 'epoch_2.pth'
    assert report['checkpoint_sha256'] == hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    assert (report['epoch'], report['seed']) == (2, 7)
    assert report['training'] == training_facts(checkpoint)
    assert report['training']['seconds'] > 0
    assert (test_dir / 'per_image.csv').is_file()
    assert (test_dir / 'plots' / 'iou_box.png').read_bytes().startswith(b'\x89PNG')
    assert not (test_dir / 'plots' / 'training_curves.png').exists()


def test_images_that_were_trained_on_are_told(make_runner, tmp_path):
    make_runner(HOOKS).train()
    checkpoint = tmp_path / 'work' / 'epoch_2.pth'
    meta = torch.load(checkpoint)['meta']
    assert meta['training_images'] == [f'ISIC_900000{index}' for index in range(5)]
    ann_file = tmp_path / 'squares' / 'annotations' / 'val.json'
    assert meta['training']['data_digest'] == hashlib.sha256(ann_file.read_bytes()).hexdigest()
    tester = make_runner(HOOKS, work_dir=tmp_path / 'test', load_from=str(checkpoint))
    tester.test()
    report = json.loads((tmp_path / 'test' / 'metrics.json').read_text())
    assert report['trained_on'] == 5
    assert report['data_digest'] == meta['training']['data_digest']
    assert report['code'].startswith(report['versions']['isic_mmdet'])
    assert log_lines(tmp_path / 'test', 'was trained on 5 of these 5 images')


def test_images_that_were_not_trained_on_need_no_warning(make_runner, tmp_path):
    make_runner(HOOKS).train()
    checkpoint = tmp_path / 'work' / 'epoch_2.pth'
    loaded = torch.load(checkpoint)
    loaded['meta']['training_images'] = ['ISIC_0000000']
    torch.save(loaded, checkpoint)
    make_runner(HOOKS, work_dir=tmp_path / 'test', load_from=str(checkpoint)).test()
    assert json.loads((tmp_path / 'test' / 'metrics.json').read_text())['trained_on'] == 0
    assert not log_lines(tmp_path / 'test', 'was trained on')


def test_resumed_training_keeps_its_clock_and_origin(make_runner, tmp_path, monkeypatch):
    make_runner(HOOKS, epochs=1, load_from=None).train()
    checkpoint = tmp_path / 'work' / 'epoch_1.pth'
    first = training_facts(checkpoint)
    monkeypatch.setattr(provenance.sys, 'argv', ['another.py'])
    make_runner(HOOKS, epochs=2, load_from=str(checkpoint), resume=True).train()
    second = training_facts(tmp_path / 'work' / 'epoch_2.pth')
    assert second.pop('seconds') > first.pop('seconds')
    assert second == first


def test_a_resumption_elsewhere_names_both_machines_and_versions(
    make_runner, tmp_path, monkeypatch
):
    make_runner(HOOKS, epochs=1).train()
    first = training_facts(tmp_path / 'work' / 'epoch_1.pth')
    monkeypatch.setattr(provenance, 'hardware', lambda runner: '8 x H100')
    monkeypatch.setattr(provenance, 'code_version', lambda: '0.2.0')
    for epochs in (2, 3):  # the second resumption adds nothing
        start = str(tmp_path / 'work' / f'epoch_{epochs - 1}.pth')
        make_runner(HOOKS, epochs=epochs, load_from=start, resume=True).train()
    facts = training_facts(tmp_path / 'work' / 'epoch_3.pth')
    assert facts['hardware'] == f'{first["hardware"]}, then 8 x H100'
    assert facts['code'] == f'{first["code"]}, then 0.2.0'
    assert facts['seed'] == first['seed']


def test_a_checkpoint_that_does_not_say_leaves_it_unknown(make_runner, tmp_path):
    make_runner(HOOKS, epochs=1).train()
    path = tmp_path / 'work' / 'epoch_1.pth'
    published = {'state_dict': torch.load(path, weights_only=True)['state_dict']}
    torch.save(published, path)
    make_runner(HOOKS, work_dir=tmp_path / 'test', load_from=str(path)).test()
    assert json.loads((tmp_path / 'test' / 'metrics.json').read_text())['trained_on'] is None


def test_fine_tuning_starts_a_record_of_its_own(make_runner, tmp_path, monkeypatch):
    make_runner(HOOKS, epochs=1).train()
    monkeypatch.setattr(provenance.sys, 'argv', ['tools/train.py', 'a config.py'])
    make_runner(
        HOOKS, epochs=1, work_dir=tmp_path / 'tuned', load_from=str(tmp_path / 'work/epoch_1.pth')
    ).train()
    facts = training_facts(tmp_path / 'tuned' / 'epoch_1.pth')
    assert facts['weights'] == 'epoch_1.pth'
    assert facts['command'] == "python tools/train.py 'a config.py'"


def test_foreign_checkpoint_leaves_the_training_unknown(make_runner, tmp_path):
    runner = make_runner(HOOKS)
    weights = tmp_path / 'plain.pth'
    torch.save(runner.model.state_dict(), weights)
    make_runner(HOOKS, load_from=str(weights), work_dir=tmp_path / 'tested').test()
    report = json.loads((tmp_path / 'tested' / 'metrics.json').read_text())
    assert report['checkpoint'] == 'plain.pth'
    assert report['training'] == {}
    assert report['seed'] is report['epoch'] is None


@pytest.mark.parametrize('metrics', [('CocoResultDump',), ('LesionMetric', 'LesionMetric')])
def test_evaluator_without_exactly_one_lesion_metric_is_refused(make_runner, tmp_path, metrics):
    evaluator = [
        {'type': name, **({'out_file': str(tmp_path / 'out.json')} if 'Dump' in name else {})}
        for name in metrics
    ]
    runner = make_runner(HOOKS, evaluator=evaluator)
    with pytest.raises(InputError, match='exactly one LesionMetric'):
        runner.test()


def test_damaged_log_costs_the_curves_and_not_the_training(make_runner, tmp_path):
    scalars = tmp_path / 'work' / 'scalars.json'
    scalars.parent.mkdir(parents=True)
    scalars.write_text('{"loss": 1.0, "st\n')
    runner = make_runner(HOOKS)
    runner.train()
    assert runner.epoch == 2
    assert log_lines(tmp_path / 'work', 'no training curves drawn')
    assert not (tmp_path / 'work' / 'plots' / 'training_curves.png').exists()


def test_other_processes_write_nothing(make_runner, monkeypatch):
    monkeypatch.setattr('isic_mmdet.report.evaluation_report_hook.is_main_process', lambda: False)
    runner = make_runner(HOOKS)
    runner.test()
    assert not (Path(runner.work_dir) / 'metrics.json').exists()
    assert not (Path(runner.work_dir) / 'plots').exists()


def test_initial_weights_are_found_wherever_the_config_names_them():
    backbone = {'type': 'ResNet', 'init_cfg': {'type': 'Pretrained', 'checkpoint': 'a/r18.pth'}}
    nested = {
        'model': {
            'type': 'X',
            'parts': [{'backbone': backbone}, {'init_cfg': [backbone['init_cfg']]}],
        }
    }
    assert provenance.initial_weights(nested) == 'r18.pth'
    assert (
        provenance.initial_weights({**nested, 'load_from': 'https://host/coco.pth'}) == 'coco.pth'
    )
    assert provenance.initial_weights({'model': {'init_cfg': {'type': 'Normal'}}}) == 'random'
