"""The config that a checkpoint was written with, and what has changed since."""

import ast
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from mmengine.config import Config
from mmengine.logging import MMLogger

from isic_mmdet.engine.config.option_text import literal
from isic_mmdet.utils.renamed import translate

# The parts of a config that decide what is trained, and how.
_SECTIONS = (
    *('model', 'train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler'),
    *('auto_scale_lr', 'val_dataloader', 'val_evaluator', 'custom_hooks', 'default_hooks'),
    'randomness',
)
# They do not change the result, or say only where the data and weights are.
_WITHOUT_EFFECT = {
    *('ann_file', 'data_prefix', 'data_root', 'init_cfg', 'num_workers', 'persistent_workers'),
    *('pin_memory', 'prefetch_factor', 'non_blocking'),
}
_MISSING = object()


class Change(NamedTuple):
    """A setting that differs between two configs.

    Attributes:
        key: dotted, such as 'optim_wrapper.optimizer.lr'.
        before: its value as text; 'not set' if the first config does not have it.
        now: its value as text in the second config.
    """

    key: str
    before: str
    now: str

    def __str__(self) -> str:
        return f'{self.key}: {self.before} -> {self.now}'


def recorded_changes(cfg: Config, checkpoint: Mapping[str, Any]) -> list[Change]:
    """Return the settings that differ between a checkpoint and a config, and have an effect."""
    try:
        recorded = parse_config(checkpoint['meta']['cfg'])
    except (KeyError, TypeError, ValueError) as error:
        MMLogger.get_current_instance().warning(
            f'the checkpoint does not record its config ({error!r}): the config is not compared'
        )
        return []
    translate(recorded, warn=False)
    return list(changes(_recipe(recorded), _recipe(settings_of(cfg))))


def training_digest(cfg: Config) -> str:
    """Return the SHA-256 of the settings that decide what is trained.

    Runs of one recipe have the same digest: the random seed, the places of data and weights, and
    the number of workers do not count.
    """
    settings = _recipe(settings_of(cfg))
    settings.get('randomness', {}).pop('seed', None)
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def _recipe(settings: Mapping[str, Any]) -> dict[str, Any]:
    return _with_effect({name: settings[name] for name in _SECTIONS if name in settings})


def _with_effect(node: Any) -> Any:
    if isinstance(node, Mapping):
        kept = {key: value for key, value in node.items() if key not in _WITHOUT_EFFECT}
        return {key: _with_effect(value) for key, value in kept.items()}
    return [_with_effect(item) for item in node] if isinstance(node, list) else node


def settings_of(cfg: Config) -> dict[str, Any]:
    """Return the settings of a config as `parse_config` returns them for a recorded one."""
    return parse_config(Config(cfg.to_dict(), format_python_code=False).pretty_text)


def parse_config(text: str) -> dict[str, Any]:
    """Return the settings of a config that mmengine wrote, without running it as a program.

    Args:
        text: a `Config.pretty_text`: assignments of literals and of `dict(...)`.

    Returns:
        JSON values: tuples are lists, and what is not a literal, such as `inf`, is its text.

    Raises:
        ValueError: it is not such a text.
    """
    try:
        statements = ast.parse(text).body
    except SyntaxError as error:
        raise ValueError(str(error)) from error
    settings = {}
    for statement in statements:
        if not (isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)):
            raise ValueError(f'line {statement.lineno} is not an assignment')
        settings[statement.targets[0].id] = literal(statement.value, ast.unparse)
    return json.loads(json.dumps(settings, default=str))


def changes(before: Any, now: Any, key: str = '') -> Iterator[Change]:
    """Yield the settings in which two configs, or parts of them, differ.

    Args:
        before: settings, as `parse_config` returns them.
        now: settings to compare with.
        key: dotted name of the part.
    """
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for name in dict.fromkeys([*before, *now]):
            inner = f'{key}.{name}' if key else str(name)
            yield from changes(before.get(name, _MISSING), now.get(name, _MISSING), inner)
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for index, (first, second) in enumerate(zip(before, now, strict=True)):
            yield from changes(first, second, f'{key}.{index}')
    elif before != now:
        yield Change(key, _text(before), _text(now))


def _text(value: Any) -> str:
    if value is _MISSING:
        return 'not set'
    text = repr(value)
    return text if len(text) <= 80 else f'{text[:77]}...'
