"""What the trackers record of a training, read with their own libraries, and which are missing."""

from pathlib import Path

import pytest
from mmengine.config import Config

from isic_mmdet.engine.checks.preflight import preflight
from isic_mmdet.engine.config.load import load_config
from isic_mmdet.engine.config.trackers import set_tracker_folders
from isic_mmdet.errors import InputError
from tests.support.waiting import wait_until

EXPECTED = {'loss', 'lr', 'lesion/iou'}


@pytest.fixture
def record(make_runner, tmp_path, monkeypatch):
    """Return a function that trains with one writer, and returns the work dir."""
    for name in ('MLFLOW_ALLOW_FILE_STORE', 'WANDB_MODE'):
        monkeypatch.setenv(name, '')  # restored after the test
        monkeypatch.delenv(name)

    def train(writer: str) -> Path:
        cfg = Config(dict(work_dir=str(tmp_path / 'work')))
        cfg.visualizer = dict(type='Visualizer', vis_backends=[dict(type=writer)])
        set_tracker_folders(cfg)
        runner = make_runner([], visualizer=cfg.visualizer)
        runner.cfg.work_dir = cfg.work_dir
        runner.train()
        return tmp_path / 'work'

    return train


def test_tensorboard_gets_losses_rates_and_scores(record):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(record('TensorboardVisBackend') / 'tensorboard'))
    events.Reload()
    assert set(events.Tags()['scalars']) >= EXPECTED


def test_mlflow_gets_losses_rates_and_scores(record):
    mlflow = pytest.importorskip('mlflow')
    folder = record('MLflowVisBackend') / 'mlflow'
    client = mlflow.MlflowClient(f'file://{folder}')
    runs = client.search_runs([each.experiment_id for each in client.search_experiments()])
    assert [set(run.data.metrics) >= EXPECTED for run in runs] == [True]


def test_weights_and_biases_gets_losses_rates_and_scores_offline(record):
    pytest.importorskip('wandb')
    (path,) = record('WandbVisBackend').glob('wandb/offline-run-*/*.wandb')
    # In the protocol buffers of a history, the name of a value is followed by tag 16, its JSON.
    # A process of the library writes them.
    names = [name.encode() + b'\x82\x01' for name in EXPECTED]
    wait_until(lambda: all(name in path.read_bytes() for name in names))


def test_a_missing_package_is_named_before_the_training(root, tiny_data, monkeypatch):
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    option = {'visualizer.vis_backends.1.type': 'MLflowVisBackend'}
    cfg = load_config(root / 'configs' / 'quickstart.py', option, tiny_data)
    with pytest.raises(InputError, match='pip install mlflow'):
        preflight(cfg, ('train_dataloader',))
