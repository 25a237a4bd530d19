"""A run in miniature: real images on disk, a real Runner, and a model that needs no training."""

import uuid
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.runner import Runner

import isic_mmdet.register  # noqa: F401
from tests.support.squares import ShiftedSquares, Squares


@pytest.fixture
def make_runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that builds a Runner over the squares, in one work folder."""
    # It asks compilers for their versions, a second for every Runner.
    monkeypatch.setattr('mmengine.runner.runner.collect_env', dict)

    def make(
        hooks: list,
        epochs: int = 2,
        classes: tuple[str, ...] = ('lesion',),
        evaluator: tuple[dict, ...] = ({'type': 'LesionMetric'},),
        work_dir: Path = tmp_path / 'work',
        **settings,
    ) -> Runner:
        dataset = Squares(tmp_path / 'squares', classes)
        loader = {
            'batch_size': 2,
            'num_workers': 0,
            'dataset': dataset,
            'sampler': {'type': 'DefaultSampler', 'shuffle': False},
            'collate_fn': {'type': 'pseudo_collate'},
        }
        # mmengine takes the name of a run from the config's file.
        config = Config(
            {'model': {'type': 'ShiftedSquares'}, 'load_from': settings.get('load_from')},
            cfg_text='model = dict()',
            filename=str(tmp_path / 'squares.py'),
        )
        own = {
            'model': ShiftedSquares(),
            'work_dir': str(work_dir),
            'train_dataloader': loader,
            'train_cfg': {'by_epoch': True, 'max_epochs': epochs},
            'optim_wrapper': {'optimizer': {'type': 'SGD', 'lr': 0.1}},
            'val_dataloader': loader,
            'val_cfg': {},
            'val_evaluator': list(evaluator),
            'test_dataloader': loader,
            'test_cfg': {},
            'test_evaluator': list(evaluator),
            'default_hooks': {'logger': {'type': 'LoggerHook', 'interval': 1}},
            'custom_hooks': hooks,
            'visualizer': {
                'type': 'Visualizer',
                'vis_backends': [{'type': 'LocalVisBackend', 'save_dir': str(work_dir)}],
            },
            'randomness': {'seed': 7},
            'default_scope': 'mmdet',
            'experiment_name': uuid.uuid4().hex,
            'cfg': config,
        }
        return Runner(**(own | settings))

    return make
