"""Which keys the code of some classes reads from the dicts that it is given.

The settings of `model.test_cfg` and the like are no arguments of anything: heads look them up one
by one, as `cfg.nms_pre` or `cfg.get('min_bbox_size', 0)`.
"""

import ast
import inspect
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

_METHODS = ('get', 'pop', 'setdefault')
# What dicts of settings are called in mmdet and mmengine.
_SETTINGS = ('cfg', 'config', 'prefix', 'metainfo')
# Packages whose classes have no settings of ours.
_FOREIGN = ('torch', 'builtins', 'abc', 'typing', 'collections')


def names_read_by(classes: Iterable[type]) -> set[str]:
    """Return all keys that some classes may read from dicts of settings.

    These are the keys in the modules of the classes and of their bases, and of the functions that
    those modules use.
    """
    return set().union(*(_of_module(name)[0] for name in _modules(classes))) - set(dir(dict))


def texts_of(classes: Iterable[type]) -> set[str]:
    """Return all texts in the same modules, such as the choices of an argument."""
    return set().union(*(_of_module(name)[1] for name in _modules(classes)))


def _modules(classes: Iterable[type]) -> set[str]:
    names = {base.__module__ for cls in classes for base in cls.__mro__}
    for name in list(names):
        used = vars(sys.modules.get(name) or object).values()
        names |= {each.__module__ for each in used if inspect.isfunction(each)}
    return {name for name in names if name and name.partition('.')[0] not in _FOREIGN}


@cache
def _of_module(name: str) -> tuple[set[str], set[str]]:
    """Return the keys that a module reads, and its texts."""
    keys: set[str] = set()
    texts: set[str] = set()
    path = getattr(sys.modules.get(name), '__file__', None)
    if path is not None and Path(path).is_file():
        for node in ast.walk(ast.parse(Path(path).read_text(encoding='utf-8'))):
            keys |= _read_in(node)
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.add(node.value)
    return keys, texts


def _read_in(node: ast.AST) -> set[str]:
    source: ast.AST | None = None
    key: ast.AST | None = None
    if isinstance(node, ast.Attribute):
        return {node.attr} if _is_settings(node.value) else set()
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr in _METHODS and node.args:
            source, key = node.func.value, node.args[0]
    elif isinstance(node, ast.Subscript):
        source, key = node.value, node.slice
    elif isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.In, ast.NotIn)):
        source, key = node.comparators[0], node.left
    if isinstance(key, ast.Constant) and isinstance(key.value, str) and _is_settings(source):
        return {key.value}
    return set()


def _is_settings(node: ast.AST | None) -> bool:
    """Tell `cfg`, `self.test_cfg`, `self.test_cfg.rcnn` and the like by their names."""
    name = ast.unparse(node).lower() if isinstance(node, (ast.Name, ast.Attribute)) else ''
    return any(word in name for word in _SETTINGS)
