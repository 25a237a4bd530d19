"""Whether a value can take the place of another one, or of the argument of a class."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from isic_mmdet.engine.config.option_text import BareList

#: Stands for a setting that is not there.
ABSENT = object()
_KINDS = {bool: 'True or False', int: 'a whole number', float: 'a number', str: 'a text'}


def value_error(old: Any, new: Any, parameter: inspect.Parameter | None) -> str | None:
    """Return why a value cannot be meant; None if it can.

    Args:
        old: that it replaces, or `ABSENT`.
        new: that was given.
        parameter: that takes it, if that is known.
    """
    if isinstance(new, BareList):
        if isinstance(old, (list, tuple)):
            return None
        text = ','.join(map(str, new))
        return (
            f'the comma makes {text} a list; for one text write "KEY=\'{text}\'" with both kinds '
            f'of quotes, for a list "KEY=[{text}]"'
        )
    kinds = _kinds(parameter)
    if _fits(new, kinds) or (type(new) is type(old) and type(old) in _KINDS):
        return None
    if kinds:
        wanted = ' or '.join(text for kind, text in _KINDS.items() if kind in kinds)
        wanted += ' or None' if type(None) in kinds else ''
    elif not isinstance(old, (*_KINDS, list, tuple)) or new is None:
        return None
    elif isinstance(old, (list, tuple)):
        given = new if isinstance(new, (list, tuple)) else [new]
        if not (old and all(_is_number(each) for each in old) and str in map(type, given)):
            return None
        wanted = 'numbers'
    elif isinstance(new, (list, tuple)) or (_is_number(old) and _is_number(new)):
        # The only whole numbers that stand for a fraction as well.
        if not (isinstance(old, int) and isinstance(new, float) and old not in (-1, 0, 1)):
            return None
        wanted = _KINDS[int]
    else:
        wanted = _KINDS[type(old)]
    hint = f'; for the text write "KEY=\'{new}\'" with both kinds of quotes'
    is_text = isinstance(new, (int, float)) and (str in kinds or isinstance(old, str))
    return f'{described(new)} was read, it takes {wanted}{hint if is_text else ""}'


def shape_error(key: str, old: Any, new: Any) -> str | None:
    """Return why a dict or a list of dicts cannot be replaced by a value; None if it can."""
    is_list = isinstance(old, list) and any(isinstance(each, Mapping) for each in old)
    if not (is_list or isinstance(old, Mapping)):
        return None
    if new is None or isinstance(new, (Mapping, list)):
        return None
    names = range(len(old)) if is_list else [name for name in old if name != 'type'][:6]
    inside = ', '.join(f'{key}.{name}' for name in names)
    kind = 'a list of settings' if is_list else 'a group of settings'
    return f'it is {kind} and cannot become {described(new)}; set one of them: {inside or "none"}'


def described(value: Any) -> str:
    """Return what a value is, for a message."""
    if value is None or isinstance(value, bool):
        return str(value)
    if isinstance(value, (int, float)):
        return f'the number {value}'
    if isinstance(value, (str, Path)):
        return f"the text '{value}'"
    text = str(dict(value) if isinstance(value, Mapping) else value)
    return f'the {type(value).__name__} {text if len(text) < 80 else text[:77] + "..."}'


def _kinds(parameter: inspect.Parameter | None) -> set[type]:
    """Return the types that a parameter takes if all of them are simple, else nothing."""
    annotation = inspect.Parameter.empty if parameter is None else parameter.annotation
    members = set(get_args(annotation)) or {annotation}
    known = {*_KINDS, type(None)}
    if parameter is None or not members <= known:
        return set()
    return members | ({type(parameter.default)} & known)


def _fits(value: Any, kinds: set[type]) -> bool:
    return type(value) in kinds or (type(value) is int and float in kinds)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
