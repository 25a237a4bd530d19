"""The words of `--cfg-options` become keys and values."""

import argparse

import pytest

from isic_mmdet.engine.config.option_text import BareList, add_cfg_options, parse_value


@pytest.mark.parametrize(
    ('text', 'value'),
    [
        ('2', 2),
        ('2e-4', 2e-4),
        ('True', True),
        ('false', False),
        ('None', None),
        ('nan', 'nan'),
        ('annotations/val.json', 'annotations/val.json'),
        ('my photos/a (1)', 'my photos/a (1)'),
        ("'2018'", '2018'),
        ("'/data/a,b/'", '/data/a,b/'),
        ('"it\'s, here"', "it's, here"),
        ('[1, 2]', [1, 2]),
        ('(800,800)', (800, 800)),
        ('[(96,96),(128,128)]', [(96, 96), (128, 128)]),
        ('[horizontal, vertical]', ['horizontal', 'vertical']),
        ("['a,b', c]", ['a,b', 'c']),
        ('[]', []),
        ("{'type': 'GN', 'num_groups': 32}", {'type': 'GN', 'num_groups': 32}),
        ("[dict(type='LocalVisBackend')]", [{'type': 'LocalVisBackend'}]),
    ],
)
def test_values_are_python_literals_whose_texts_need_no_quotes(text, value):
    parsed = parse_value(text)
    assert parsed == value
    assert type(parsed) is type(value)


def test_a_list_without_brackets_is_a_bare_list():
    assert isinstance(parse_value('a,b.pth'), BareList)
    assert parse_value('1,(2,3),c') == [1, (2, 3), 'c']
    assert not isinstance(parse_value('[a,b.pth]'), BareList)


@pytest.fixture
def parser():
    parser = argparse.ArgumentParser()
    add_cfg_options(parser, 'a=1')
    return parser


@pytest.mark.parametrize(
    'word', ['train_cfg.max_epochs', '=2', 'a..b=2', '.a=2', 'a.=2', 'a=', 'a= ']
)
def test_a_word_without_key_or_value_is_a_usage_error(parser, word, capsys):
    with pytest.raises(SystemExit) as end:
        parser.parse_args(['--cfg-options', word])
    assert end.value.code == 2
    assert f'argument --cfg-options: {word!r}' in capsys.readouterr().err


def test_a_key_is_given_once(parser, capsys):
    given = parser.parse_args(['--cfg-options', 'a=1', '--cfg-options', 'b=x=y.pth'])
    assert given.cfg_options == {'a': 1, 'b': 'x=y.pth'}
    with pytest.raises(SystemExit):
        parser.parse_args(['--cfg-options', 'a=1', 'b=2', '--cfg-options', 'a=3'])
    assert 'a is given twice' in capsys.readouterr().err
