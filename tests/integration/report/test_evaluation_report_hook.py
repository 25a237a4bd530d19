"""The report and the provenance of every validation and test, through a real Runner."""

import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from isic_mmdet.engine import provenance
from isic_mmdet.engine.hooks.loaded_weights_hook import LoadedWeightsHook
from isic_mmdet.errors import InputError

HOOKS = [{'type': 'EvaluationReportHook'}]
IMAGES = [f'ISIC_900000{index}' for index in range(5)]


def iou(shift: int) -> float:
    """The IoU of a square of 20 columns that is shifted."""
    return (20 - shift) / (20 + shift)


TOP = [iou(0), iou(4), iou(8), iou(12), 0.0]
SCORES = {'iou': TOP, 'iou_max': [max(score, iou(2)) for score in TOP[:4]] + [0.0]}


@pytest.fixture
def train(make_runner):
    """Return a function that trains, with the weights hook of every training."""

    def start(epochs: int = 1, **settings):
        runner = make_runner(HOOKS, epochs=epochs, **settings)
        runner.register_hook(LoadedWeightsHook())
        runner.train()
        return runner

    return start


@pytest.fixture
def tested(make_runner, tmp_path):
    """Return a function that tests a checkpoint, and returns the report."""

    def test(checkpoint: Path) -> dict:
        make_runner(HOOKS, work_dir=tmp_path / 'test', load_from=str(checkpoint)).test()
        return json.loads((tmp_path / 'test' / 'metrics.json').read_text())

    return test


def log_lines(work_dir: Path, text: str) -> list[str]:
    logs = sorted(work_dir.glob('*/*.log'))
    return [line for log in logs for line in log.read_text().splitlines() if text in line]


def training_facts(checkpoint: Path) -> dict:
    return torch.load(checkpoint)['meta']['training']


def is_png(path: Path) -> bool:
    return path.read_bytes().startswith(b'\x89PNG')


def test_every_validation_writes_scores_provenance_and_plots(train):
    work_dir = Path(train(epochs=2).work_dir)
    with (work_dir / 'per_image.csv').open() as file:
        rows = list(csv.DictReader(file))
    for rule, values in SCORES.items():
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
    for plot in ('iou_box', 'training_curves', 'losses'):
        assert is_png(work_dir / f'plots/{plot}.png')
    assert len(log_lines(work_dir, 'lesion/iou over')) == 2


@pytest.mark.parametrize('classes', [('lesion',), ('benign', 'melanoma')])
def test_quartiles_are_numpys_and_a_confusion_matrix_needs_classes(make_runner, classes):
    runner = make_runner(HOOKS, classes=classes)
    runner.test()
    drawn = (Path(runner.work_dir) / 'plots' / 'confusion_matrix.png').is_file()
    assert drawn == (len(classes) == 2)
    for rule, values in SCORES.items():
        (line,) = log_lines(Path(runner.work_dir), f'lesion/{rule} over')
        assert '5 images' in line
        quartiles = np.percentile(values, [0, 25, 50, 75, 100])
        for name, value in zip(('min', 'Q1', 'median', 'Q3', 'max'), quartiles, strict=True):
            assert f'{name} {value:.4f}' in line
        assert f'mean {np.mean(values):.4f}' in line


def test_a_test_names_its_checkpoint_and_how_it_was_trained(train, tested, tmp_path):
    train(epochs=2)
    checkpoint = tmp_path / 'work' / 'epoch_2.pth'
    meta = torch.load(checkpoint)['meta']
    annotations = tmp_path / 'squares' / 'annotations' / 'val.json'
    assert meta['training_images'] == IMAGES
    assert meta['training']['data_digest'] == hashlib.sha256(annotations.read_bytes()).hexdigest()
    report = tested(checkpoint)
    assert report['checkpoint'] == 'epoch_2.pth'
    assert report['checkpoint_sha256'] == hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    assert (report['epoch'], report['seed']) == (2, 7)
    assert report['training'] == meta['training']
    assert report['training']['seconds'] > 0
    assert report['data_digest'] == meta['training']['data_digest']
    assert report['code'].startswith(report['versions']['isic_mmdet'])
    assert report['trained_on'] == 5
    assert log_lines(tmp_path / 'test', 'was trained on 5 of these 5 images')
    assert (tmp_path / 'test' / 'per_image.csv').is_file()
    assert is_png(tmp_path / 'test' / 'plots' / 'iou_box.png')
    assert not (tmp_path / 'test' / 'plots' / 'training_curves.png').exists()


