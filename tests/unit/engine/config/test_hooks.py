from isic_mmdet.engine.config.hooks import configured_hooks
from isic_mmdet.engine.config.load import load_config


def test_hooks_that_are_none_are_removed_except_those_of_the_runner(root):
    options = {'default_hooks.validation_loss': None, 'default_hooks.timer': None}
    hooks = load_config(root / 'configs/isic2018_maskrcnn.py', options).default_hooks
    assert 'validation_loss' not in hooks and hooks.timer is None
    # This one is None in the config itself.
    assert 'early_stopping' not in load_config(root / 'configs/quickstart.py').default_hooks


def test_configured_hooks(cfg):
    cfg.default_hooks = {'a': {'type': 'A'}, 'b': None}
    cfg.custom_hooks = [{'type': 'C'}]
    expected = [('default_hooks.a', {'type': 'A'}), ('custom_hooks.0', {'type': 'C'})]
    assert list(configured_hooks(cfg)) == expected
