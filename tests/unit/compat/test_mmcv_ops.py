"""The module `mmcv._ext`: what it holds, how it reports itself, and when it stands back."""

import ast
import copy
import doctest
import importlib.util
import inspect
import pickle
import subprocess
import sys
from pathlib import Path

import mmcv
import mmcv.ops
import mmengine.utils.dl_utils
import pytest
import torch

from isic_mmdet.compat import install
from isic_mmdet.compat.mmcv_ops import OPERATORS
from isic_mmdet.errors import InputError

EXT = sys.modules['mmcv._ext']

# A compiled module that does not load, then one that does: neither may be replaced.
WITH_A_COMPILED_ONE = """
import pathlib, sys
import mmcv
folder = sys.argv[1]
compiled = pathlib.Path(folder, '_ext.py')
mmcv.__path__.append(folder)
from isic_mmdet.compat import install
install()

compiled.write_text('raise ImportError("undefined symbol")')
try:
    import mmcv._ext
except ImportError as error:
    assert 'undefined symbol' in str(error)
else:
    raise AssertionError('a compiled module that fails was replaced')

compiled.write_text('nms = "compiled"')
import mmcv._ext
install()
assert sys.modules['mmcv._ext'].__file__ == str(compiled)
assert mmcv._ext.nms == 'compiled' and not hasattr(mmcv._ext, 'roi_align_forward')
"""


def names_that_mmcv_asks_for():
    """Return the operator names in every `ext_loader.load_ext('_ext', [...])` of mmcv.ops."""
    names = set()
    for path in Path(mmcv.ops.__file__).parent.glob('*.py'):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, 'attr', '') == 'load_ext':
                names.update(ast.literal_eval(node.args[1]))
    return sorted(names)


def test_mmdet_imports_with_every_operator_in_place():
    import mmdet.models  # noqa: F401

    names = names_that_mmcv_asks_for()
    assert len(names) > 80
    for name in names:
        assert callable(getattr(EXT, name))
    assert set(OPERATORS) <= set(names)


def test_an_operator_without_counterpart_names_itself_and_the_remedy():
    for name in set(names_that_mmcv_asks_for()) - set(OPERATORS):
        operator = getattr(EXT, name)
        with pytest.raises(InputError, match=f"'{name}' is not available.*the full mmcv 2.1.0"):
            operator(torch.zeros(1), extra=1)
    with pytest.raises(RuntimeError, match='sigmoid_focal_loss_forward'):
        mmcv.ops.sigmoid_focal_loss(torch.rand(2, 3), torch.tensor([0, 1]))


def test_the_module_is_an_ordinary_one_to_tools_that_look_at_modules():
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


def test_installing_again_changes_nothing():
    before = list(sys.meta_path)
    install()
    assert sys.meta_path == before
    assert sys.modules['mmcv._ext'] is EXT


def test_a_compiled_module_is_left_untouched(tmp_path, root):
    result = subprocess.run(
        [sys.executable, '-B', '-c', WITH_A_COMPILED_ONE, str(tmp_path)],
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
