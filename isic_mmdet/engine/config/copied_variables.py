"""Variables of config files, whose values are copied where they are used when a file is loaded.

Setting `data_root` afterwards, on the command line or in a config that inherits, changes nothing.
"""

import ast
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

# Top-level settings that a Runner reads next to the arguments of its `__init__`.
_OF_RUNNER = (
    'activation_checkpointing',
    'compile',
    'custom_imports',
    'efficient_conv_bn_eval',
    'find_unused_parameters',
    'model_wrapper_cfg',
    'sync_bn',
)


def runner_settings() -> set[str]:
    """Return the top-level names of a config that are no variables."""
    # Imported here, for it takes a while and few configs need it.
    from mmengine.runner import Runner

    return {*inspect.signature(Runner.__init__).parameters, *_OF_RUNNER} - {'self', 'cfg'}


def copies(cfg: Config, name: str, value: Any) -> list[str]:
    """Return the dotted keys of the settings that hold the value of a variable.

    Args:
        cfg: a whole experiment.
        name: of the variable.
        value: that was copied.
    """
    settings = runner_settings()
    return [key for top in cfg if top in settings for key in _copies(top, cfg[top], name, value)]


def _copies(path: str, node: Any, name: str, value: Any) -> Iterator[str]:
    if _is_copy(path, node, name, value):
        yield path
    elif isinstance(node, Mapping):
        for key, each in node.items():
            yield from _copies(f'{path}.{key}', each, name, value)
    elif isinstance(node, list):
        for place, each in enumerate(node):
            yield from _copies(f'{path}.{place}', each, name, value)


def _is_copy(path: str, node: Any, name: str, value: Any) -> bool:
    if isinstance(value, str):
        return isinstance(node, str) and len(value) > 3 and node.startswith(value)
    if type(node) is not type(value) or node != value:
        return False
    # Numbers and the like are equal by chance.
    return bool(value) if isinstance(value, (dict, list, tuple)) else path.endswith(f'.{name}')


def inherited_without_effect(path: Path, bases: list[Path], cfg: Config) -> list[str]:
    """Return the variables that a config sets anew, but whose old value is what is used.

    Args:
        path: of the config, a Python file.
        bases: paths of its base files.
        cfg: loaded from it.
    """
    tree = ast.parse(path.read_text(encoding='utf-8'))
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    read = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    unread = [node.id for node in names if isinstance(node.ctx, ast.Store) and node.id not in read]
    candidates = [name for name in dict.fromkeys(unread) if name in cfg and name != '_base_']
    if not candidates or set(candidates) <= runner_settings():
        return []
    errors = []
    for base in bases:
        old = Config.fromfile(base, import_custom_modules=False)
        for name in candidates:
            if name in runner_settings() or name not in old or old[name] == cfg[name]:
                continue
            places = copies(cfg, name, old[name])
            if places:
                errors.append(
                    f'{path}: {name} has no effect, for {base.name} has used its own {name} '
                    f'already; set {", ".join(places[:4])}{", ..." if len(places) > 4 else ""}'
                )
    return errors
