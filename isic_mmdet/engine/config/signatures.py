"""Which arguments a class or function takes, found without calling it.

`**kwargs` are followed to the base class that they are handed to. Where they go anywhere else, any
name may be meant.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

# These keep their `**kwargs`, and call something else with them later.
_HANDED_TO = {CheckpointHook: Runner.save_checkpoint}
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True)
class Arguments:
    """What can be given by name.

    Attributes:
        parameters: by name.
        is_open: whether other names may be given as well.
    """

    parameters: Mapping[str, inspect.Parameter]
    is_open: bool = False

    def __or__(self, other: 'Arguments') -> 'Arguments':
        """Return what at least one of the two takes."""
        return Arguments({**other.parameters, **self.parameters}, self.is_open or other.is_open)

    def without(self, *names: str) -> 'Arguments':
        """Return these arguments without some that the caller gives itself."""
        kept = {name: each for name, each in self.parameters.items() if name not in names}
        return Arguments(kept, self.is_open)


def named(*names: str) -> Arguments:
    """Return arguments of which nothing but the names is known."""
    kind = inspect.Parameter.KEYWORD_ONLY
    return Arguments({name: inspect.Parameter(name, kind, default=None) for name in names})


@cache
def arguments_of(target: Callable[..., Any]) -> Arguments:
    """Return the arguments of a function, or of a class with those of its bases."""
    if inspect.isclass(target):
        return _of_class(target)
    try:
        signature = inspect.signature(target)
    except (ValueError, TypeError):
        return Arguments({}, is_open=True)
    parameters = signature.parameters.values()
    return named(*_old_names(target)) | Arguments(
        {each.name: each for each in parameters if each.kind in _NAMED},
        any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters),
    )


def _of_class(cls: type) -> Arguments:
    found: dict[str, inspect.Parameter] = {}
    given: set[str] = set()  # by a class to its base
    classes = [each for each in cls.__mro__ if each is not object]
    while classes:
        each = classes.pop(0)
        init = each.__dict__.get('__init__')
        if init is None:
            continue
        try:
            parameters = list(inspect.signature(init).parameters.values())[1:]
        except (ValueError, TypeError):
            return Arguments(found, is_open=True)
        for parameter in parameters:
            if parameter.kind in _NAMED and parameter.name not in given:
                found.setdefault(parameter.name, parameter)
        found = {**named(*_old_names(init)).parameters, **found}
        rest = [p.name for p in parameters if p.kind is inspect.Parameter.VAR_KEYWORD]
        if not rest:
            return Arguments(found)
        use = _use_of(init, rest[0])
        found = {**named(*use.taken).parameters, **found}
        if each in _HANDED_TO:
            return Arguments(found) | arguments_of(_HANDED_TO[each]).without('self')
        if not use.only_to_base:
            return Arguments(found, is_open=True)
        given |= use.given - found.keys()
        names = [base.__name__ for base in classes]
        if use.after != each.__name__ and use.after in names:
            classes = classes[names.index(use.after) + 1 :]
    has_new = any('__new__' in each.__dict__ for each in cls.__mro__ if each is not object)
    return Arguments(found, is_open=has_new and not found)


def _old_names(function: Callable[..., Any]) -> set[str]:
    """Return the names that mmengine's `deprecated_api_warning` replaces by new ones."""
    if not inspect.isfunction(function):
        return set()
    return set(inspect.getclosurevars(function).nonlocals.get('name_dict') or ())


@dataclass
class _Use:
    """What a function does with its `**kwargs`.

    Attributes:
        taken: names that it looks for among them.
        given: names that it adds when it hands them on.
        only_to_base: whether it does nothing else than handing them to the next class.
        after: the class behind which that one comes, where it is not the class itself.
    """

    taken: set[str]
    given: set[str]
    only_to_base: bool
    after: str = ''


def _use_of(function: Callable[..., Any], name: str) -> _Use:
    try:
        source = textwrap.dedent(inspect.getsource(inspect.unwrap(function)))
        tree = ast.parse(source)
    except (OSError, TypeError, SyntaxError):
        return _Use(set(), set(), only_to_base=False)
    use = _Use(set(), set(), only_to_base=False)
    uses = sum(isinstance(node, ast.Name) and node.id == name for node in ast.walk(tree))
    understood = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _hands_on(node, name):
            understood += 1
            use.only_to_base = True
            use.after = _named_in_super(node)
            use.given |= {keyword.arg for keyword in node.keywords if keyword.arg}
        taken = _taken(node, name)
        if taken is not None:
            understood += 1
            use.taken.add(taken)
    use.only_to_base &= understood == uses
    return use


def _hands_on(call: ast.Call, name: str) -> bool:
    """Tell a call of the `__init__` of a base, as `super().__init__(**kwargs)`."""
    return (
        isinstance(call.func, ast.Attribute)
        and call.func.attr == '__init__'
        and any(k.arg is None and _is_name(k.value, name) for k in call.keywords)
    )


def _named_in_super(call: ast.Call) -> str:
    """Return X of `super(X, self).__init__()`."""
    source = call.func.value if isinstance(call.func, ast.Attribute) else None
    first = source.args[:1] if isinstance(source, ast.Call) else []
    return first[0].id if first and isinstance(first[0], ast.Name) else ''


def _taken(node: ast.AST, name: str) -> str | None:
    """Return the name that `kwargs.pop('name')`, `kwargs['name']` or `'name' in kwargs` takes."""
    key: ast.expr | None = None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        methods = ('pop', 'get', 'setdefault')
        if node.func.attr in methods and _is_name(node.func.value, name) and node.args:
            key = node.args[0]
    elif isinstance(node, ast.Subscript) and _is_name(node.value, name):
        key = node.slice
    elif isinstance(node, ast.Compare) and _is_name(node.comparators[0], name):
        key = node.left
    return key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else None


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name
