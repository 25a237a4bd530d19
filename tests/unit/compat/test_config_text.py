from mmengine.config import Config, config
from yapf.yapflib import yapf_api

from isic_mmdet import compat

compat.install()
CONTENT = {'model': {'type': 'MaskRCNN', 'layers': list(range(40))}, 'seed': 7}


def test_an_unchanged_config_is_formatted_once(monkeypatch):
    calls = []
    format_tree = yapf_api.FormatTree

    def counted(*arguments, **options):
        calls.append(arguments)
        return format_tree(*arguments, **options)

    monkeypatch.setattr(yapf_api, 'FormatTree', counted)
    cfg = Config({**CONTENT, 'name': 'unchanged'})
    assert cfg.pretty_text == cfg.pretty_text == Config(cfg.to_dict()).pretty_text
    assert len(calls) == 1
    cfg.seed = 8
    assert 'seed = 8' in cfg.pretty_text
    assert len(calls) == 2


def test_the_text_is_what_yapf_gives(monkeypatch):
    text = Config(CONTENT).pretty_text
    monkeypatch.setattr(config, 'FormatCode', yapf_api.FormatCode)
    assert text == Config(CONTENT).pretty_text
