"""The text of a config, formatted once.

Upstream fault in mmengine 0.10.7: `Config.pretty_text` lets yapf format the complete config at each
call, six times at the start of a run and again for every checkpoint, about 0.3 s each. This can be
removed when mmengine keeps the text of a config that has not changed.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from mmengine.config import config

_format = config.FormatCode


@lru_cache(maxsize=8)
def _formatted(text: str, style: tuple[tuple[str, Any], ...]) -> tuple[str, bool]:
    formatted, changed = _format(text, style_config=dict(style))
    return formatted, changed


def _remembered(text: str, style_config: Mapping[str, Any]) -> tuple[str, bool]:
    """Do what yapf's `FormatCode` does, once for the same text and style."""
    return _formatted(text, tuple(style_config.items()))


def install_config_text() -> None:
    """Make mmengine format the text of a config once."""
    config.FormatCode = _remembered
