"""A run in miniature: real images on disk, a real Runner, and a model that needs no training."""

import uuid
from pathlib import Path

import pytest


@pytest.fixture
def make_runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that builds a Runner over the squares, in one work folder."""
    from mmengine.config import Config
    from mmengine.runner import Runner

    from tests.support.squares import ShiftedSquares, Squares

    # It asks compilers for their versions, which takes a second for every Runner.
    monkeypatch.setattr('mmengine.runner.runner.collect_env', dict)

    def make(
        hooks: list,
        epochs: int = 2,
        classes: tuple[str, ...] = ('lesion',),
        evaluator: tuple[dict, ...] = ({'type': 'LesionMetric'},),
        work_dir: Path = tmp_path / 'work',
        repeats: int = 1,
        **settings,
    ) -> Runner:
        loader = {
            'batch_size': 2,
            'num_workers': 0,
            'dataset': Squares(tmp_path / 'squares', classes, repeats),
            'sampler': {'type': 'DefaultSampler', 'shuffle': False},
            'collate_fn': {'type': 'pseudo_collate'},
        }
        # mmengine takes the name of a run from the config's file.
        config = Config(
            {'model': {'type': 'ShiftedSquares'}, 'load_from': settings.get('load_from')},
            cfg_text='model = dict()',
            filename=str(tmp_path / 'squares.py'),
        )
        defaults = {
            'model': ShiftedSquares(),
            'work_dir': str(work_dir),
            'train_dataloader': loader,
            'train_cfg': {'by_epoch': True, 'max_epochs': epochs},
            'optim_wrapper': {'optimizer': {'type': 'SGD', 'lr': 0.1}},
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
        for split in ('val', 'test'):
            defaults |= {f'{split}_dataloader': loader, f'{split}_cfg': {}}
            defaults[f'{split}_evaluator'] = list(evaluator)
        return Runner(**(defaults | settings))

    return make
