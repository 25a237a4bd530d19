"""Configs in folders with a quote in their name, such as `it's mine`.

Upstream bug in mmengine 0.10.7: `{{ fileDirname }}` is replaced by the bare path inside a quoted
string of the config, so that a quote in the path ends that string. This can be removed when
mmengine escapes quotes.
"""

import re
from pathlib import Path

from mmengine.config import Config

_unescaped = Config._substitute_predefined_vars


def _escaped(filename: str, temp_config_name: str) -> None:
    """Do what `Config._substitute_predefined_vars` does, with quotes escaped in Python files."""
    path = Path(filename)
    if path.suffix != '.py' or not {'"', "'"} & set(filename):
        _unescaped(filename, temp_config_name)
        return
    names = {
        'fileDirname': path.parent,
        'fileBasenameNoExtension': path.stem,
        'fileBasename': path.name,
        'fileExtname': path.suffix,
    }
    text = re.sub(
        r'\{\{\s*(' + '|'.join(names) + r')\s*\}\}',
        lambda found: re.sub('(["\'])', r'\\\1', str(names[found[1]])),
        path.read_text(encoding='utf-8'),
    )
    Path(temp_config_name).write_text(text, encoding='utf-8')


def install_config_folders() -> None:
    """Make mmengine load configs whose path has a quote in it."""
    Config._substitute_predefined_vars = staticmethod(_escaped)
