"""Overrides of single settings: each changes what is built, or is refused."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config, ConfigDict

from isic_mmdet.engine.config.config_file import places_of
from isic_mmdet.engine.config.option_values import ABSENT, described, shape_error, value_error
from isic_mmdet.engine.config.parts import parts, root_part
from isic_mmdet.engine.config.refused_options import reason_to_refuse
from isic_mmdet.errors import InputError

_NEED_WORKERS = ('persistent_workers', 'prefetch_factor', 'multiprocessing_context')


def apply_options(
    cfg: Config, options: Mapping[str, Any], refused: Mapping[str, str] | None = None
) -> None:
    """Set the values of `--cfg-options`.

    A dict changes the items that it names; with the item `_delete_=True` it replaces the old dict,
    as in a config file.

    Args:
        cfg: a complete config, changed in place.
        options: dotted keys to values; places in lists are numbers.
        refused: see `isic_mmdet.engine.config.refused_options`.

    Raises:
        InputError: with one line for each key that would change nothing, or not what was meant.
    """
    flat = [pair for key, value in options.items() for pair in _flat(cfg, key, value)]
    errors: list[str] = []
    old: dict[str, Any] = {}
    for key, value in sorted(flat, key=lambda pair: not pair[0].endswith('._delete_')):
        try:
            reason = reason_to_refuse(cfg, key, value, refused or {})
            if reason:
                raise ValueError(reason)
            old[key] = _set(cfg, key, value)
        except ValueError as error:
            errors.append(f'{key}: {error}')
    errors += _errors_of_changes(cfg, dict(flat), old)
    if errors:
        raise InputError(
            f'{cfg.filename}: these --cfg-options cannot be used:', list(dict.fromkeys(errors))
        )


def _flat(cfg: Config, key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the items of a dict that changes an old one, and all other values as they are."""
    old: Any = cfg
    try:
        for name in key.split('.'):
            old = _item(old, '', name)
    except ValueError:
        old = ABSENT
    if isinstance(value, Mapping) and value and isinstance(old, Mapping):
        for name, each in value.items():
            yield from _flat(cfg, f'{key}.{name}', each)
    else:
        yield key, value


def _item(node: Any, path: str, name: str) -> Any:
    """Return an item of the node at a path, or `ABSENT`.

    Raises:
        ValueError: the node cannot have such an item.
    """
    if isinstance(node, (Mapping, Config)):
        return node.get(name, ABSENT)
    if not isinstance(node, list):
        hint = '' if isinstance(node, (str, int, float)) else f'; set it as a unit: "{path}=..."'
        raise ValueError(f'{path} is {described(node)}, which has no settings of its own{hint}')
    if not (name.isdigit() and int(name) < len(node)):
        raise ValueError(f'{path} is a list; name one of its {len(node)} elements, from 0')
    return node[int(name)]


def _set(cfg: Config, key: str, value: Any) -> Any:
    """Set the value of a key, and return the old one.

    Raises:
        ValueError: there is no such key, or the value does not have the shape of the old one.
    """
    *parents, last = key.split('.')
    if (parents or [last])[0] not in root_part(cfg).parameters:
        raise ValueError(_not_a_setting(cfg, key))
    node: Any = cfg
    for depth, name in enumerate(parents):
        path = '.'.join(parents[:depth])
        node = _item(node, path, name)
        if node is ABSENT:
            raise ValueError(_missing(cfg, path, name))
    old = _item(node, '.'.join(parents), last)
    if last == '_delete_':
        if value is not True or not isinstance(node, dict):
            raise ValueError('only True has a meaning here, and only in a dict')
        node.clear()
        return old
    problem = shape_error(key, old, value)
    if problem:
        raise ValueError(problem)
    node[int(last) if isinstance(node, list) else last] = _as_in_config(copy.deepcopy(value))
    return old


def _missing(cfg: Config, path: str, name: str) -> str:
    """Return why there is nothing below a name that a dict does not have."""
    key = f'{path}.{name}' if path else name
    found = {part.path: part for part in parts(cfg, [path.partition('.')[0]])}
    part = found.get(path, root_part(cfg))
    if name in part.parameters:
        return f'{key} is not set; set it as a unit: "{key}={{...}}"'
    return f'there is no {key}; {part.closest(name)}'


def _not_a_setting(cfg: Config, key: str) -> str:
    """Return why no run reads a top-level name."""
    name, _, rest = key.partition('.')
    if name not in cfg:
        return f'there is no such setting; {root_part(cfg).closest(name)}'
    places = [f'{place}.{rest}' if rest else place for place in places_of(cfg, name, cfg[name])]
    hint = f'set {", ".join(places[:6])}' if places else 'set it in the config file'
    if name == 'data_root':
        hint = f'use --data-root DIR, or {hint}'
    return (
        f'{name} is a variable of the config file. Its value was copied when the file was loaded, '
        f'so changing it has no effect; {hint}'
    )


def _errors_of_changes(cfg: Config, new: Mapping[str, Any], old: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with names that were added, with values, and inside new dicts.

    Args:
        cfg: after the changes.
        new: given values by key.
        old: values that were replaced, by key.
    """
    found = {part.path: part for part in parts(cfg, {key.partition('.')[0] for key in old})}
    found[''] = root_part(cfg)
    errors = []
    for key, before in old.items():
        path, _, last = key.rpartition('.')
        part = found.get(path)
        if part is not None and not part.takes(last, is_new=before is ABSENT):
            errors.append(part.unknown(last))
        elif last != '_delete_':
            parameter = part.parameters.get(last) if part else None
            problem = value_error(before, new[key], parameter)
            loader = path.endswith('_dataloader') and last in _NEED_WORKERS and new[key]
            if loader and not cfg[path].get('num_workers'):
                problem = f'has no effect with {path}.num_workers=0'
            errors += [f'{key}: {problem}'.replace('"KEY=', f'"{key}=')] if problem else []
        changed = path if last in ('type', '_delete_') else key
        for inside in found.values():
            if f'{inside.path}.'.startswith(f'{changed}.'):
                errors += inside.errors()
    return errors


def _as_in_config(value: Any) -> Any:
    """Return a value whose dicts can be read by attributes, as those of a loaded config."""
    if isinstance(value, tuple):
        return tuple(_as_in_config(each) for each in value)
    if isinstance(value, list):
        return [_as_in_config(each) for each in value]
    return ConfigDict(value) if isinstance(value, Mapping) else value
