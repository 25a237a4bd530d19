"""Reading a config file, with one message for all that is wrong with it or its base files."""

import ast
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.utils import import_modules_from_strings

from isic_mmdet.engine.config.parts import root_part
from isic_mmdet.engine.config.paths import require_config
from isic_mmdet.errors import InputError

_PROJECT_CONFIGS = Path(__file__).resolve().parents[3] / 'configs'


def read_config(path: str | Path) -> Config:
    """Read a config with its base files.

    Args:
        path: a Python, JSON or YAML file.

    Raises:
        InputError: it is missing or not a config, a base file is missing, or running it raised an
            exception. The message names the user's file and the line.
    """
    path = Path(path)
    require_config(path)
    # The configs of other users do not import this module, and the packages below cannot do it.
    import_modules_from_strings('isic_mmdet.register')
    errors = list(dict.fromkeys(_errors(path.absolute(), ())))
    if errors:
        raise InputError(f'{path} cannot be read:', errors)
    try:
        cfg = Config.fromfile(path)
    except (Exception, SystemExit) as error:
        raise InputError(_message(path, error)) from error
    unread = list(_variables_without_effect(path.absolute(), cfg)) if path.suffix == '.py' else []
    if unread:
        raise InputError(f'{path} sets variables that nothing reads any more:', unread)
    return cfg


def _errors(path: Path, inside: tuple[Path, ...]) -> Iterator[str]:
    """Find syntax errors and missing base files before any config is executed.

    Args:
        path: absolute.
        inside: the configs whose `_base_` led to this one.
    """
    if path.resolve() in inside:
        yield f'{inside[-1]}: its base file {path} names it as a base file in turn'
        return
    try:
        if path.suffix == '.py':
            ast.parse(path.read_text(encoding='utf-8'))
        bases = _bases(path)
    except Exception as error:
        if isinstance(error, SyntaxError) and error.lineno is not None:
            line = (error.text or '').strip()
            yield f'{path}, line {error.lineno}: {error.msg}: {line}'
        else:
            yield f'{path} is not a config ({_words(error)}); see configs/ for examples'
        return
    for base in bases:
        try:
            found = _base_path(base, path)
        except Exception as error:
            yield f"{path}: its base file '{base}' cannot be found ({_words(error)})"
            continue
        if found.is_file():
            yield from _errors(found.absolute(), (*inside, path.resolve()))
        else:
            yield f"{path}: its base file '{found.resolve()}' does not exist; {_remedy(base)}"


def _bases(path: Path) -> list[str]:
    """Return the names in the `_base_` of a config."""
    names = Config._get_base_files(str(path))
    return [
        re.sub(r'\{\{\s*fileDirname\s*\}\}', lambda _: str(path.parent), name) for name in names
    ]


def _base_path(base: str, path: Path) -> Path:
    """Return the path of a base file that the config at a path names."""
    return _package_base(base) if '::' in base else Path(Config._get_cfg_path(base, str(path))[0])


@cache
def _package_base(base: str) -> Path:
    """Return the path of a config of a package."""
    package, _, name = base.partition('::')
    spec = find_spec(package)
    if spec is not None and spec.origin is not None:
        path = Path(spec.origin).parent / '.mim' / 'configs' / name
        if path.is_file():
            return path
    # mmengine reads all model indices of the package to find it.
    return Path(Config._get_cfg_path(base, '')[0])


def _remedy(base: str) -> str:
    """Return where a missing base file is; most often a config was copied without its bases."""
    parts = [part for part in Path(base).parts if part not in ('.', '..')]
    for start in range(len(parts)):
        known = _PROJECT_CONFIGS.joinpath(*parts[start:])
        if known.is_file():
            return f"set _base_ to the absolute path '{known}', or copy that file too"
    return 'copy it there, or set _base_ to its absolute path'


def _message(path: Path, error: BaseException) -> str:
    """Return one sentence about an exception that a config raised."""
    cause = error
    while isinstance(cause, ImportError) and (cause.__cause__ or cause.__context__):
        cause = cause.__cause__ or cause.__context__ or cause
    libraries = (sys.prefix, sys.base_prefix, str(Path(__file__).resolve()))
    traces = [each for e in (error, cause) for each in traceback.extract_tb(e.__traceback__)]
    frames = [
        frame
        for frame in traces
        if Path(frame.filename).is_file() and not frame.filename.startswith(libraries)
    ]
    place = f'{frames[-1].filename}, line {frames[-1].lineno}' if frames else path
    hint = ''
    if isinstance(error, ImportError):
        hint = (
            '; correct the import or custom_imports, or add the folder of the module to PYTHONPATH'
        )
    return f'{place}: {_words(cause)}{hint}'


def _words(error: BaseException) -> str:
    """Return class and message of an error on one line."""
    text = error.args[0] if isinstance(error, KeyError) and error.args else error
    if isinstance(error, SyntaxError) and error.filename:
        text = f'{error.filename}, line {error.lineno}: {error.msg}'
    words = ' '.join(str(text).split())
    return f'{type(error).__name__}: {words}' if words else type(error).__name__


def _variables_without_effect(path: Path, cfg: Config) -> Iterator[str]:
    """Yield the variables that a config sets anew after a base file used their old value."""
    tree = ast.parse(path.read_text(encoding='utf-8'))
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    read = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    stored = dict.fromkeys(node.id for node in names if isinstance(node.ctx, ast.Store))
    known = {'_base_', *read, *root_part(cfg).parameters}
    candidates = [name for name in stored if name in cfg and name not in known]
    for base in _bases(path) if candidates else ():
        found = _base_path(base, path)
        old = Config.fromfile(found, import_custom_modules=False)
        for name in candidates:
            if name in old and old[name] != cfg[name]:
                places = places_of(cfg, name, old[name])
                if places:
                    yield (
                        f'{path}: {name} has no effect, because {found.name} has already used its '
                        f'own {name}; set {", ".join(places[:4])}'
                    )


def places_of(cfg: Config, name: str, value: Any) -> list[str]:
    """Return the dotted keys of the settings that hold a copy of a variable's value.

    Loading a config copies the value of a variable, such as `data_root`, to the settings that use
    it. Setting the variable later, on the command line or in a config that inherits, changes
    nothing.
    """
    settings = root_part(cfg).parameters
    return [key for top in cfg if top in settings for key in _places(top, cfg[top], name, value)]


def _places(path: str, node: Any, name: str, value: Any) -> Iterator[str]:
    if isinstance(value, str):
        is_copy = isinstance(node, str) and len(value) > 3 and node.startswith(value)
    elif isinstance(value, (dict, list, tuple)):
        is_copy = bool(value) and type(node) is type(value) and node == value
    else:  # numbers may be equal by chance
        is_copy = type(node) is type(value) and node == value and path.endswith(f'.{name}')
    if is_copy:
        yield path
    elif isinstance(node, (Mapping, list)):
        for key, each in node.items() if isinstance(node, Mapping) else enumerate(node):
            yield from _places(f'{path}.{key}', each, name, value)
