"""The module `mmcv._ext`: what it contains, and how it appears to tools."""

import ast
import copy
import doctest
import importlib.util
import inspect
import pickle
import sys
from pathlib import Path

import mmcv
import mmcv.ops
import mmdet.models  # noqa: F401 - needs every operator
import mmengine.utils.dl_utils
import pytest
import torch

from isic_mmdet.compat import install
from isic_mmdet.compat.mmcv_ops import OPERATORS
from isic_mmdet.errors import InputError

EXT = sys.modules['mmcv._ext']


@pytest.fixture(scope='module')
def names() -> list[str]:
    """The operators in every `ext_loader.load_ext('_ext', [...])` of mmcv.ops."""
    found = set()
    for path in Path(mmcv.ops.__file__).parent.glob('*.py'):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, 'attr', '') == 'load_ext':
                found.update(ast.literal_eval(node.args[1]))
    assert len(found) > 80
    return sorted(found)


def test_every_operator_is_there_and_a_missing_one_names_itself_when_it_is_called(names):
    assert set(OPERATORS) <= set(names)
    for name in names:
        operator = getattr(EXT, name)
        assert callable(operator)
        if name not in OPERATORS:
            with pytest.raises(InputError, match=f"'{name}' is not available.*full mmcv 2.1.0"):
                operator(torch.zeros(1), extra=1)
    with pytest.raises(RuntimeError, match='sigmoid_focal_loss_forward'):
        mmcv.ops.sigmoid_focal_loss(torch.rand(2, 3), torch.tensor([0, 1]))


def test_the_module_is_an_ordinary_one_to_tools_that_inspect_modules():
    spec = importlib.util.find_spec('mmcv._ext')
    assert spec is EXT.__spec__
    assert spec.loader is not None
    assert not hasattr(EXT, '__wrapped__')
    assert not hasattr(EXT, '_anything')
    assert inspect.getdoc(EXT)
    assert dict(inspect.getmembers(EXT))['nms'] is OPERATORS['nms']
    assert doctest.DocTestFinder(exclude_empty=True).find(EXT) is not None
    assert copy.copy(EXT.nms) is pickle.loads(pickle.dumps(EXT.nms)) is EXT.nms


def test_environment_reports_work():
    assert 'MMEngine' in mmengine.utils.dl_utils.collect_env()
    report = mmcv.utils.collect_env()
    assert 'torchvision' in report['MMCV Compiler']
    assert report['MMCV CUDA Compiler'] == 'none'


def test_a_second_installation_changes_nothing():
    before = list(sys.meta_path), set(torch.serialization.get_safe_globals())
    install()
    assert (sys.meta_path, set(torch.serialization.get_safe_globals())) == before
    assert sys.modules['mmcv._ext'] is EXT
