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
    modules = {base.__module__ for cls in classes for base in cls.__mro__}
    for name in list(modules):
        used = vars(sys.modules.get(name) or object).values()
        modules |= {each.__module__ for each in used if inspect.isfunction(each)}
    modules = {name for name in modules if name and name.partition('.')[0] not in _FOREIGN}
    return set().union(*map(_of_module, sorted(modules))) - set(dir(dict))


@cache
def _of_module(name: str) -> frozenset[str]:
    path = getattr(sys.modules.get(name), '__file__', None)
    if path is None or not Path(path).is_file():
        return frozenset()
    found: set[str] = set()
    for node in ast.walk(ast.parse(Path(path).read_text(encoding='utf-8'))):
        found |= _read_in(node)
    return frozenset(found)


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
