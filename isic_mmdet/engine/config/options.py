"""Overrides of single settings: each changes what is built, or is refused."""

import copy
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mmengine.config import Config, ConfigDict

from isic_mmdet.engine.config.copied_variables import copies, runner_settings
from isic_mmdet.engine.config.option_text import BareList
from isic_mmdet.engine.config.option_values import ABSENT, described, wrong_kind, wrong_shape
from isic_mmdet.engine.config.parts import Part, closest, parts, unknown
from isic_mmdet.engine.config.refused_options import reason_to_refuse
from isic_mmdet.errors import InputError


def apply_options(
    cfg: Config, options: Mapping[str, Any], refused: Mapping[str, str] | None = None
) -> None:
    """Set what `--cfg-options` gave.

    A dict changes the items that it names; with the item `_delete_=True` it takes the place of the
    old one, as in a config file.

    Args:
        cfg: a whole experiment, changed in place.
        options: dotted keys to values; places in lists are numbers.
        refused: patterns of keys that have no effect in this command, and why. An empty reason
            lets a key pass; the first pattern that fits counts.

    Raises:
        InputError: with one line for each key that would change nothing, or not to what was meant.
    """
    flat = [pair for key, value in options.items() for pair in _flat(cfg, key, value)]
    errors = [*_contradictions([key for key, _ in flat])]
    changed = _Changes(cfg)
    for key, value in sorted(flat, key=lambda pair: not pair[0].endswith('._delete_')):
        reason = reason_to_refuse(cfg, key, value, refused or {})
        errors += [f'{key}: {reason}'] if reason else changed.apply(key, value)
    errors += changed.errors()
    if errors:
        raise InputError(f'{cfg.filename}: these --cfg-options cannot be used:', errors)


