"""Whether a value can replace another one, or be the argument of a class."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from isic_mmdet.engine.config.option_text import BareList

#: Stands for a setting that does not exist.
ABSENT = object()
_KINDS = {bool: 'True or False', int: 'a whole number', float: 'a number', str: 'a text'}


def value_error(old: Any, new: Any, parameter: inspect.Parameter | None) -> str | None:
    """Return why a value cannot be meant; None if it can.

    Args:
        old: the value that it replaces, or `ABSENT`.
        new: the value that was given.
        parameter: the parameter that takes it, if it is known.
    """
    if isinstance(old, (list, tuple)):
        given = new if isinstance(new, (list, tuple)) else [new]
        has_numbers = old and all(isinstance(each, (int, float)) for each in old)
        if has_numbers and any(isinstance(each, str) for each in given):
            return f'{described(new)} was given, but it takes numbers'
        return None
    if isinstance(new, BareList):
        text = ','.join(map(str, new))
        return (
            f'the comma makes {text} a list; for one text write "KEY=\'{text}\'" with both kinds '
            f'of quotes, for a list "KEY=[{text}]"'
        )
    kinds = _kinds(old, parameter)
    if not kinds or type(new) in kinds or (type(new) is type(old) and type(old) in _KINDS):
        return None
    wanted = ' or '.join(text for kind, text in _KINDS.items() if kind in kinds)
    wanted += ' or None' if type(None) in kinds else ''
    hint = f'; for the text write "KEY=\'{new}\'" with both kinds of quotes'
    is_text = str in kinds and isinstance(new, (int, float))
    return f'{described(new)} was given, but it takes {wanted}{hint if is_text else ""}'


def shape_error(key: str, old: Any, new: Any) -> str | None:
    """Return why a dict or a list of dicts cannot be replaced by a value; None if it can."""
    is_list = isinstance(old, list) and any(isinstance(each, Mapping) for each in old)
    if not (is_list or isinstance(old, Mapping)) or new is None or isinstance(new, (Mapping, list)):
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


def _kinds(old: Any, parameter: inspect.Parameter | None) -> set[type]:
    """Return the types that a setting takes; an empty set if any type may be meant."""
    kinds: set[type] = set()
    if parameter is not None:
        members = set(get_args(parameter.annotation)) or {parameter.annotation}
        known = {*_KINDS, type(None)}
        kinds = members | ({type(parameter.default)} & known) if members <= known else set()
    if not kinds and type(old) in _KINDS:
        kinds = {type(old), list, tuple, type(None)}
        if type(old) is int and old in (-1, 0, 1):  # they may stand for a fraction
            kinds.add(float)
    return kinds | {int} if float in kinds else kinds
