"""Variables of config files: loading a file copies their values to the settings that use them.

Setting `data_root` later, on the command line or in a config that inherits, changes nothing.
"""

from collections.abc import Iterator, Mapping
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