@pytest.mark.parametrize(('images', 'trained_on'), [(['ISIC_0000000'], 0), (None, None)])
def test_other_or_unknown_training_images_need_no_warning(
    train, tested, tmp_path, images, trained_on
):
    train()
    checkpoint = tmp_path / 'work' / 'epoch_1.pth'
    loaded = torch.load(checkpoint)
    loaded['meta']['training_images'] = images
    torch.save(loaded, checkpoint)
    assert tested(checkpoint)['trained_on'] == trained_on
    assert not log_lines(tmp_path / 'test', 'was trained on')


def test_weights_of_another_program_leave_the_training_unknown(make_runner, tested, tmp_path):
    weights = tmp_path / 'plain.pth'
    torch.save(make_runner(HOOKS).model.state_dict(), weights)
    report = tested(weights)
    assert (report['checkpoint'], report['training']) == ('plain.pth', {})
    assert report['seed'] is report['epoch'] is report['trained_on'] is None


def test_a_resumption_adds_its_time_machine_and_version(train, tmp_path, monkeypatch):
    train()
    checkpoints = [tmp_path / 'work' / f'epoch_{epoch}.pth' for epoch in (1, 2, 3)]
    facts = [training_facts(checkpoints[0])]
    monkeypatch.setattr('sys.argv', ['another.py'])
    monkeypatch.setattr(provenance, 'hardware', lambda runner: '8 x H100')
    monkeypatch.setattr(provenance, 'code_version', lambda: '0.2.0')
    for epochs in (2, 3):
        train(epochs=epochs, load_from=str(checkpoints[epochs - 2]), resume=True)
        facts.append(training_facts(checkpoints[epochs - 1]))
    first, second, third = (each.pop('seconds') for each in facts)
    assert first < second < third
    assert facts[1] == facts[0] | {
        'hardware': f'{facts[0]["hardware"]}, then 8 x H100',
        'code': f'{facts[0]["code"]}, then 0.2.0',
    }
    assert facts[2] == facts[1], 'the second resumption is on the same machine'


def test_fine_tuning_starts_a_record_of_its_own(train, tmp_path, monkeypatch):
    train()
    monkeypatch.setattr('sys.argv', ['tools/train.py', 'a config.py'])
    train(work_dir=tmp_path / 'tuned', load_from=str(tmp_path / 'work/epoch_1.pth'))
    facts = training_facts(tmp_path / 'tuned' / 'epoch_1.pth')
    assert facts['weights'] == 'epoch_1.pth'
    assert facts['command'] == "python tools/train.py 'a config.py'"


@pytest.mark.parametrize('metrics', [('CocoResultDump',), ('LesionMetric', 'LesionMetric')])
def test_an_evaluator_without_exactly_one_lesion_metric_is_refused(make_runner, tmp_path, metrics):
    out = {'CocoResultDump': {'out_file': str(tmp_path / 'out.json')}}
    runner = make_runner(HOOKS, evaluator=[{'type': m, **out.get(m, {})} for m in metrics])
    with pytest.raises(InputError, match='exactly one LesionMetric'):
        runner.test()


@pytest.mark.parametrize(
    'hook',
    [
        {'type': 'CheckpointHook', 'save_best': ['lesion/iou', 'lesion/iuo']},
        {'type': 'EarlyStoppingHook', 'monitor': 'lesion/iuo'},
    ],
)
def test_a_monitored_score_that_no_validation_reports_is_refused(train, hook):
    with pytest.raises(InputError, match='no such score') as caught:
        train(default_hooks={'checkpoint': {**hook, 'rule': 'greater'}})
    assert len(caught.value.errors) == 1 and 'lesion/iuo' in caught.value.errors[0]


def test_a_damaged_log_costs_the_curves_and_not_the_training(train, tmp_path):
    scalars = tmp_path / 'work' / 'scalars.json'
    scalars.parent.mkdir(parents=True)
    scalars.write_text('{"loss": 1.0, "st\n')
    assert train(epochs=2).epoch == 2
    assert log_lines(tmp_path / 'work', 'no training curves drawn')
    assert not (tmp_path / 'work' / 'plots' / 'training_curves.png').exists()


def test_other_processes_write_nothing(make_runner, monkeypatch):
    monkeypatch.setattr('isic_mmdet.report.evaluation_report_hook.is_main_process', lambda: False)
    runner = make_runner(HOOKS)
    runner.test()
    assert not (Path(runner.work_dir) / 'metrics.json').exists()
    assert not (Path(runner.work_dir) / 'plots').exists()
