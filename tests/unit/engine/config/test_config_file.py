"""An error in a config file is one message that names the user's file."""

import shutil

import pytest

from isic_mmdet.engine.config.config_file import read_config
from isic_mmdet.errors import InputError


def refusal(path) -> str:
    with pytest.raises(InputError) as error:
        read_config(path)
    return str(error.value)


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('train_cfg = dict(max_epochs=3\n', ["line 2: '(' was never closed", 'train_cfg = dict(']),
        (' x = 1', ['line 2: unexpected indent']),
        ('x = 1\ny = epochs', ["line 3: NameError: name 'epochs' is not defined"]),
        ('def f():\n    return 1 / 0\nx = f()', ['line 3: ZeroDivisionError']),
        ('import nowhere', ['line 2', "No module named 'nowhere'"]),
        ('exit(0)', ['line 2', 'SystemExit']),
        ('x = _base_.nothing', ['line 2', 'nothing']),
        ("x = '{{$NOT_SET_ANYWHERE:}}'", ['NOT_SET_ANYWHERE']),
        ('train_cfg = dict(max_epochs=dict(a=1))', ['max_epochs', '_delete_']),
        ("custom_imports = dict(imports=['my.own'])", ['custom_imports', "'my'", 'PYTHONPATH']),
    ],
)
def test_an_error_has_file_and_line(root, tmp_path, text, expected):
    path = tmp_path / 'mine.py'
    path.write_text(f"_base_ = '{root}/configs/quickstart.py'\n{text}\n")
    message = refusal(path)
    assert message.startswith(str(path))
    for words in expected:
        assert words in message


def test_an_error_in_a_base_or_a_custom_module_has_its_place(tmp_path, monkeypatch):
    path = tmp_path / 'mine.py'
    (tmp_path / 'base.py').write_text('x = (\n')
    path.write_text("_base_ = './base.py'\n")
    assert f'{tmp_path}/base.py, line 1' in refusal(path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / 'module_of_a_test.py').write_text('import nowhere\n')
    path.write_text("custom_imports = dict(imports=['module_of_a_test'])\n")
    message = refusal(path)
    assert f'{tmp_path}/module_of_a_test.py, line 1' in message
    assert 'nowhere' in message


def test_all_missing_bases_are_named_with_the_place_where_they_are(root, tmp_path):
    shutil.copy(root / 'configs/quickstart.py', tmp_path / 'mine.py')
    with pytest.raises(InputError) as error:
        read_config(tmp_path / 'mine.py')
    assert len(error.value.errors) == 4
    for problem in error.value.errors:
        assert problem.startswith(f"{tmp_path}/mine.py: its base file '{tmp_path}/_base_/")
        assert f"'{root}/configs/_base_/" in problem


@pytest.mark.parametrize(
    'base', ['./nowhere.py', 'mmdet::nowhere.py', 'mmnowhere::a.py', './mine.py']
)
def test_a_base_that_cannot_be_read_is_named(tmp_path, base):
    (tmp_path / 'mine.py').write_text(f"_base_ = '{base}'\n")
    assert base.removeprefix('./') in refusal(tmp_path / 'mine.py')


@pytest.mark.parametrize(
    ('name', 'content', 'expected'),
    [
        ('best.pth', b'PK', 'A checkpoint comes after it'),
        ('binary.py', b'\x80\x02\xff', 'binary.py is not a config'),
        ('zeros.py', b'a = 1\0', 'zeros.py is not a config'),
        ('broken.yaml', b'a: [1', 'broken.yaml'),
        ('list.json', b'[1]', 'list.json'),
        ('', None, 'is a folder'),
        ('nowhere.py', None, 'no such config'),
        ('mmdet::mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py', None, '_base_'),
    ],
)
def test_a_path_that_is_not_a_config_is_named(tmp_path, name, content, expected):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert expected in refusal(name if '::' in name else tmp_path / name)


def test_a_folder_may_have_quotes_and_brackets_in_its_name(root, tmp_path):
    folder = tmp_path / 'it\'s "mine" [2], {a}'
    folder.mkdir()
    path = folder / 'own.py'
    path.write_text(
        f"_base_ = '{root}/configs/quickstart.py'\n"
        'single = \'{{ fileDirname }}/data\'\ndouble = "{{fileDirname}}/data"\n'
    )
    cfg = read_config(path)
    assert cfg.single == cfg.double == f'{folder}/data'


def test_a_variable_that_its_base_has_used_already_is_refused(root, tmp_path):
    path = tmp_path / 'mine.py'
    base = f"_base_ = '{root}/configs/quickstart.py'\n"
    path.write_text(f"{base}data_root = '/my/data'\n")
    assert 'train_dataloader.dataset.data_root' in refusal(path)
    path.write_text(
        f"{base}data_root = '/my/data'\nnote = 'of my own'\n"
        'train_dataloader = dict(dataset=dict(data_root=data_root))\n'
    )
    cfg = read_config(path)
    assert cfg.train_dataloader.dataset.data_root == '/my/data'
    assert cfg.note == 'of my own'
