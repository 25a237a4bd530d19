"""Variables of config files, whose values are copied where they are used when a file is loaded.

Setting `data_root` afterwards, on the command line or in a config that inherits, changes nothing.
"""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from isic_mmdet.engine.config.parts import root_part


def places_of(cfg: Config, name: str, value: Any) -> list[str]:
    """Return the dotted keys of the settings that hold a copy of the value of a variable."""
    settings = root_part(cfg).parameters
    return [key for top in cfg if top in settings for key in _places(top, cfg[top], name, value)]


def _places(path: str, node: Any, name: str, value: Any) -> Iterator[str]:
    if _is_copy(path, node, name, value):
        yield path
    elif isinstance(node, Mapping):
        for key, each in node.items():
            yield from _places(f'{path}.{key}', each, name, value)
    elif isinstance(node, list):
        for index, each in enumerate(node):
            yield from _places(f'{path}.{index}', each, name, value)


def _is_copy(path: str, node: Any, name: str, value: Any) -> bool:
    if isinstance(value, str):
        return isinstance(node, str) and len(value) > 3 and node.startswith(value)
    if type(node) is not type(value) or node != value:
        return False
    # Numbers and the like are equal by chance.
    return bool(value) if isinstance(value, (dict, list, tuple)) else path.endswith(f'.{name}')


def variables_without_effect(path: Path, bases: list[Path], cfg: Config) -> list[str]:
    """Return the variables that a config sets anew after a base file used their old value.

    Args:
        path: of the config, a Python file.
        bases: paths of its base files.
        cfg: loaded from it.
    """
    tree = ast.parse(path.read_text(encoding='utf-8'))
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    read = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    stored = dict.fromkeys(node.id for node in names if isinstance(node.ctx, ast.Store))
    known = {'_base_', *read, *root_part(cfg).parameters}
    candidates = [name for name in stored if name in cfg and name not in known]
    errors = []
    for base in bases if candidates else ():
        old = Config.fromfile(base, import_custom_modules=False)
        for name in candidates:
            places = []
            if name in old and old[name] != cfg[name]:
                places = places_of(cfg, name, old[name])
            if places:
                errors.append(
                    f'{path}: {name} has no effect, because {base.name} has used its own {name} '
                    f'already; set {", ".join(places[:4])}'
                )
    return errors