def _flat(cfg: Any, key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the items of a dict that changes an old one, and all else as it is."""
    old = _at(cfg, key)
    if isinstance(value, Mapping) and value and isinstance(old, Mapping):
        for name, each in value.items():
            yield from _flat(cfg, f'{key}.{name}', each)
    else:
        yield key, value


def _at(cfg: Any, key: str) -> Any:
    """Return the value at a dotted key, or `ABSENT`."""
    node = cfg
    for part in key.split('.'):
        if isinstance(node, (Mapping, Config)) and part in node:
            node = node[part]
        elif isinstance(node, (list, tuple)) and part.isdigit() and int(part) < len(node):
            node = node[int(part)]
        else:
            return ABSENT
    return node


def _contradictions(keys: list[str]) -> Iterator[str]:
    for place, key in enumerate(keys):
        for earlier in keys[:place]:
            if earlier == key:
                yield f'{key}: given twice'
            elif earlier.startswith(f'{key}.') and not earlier.endswith('._delete_'):
                yield f'{key}: replaces {earlier}, which is given before it; leave one of them out'


class _Changes:
    """A config that is changed key by key.

    Args:
        cfg: changed in place.
    """

    def __init__(self, cfg: Config) -> None:
        self._cfg = cfg
        self._original = copy.deepcopy(cfg)
        self._settings = runner_settings()
        self._set: dict[str, Any] = {}
        self._old: dict[str, Any] = {}
        self._cleared: list[str] = []

    def apply(self, key: str, value: Any) -> list[str]:
        """Set a value where its key leads, and return what is wrong with the key."""
        *parents, last = key.split('.')
        if (parents or [last])[0] not in self._settings:
            return [self._not_a_setting(key)]
        node: Any = self._cfg
        for depth, part in enumerate(parents):
            path = '.'.join(parents[:depth])
            problem, node = self._step(key, path, node, part, [*parents[depth + 1 :], last])
            if problem:
                return [problem]
        path = '.'.join(parents)
        if isinstance(node, (list, tuple)):
            problem, old = self._element(key, path, node, last)
            if problem:
                return [problem]
        elif isinstance(node, (Mapping, Config)):
            old = node.get(last, ABSENT)
        else:
            return [_no_settings(key, path, node)]
        if last == '_delete_':
            return self._clear(key, node, value)
        problem = wrong_shape(key, old, value)
        if problem:
            return [problem]
        new = copy.deepcopy(value)
        if isinstance(new, BareList):
            new = list(new)
        new = ConfigDict(new) if isinstance(new, Mapping) else new
        node[int(last) if isinstance(node, list) else last] = _with_config_dicts(new)
        self._set[key], self._old[key] = value, old
        return []

    def errors(self) -> list[str]:
        """Return what is wrong with the values, and with names that were not there before."""
        names = {key.partition('.')[0] for key in [*self._set, *self._cleared]}
        by_path = {part.path: part for part in parts(self._cfg, names)}
        found = []
        for key, value in self._set.items():
            path, _, last = key.rpartition('.')
            part, old = by_path.get(path), self._old[key]
            is_new = path != '' and old is ABSENT
            if part is not None and not part.takes(last, is_new):
                found.append(unknown(part, last))
            elif part is None and is_new and last.isidentifier():
                found.append(f'{key}: nothing reads it')
            else:
                arguments = part.arguments if part else None
                parameter = arguments.parameters.get(last) if arguments else None
                found += wrong_kind(key, old, value, parameter)
                found += self._without_workers(key, value)
            whole = path if last == 'type' else key
            found += _errors_inside(whole, by_path.values())
        for path in self._cleared:
            found += _errors_inside(path, by_path.values())
        return list(dict.fromkeys(found))

    def _without_workers(self, key: str, value: Any) -> list[str]:
        """Say that a setting of worker processes has no effect without any."""
        name, _, setting = key.partition('.')
        needs_workers = ('persistent_workers', 'prefetch_factor', 'multiprocessing_context')
        if not (name.endswith('_dataloader') and setting in needs_workers and value):
            return []
        if self._cfg[name].get('num_workers'):
            return []
        return [f'{key}: has no effect with {name}.num_workers=0']

    def _step(
        self, key: str, path: str, node: Any, part: str, rest: list[str]
    ) -> tuple[str | None, Any]:
        """Go from a node to one of its items; return what is wrong, and the item."""
        if isinstance(node, (list, tuple)):
            return self._element(key, path, node, part)
        if not isinstance(node, (Mapping, Config)):
            return _no_settings(key, path, node), None
        if part in node:
            return None, node[part]
        here = f'{path}.{part}' if path else part
        if not path:
            return f'{key}: the config has no {part}; give it whole, as "{part}={{...}}"', None
        inside = {each.path: each for each in parts(self._cfg, [path.partition('.')[0]])}
        owner = inside.get(path) or Part(path, node, '')
        if owner.arguments is not None and part in owner.arguments.parameters:
            text = f"'{rest[-1]}': ..." if len(rest) == 1 else '...'
            return f'{key}: {here} is not set; give it whole, as "{here}={{{text}}}"', None
        known = set(node) | (owner.names if owner.arguments is not None else set())
        return f'{key}: there is no {here}; {closest(part, known, path)}', None

    def _element(
        self, key: str, path: str, node: list | tuple, part: str
    ) -> tuple[str | None, Any]:
        if isinstance(node, tuple):
            return f'{key}: {path} is the tuple {node!r}; give it whole, as {path}=(...)', None
        if not part.isdigit():
            return f'{key}: {path} is a list; name a place in it by its number, 0 to ' + (
                f'{len(node) - 1}'
            ), None
        if int(part) >= len(node):
            count = f'{len(node)} elements, 0 to {len(node) - 1}' if node else 'no elements'
            return f'{key}: the list {path} has {count}', None
        return None, node[int(part)]

    def _clear(self, key: str, node: Any, value: Any) -> list[str]:
        if value is not True or not isinstance(node, dict):
            return [f'{key}: only True has a meaning here, and only in a dict']
        node.clear()
        self._cleared.append(key.removesuffix('._delete_'))
        return []

    def _not_a_setting(self, key: str) -> str:
        """Say what a top-level name is that no run reads."""
        name, _, rest = key.partition('.')
        if name not in self._original:
            known = self._settings | set(self._original)
            return f'{key}: there is no such setting; {closest(name, known - self._variables())}'
        value = self._original[name]
        found = copies(self._original, name, value)
        places = [f'{place}.{rest}' if rest else place for place in found]
        hint = 'set it in the config file'
        if places:
            shown = ', '.join(places[:6]) + (', ...' if len(places) > 6 else '')
            hint = f'set it where it stands now: {shown}'
        if name == 'data_root':
            hint = f'use --data-root DIR, or {hint}'
        return (
            f'{key}: {name} is a variable of the config file, which was copied when the file was '
            f'loaded, so that changing it has no effect; {hint}'
        )

    def _variables(self) -> set[str]:
        return set(self._original) - self._settings


def _no_settings(key: str, path: str, node: Any) -> str:
    hint = f'; give it whole, as "{path}={{...}}"' if node is None else ''
    return f'{key}: {path} is {described(node)}, which has no settings of its own{hint}'


def _errors_inside(path: str, all_parts: Iterable[Part]) -> list[str]:
    """Return unknown classes and arguments of a part and of those in it."""
    found = []
    for part in all_parts:
        if part.path == path or part.path.startswith(f'{path}.'):
            found += [f'{part.path}.type: {part.problem}'] if part.problem else []
            found += [unknown(part, name) for name in part.node if not part.takes(name)]
    return found


def _with_config_dicts(value: Any) -> Any:
    """Return a list with its dicts made readable by attributes, as in a loaded config."""
    if isinstance(value, (list, tuple)):
        return type(value)(_with_config_dicts(each) for each in value)
    return ConfigDict(value) if isinstance(value, Mapping) else value
