"""The hooks that a config names."""

from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config

# `Runner.register_default_hooks` adds these hooks, and omits those that are None.
_RUNNER_HOOKS = {
    *('runtime_info', 'timer', 'sampler_seed', 'logger', 'param_scheduler', 'checkpoint'),
}


def configured_hooks(cfg: Config) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the dotted key and the settings of every hook of a config."""
    for name, hook in (cfg.get('default_hooks') or {}).items():
        if isinstance(hook, Mapping):
            yield f'default_hooks.{name}', hook
    for index, hook in enumerate(cfg.get('custom_hooks') or ()):
        if isinstance(hook, Mapping):
            yield f'custom_hooks.{index}', hook


def remove_absent_hooks(cfg: Config) -> None:
    """Remove the default hooks that are None; the Runner accepts None only for its own hooks."""
    hooks = cfg.get('default_hooks') or {}
    for name in [
        name for name, hook in hooks.items() if hook is None and name not in _RUNNER_HOOKS
    ]:
        del hooks[name]
