from mmengine.config import Config

from isic_mmdet.engine.config.recorded_config import (
    changes,
    parse_config,
    settings_of,
    training_digest,
)


def test_a_recorded_config_is_read_without_running_it(root):
    cfg = Config.fromfile(root / 'configs/isic2018_maskrcnn_lite.py')
    cfg.merge_from_dict({'model.odd': {'3d': [(1, -2.5), {}, None], 'far': float('inf')}})
    recorded = parse_config(cfg.pretty_text)
    assert recorded == settings_of(cfg)
    assert recorded['model']['odd'] == {'3d': [[1, -2.5], {}, None], 'far': 'inf'}
    assert recorded['optim_wrapper']['optimizer'] == dict(cfg.optim_wrapper.optimizer)


def test_code_in_a_recorded_config_is_text(tmp_path):
    target = tmp_path / 'touched'
    settings = parse_config(f"a = open({str(target)!r}, 'w')\nb = dict(c=__import__('os'))")
    assert not target.exists()
    assert settings['b'] == {'c': "__import__('os')"}


def test_changes_name_every_setting_that_differs():
    before = {'a': {'b': 1, 'gone': 2}, 'c': [{'d': 1}, {'e': 2}], 'same': [1, 2]}
    now = {'a': {'b': 3, 'new': 'x'}, 'c': [{'d': 1}, {'e': 5}], 'same': [1, 2]}
    assert [str(change) for change in changes(before, now)] == [
        'a.b: 1 -> 3',
        'a.gone: 2 -> not set',
        "a.new: not set -> 'x'",
        'c.1.e: 2 -> 5',
    ]


def test_the_digest_of_a_training_depends_on_the_recipe_alone(root):
    def digest(**settings: object) -> str:
        cfg = Config.fromfile(root / 'configs/quickstart.py')
        cfg.merge_from_dict(settings)
        return training_digest(cfg)

    assert digest() == digest(
        **{'randomness.seed': 7, 'train_dataloader.num_workers': 3, 'work_dir': 'elsewhere'}
    )
    assert digest() != digest(**{'optim_wrapper.optimizer.lr': 0.5})
