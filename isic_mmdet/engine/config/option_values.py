"""Whether a value can take the place of another one, or of the argument of a class."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from isic_mmdet.engine.config.option_text import BareList

#: Stands for a setting that is not there.
ABSENT = object()
# Settings that are texts, whatever the config has there.
_TEXTS = ('default_scope', 'experiment_name', 'load_from', 'log_level', 'work_dir')


def wrong_shape(key: str, old: Any, new: Any) -> str | None:
    """Say that a dict or a list of dicts cannot be replaced by such a value."""
    if isinstance(old, Mapping) and new is not None and not isinstance(new, (Mapping, list)):
        inside = [f'{key}.{name}' for name in old if name != 'type'][:6]
        hint = f'; set one of them: {", ".join(inside)}' if inside else ''
        return f'{key}: it holds settings of its own and cannot become {described(new)}{hint}'
    holds_settings = isinstance(old, list) and any(isinstance(each, Mapping) for each in old)
    if holds_settings and new is not None and not isinstance(new, (list, tuple, Mapping)):
        return (
            f'{key}: it is a list of settings and cannot become {described(new)}; set one of them, '
            f'{key}.0. to {key}.{len(old) - 1}.'
        )
    return None


def wrong_kind(key: str, old: Any, new: Any, parameter: inspect.Parameter | None) -> list[str]:
    """Say that a value is of another kind than the old one, or than its parameter takes."""
    kinds = _kinds(parameter)
    if key in _TEXTS:
        kinds = {str, type(None)}
    if isinstance(new, BareList):
        problem = _comma(key, old, new, kinds)
        return [problem] if problem else []
    if old is ABSENT or old is None:
        if kinds and not _fits(new, kinds):
            return [f'{key}: {described(new)} was read; it takes {_wanted(kinds)}']
        return []
    if kinds and _fits(new, kinds):
        return []
    simple = (bool, int, float, str)
    if new is None:
        # Whether nothing may stand there is known from the signature alone.
        wrong = isinstance(old, (bool, int, float)) and bool(kinds) and not key.endswith('.seed')
    elif isinstance(old, bool) or isinstance(new, bool):
        wrong = isinstance(old, simple) and type(old) is not type(new)
    elif isinstance(old, int):
        wrong = isinstance(new, (str, Mapping)) or (
            isinstance(new, float) and (int in kinds or old not in (-1, 0, 1))
        )
    elif isinstance(old, float):
        wrong = isinstance(new, (str, Mapping))
    elif isinstance(old, str):
        wrong = isinstance(new, (int, float, Mapping))
    elif isinstance(old, (list, tuple)):
        numbers = bool(old) and all(isinstance(each, (int, float)) for each in old)
        given = new if isinstance(new, (list, tuple)) else [new]
        wrong = numbers and any(isinstance(each, str) for each in given)
    else:
        wrong = False
    if not wrong:
        return []
    return [
        f'{key}: {described(new)} was read, the config has {described(old)}{_quote(key, old, new)}'
    ]


def _comma(key: str, old: Any, new: BareList, kinds: set[type]) -> str | None:
    """Say that a comma makes a list where none is expected."""
    if isinstance(old, (list, tuple)):
        return None
    text = ','.join(str(each) for each in new)
    only_numbers = all(isinstance(each, (int, float)) for each in new)
    if (old is None or old is ABSENT) and only_numbers and not kinds:
        return None
    problem = f'{key}: the comma makes {text} a list, {list(new)}'
    if isinstance(old, (int, float)):
        return f'{problem}; the config has {described(old)}'
    return (
        f'{problem}; for one text write "{key}=\'{text}\'" with both kinds of quotes, for a list '
        f'"{key}=[{text}]"'
    )


def _kinds(parameter: inspect.Parameter | None) -> set[type]:
    """Return the types that a parameter takes, as far as they are simple; empty if unknown."""
    if parameter is None:
        return set()
    annotation = parameter.annotation
    if annotation is inspect.Parameter.empty or isinstance(annotation, str):
        return set()
    members = set(get_args(annotation)) or {annotation}
    known = {bool, int, float, str, type(None)}
    if not members <= known:
        return set()
    default = parameter.default
    return members | ({type(default)} & known if default is not inspect.Parameter.empty else set())


def _fits(value: Any, kinds: set[type]) -> bool:
    if isinstance(value, int) and not isinstance(value, bool) and float in kinds:
        return True
    return type(value) in kinds


def _wanted(kinds: set[type]) -> str:
    names = {bool: 'True or False', int: 'a whole number', float: 'a number', str: 'a text'}
    names[type(None)] = 'None'
    return ' or '.join(name for kind, name in names.items() if kind in kinds)


def _quote(key: str, old: Any, new: Any) -> str:
    if isinstance(old, bool):
        return '; write True or False'
    if isinstance(old, str) and isinstance(new, (int, float)):
        return f'; for the text write "{key}=\'{new}\'" with both kinds of quotes'
    return ''


def described(value: Any) -> str:
    """Return what a value is, for a message."""
    if value is None or isinstance(value, bool):
        return str(value)
    if isinstance(value, (int, float)):
        return f'the number {value}'
    if isinstance(value, (str, Path)):
        return f"the text '{value}'"
    text = str(dict(value) if isinstance(value, Mapping) else value)
    kind = 'dict' if isinstance(value, Mapping) else type(value).__name__
    return f'the {kind} {text if len(text) < 80 else text[:77] + "..."}'
