"""Reading a config file, with one message for whatever is wrong with it or its base files."""

import ast
import re
import sys
import traceback
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import TracebackType

from mmengine.config import Config
from mmengine.utils import import_modules_from_strings

from isic_mmdet.engine.config.copied_variables import variables_without_effect
from isic_mmdet.errors import InputError

_SUFFIXES = ('.py', '.json', '.yaml', '.yml')
_PROJECT_CONFIGS = Path(__file__).resolve().parents[3] / 'configs'


def read_config(path: str | Path) -> Config:
    """Read a config with its base files.

    Args:
        path: a Python, JSON or YAML file.

    Raises:
        InputError: it is missing or no config, a base file is missing, or an exception was raised
            while it was executed. The message names the user's file and the line.
    """
    # A config of somebody else does not import this module, and no package below it can.
    import_modules_from_strings('isic_mmdet.register')
    path = Path(path)
    _check_name(path)
    errors = list(dict.fromkeys(_errors(path.absolute(), ())))
    if len(errors) == 1:
        raise InputError(errors[0])
    if errors:
        raise InputError(f'{path} cannot be read:', errors)
    try:
        cfg = Config.fromfile(path)
    except (Exception, SystemExit) as error:
        raise InputError(_message(path, error)) from error
    ignored = _ignored_variables(path.absolute(), cfg)
    if ignored:
        raise InputError(f'{path} sets variables that nothing reads any more:', ignored)
    return cfg


def _ignored_variables(path: Path, cfg: Config) -> list[str]:
    if path.suffix != '.py':
        return []
    tree = ast.parse(path.read_text(encoding='utf-8'))
    bases = [_base_path(base, path) for base in _bases(tree, path)]
    return variables_without_effect(path, bases, cfg)


def _check_name(path: Path) -> None:
    if '::' in str(path):
        raise InputError(
            f"{path}: a config of a package has no path; write a config with _base_ = '{path}', "
            'and what differs for your data'
        )
    if path.is_dir():
        raise InputError(f'{path} is a folder; name a config in it, such as {path}/NAME.py')
    if not path.exists():
        raise InputError(f'{path}: no such config; see configs/ for the ones that come along')
    if path.suffix not in _SUFFIXES:
        swapped = ', and after it the checkpoint' if path.suffix in ('.pth', '.pt') else ''
        raise InputError(
            f'{path} is no config; the first argument is a Python file, see configs/{swapped}'
        )


def _errors(path: Path, inside: tuple[Path, ...]) -> Iterator[str]:
    """Find syntax errors and missing base files before anything is executed.

    Args:
        path: absolute.
        inside: the configs that led here by their `_base_`.
    """
    if path.resolve() in inside:
        yield f'{inside[-1]}: its base file {path} names it as a base file in turn'
        return
    if path.suffix != '.py':
        return
    try:
        tree = ast.parse(path.read_text(encoding='utf-8'))
    except SyntaxError as error:
        if error.lineno is None:
            yield f'{path} is not a Python file; see configs/ for how a config looks'
            return
        line = f': {error.text.strip()}' if error.text else ''
        yield f'{path}, line {error.lineno}: {error.msg}{line}'
        return
    except (UnicodeDecodeError, ValueError):
        yield f'{path} is not a Python file in UTF-8; see configs/ for how a config looks'
        return
    except OSError as error:
        yield f'{path}: cannot be read ({error.strerror})'
        return
    for base in _bases(tree, path):
        try:
            found = _base_path(base, path)
        except Exception as error:
            yield f"{path}: its base file '{base}' cannot be found ({_words(error)})"
            continue
        if found.is_file():
            yield from _errors(found.absolute(), (*inside, path.resolve()))
        else:
            yield f"{path}: its base file '{_plain(found)}' does not exist; {_remedy(base)}"


def _base_path(base: str, path: Path) -> Path:
    """Return the path of a base file that the config at a path names."""
    return _package_base(base) if '::' in base else Path(Config._get_cfg_path(base, str(path))[0])


@cache
def _package_base(base: str) -> Path:
    """Return the path of a config of a package: mmengine reads all its model indices for that."""
    return Path(Config._get_cfg_path(base, '')[0])


def _bases(tree: ast.Module, path: Path) -> list[str]:
    """Return what the config at a path says in `_base_`, as far as it is written out."""
    for statement in tree.body:
        if not isinstance(statement, ast.Assign):
            continue
        target = statement.targets[0]
        if isinstance(target, ast.Name) and target.id == '_base_':
            value = statement.value
            elements = value.elts if isinstance(value, (ast.List, ast.Tuple)) else [value]
            constants = [each.value for each in elements if isinstance(each, ast.Constant)]
            template = re.compile(r'\{\{\s*fileDirname\s*\}\}')
            texts = [each for each in constants if isinstance(each, str)]
            return [template.sub(lambda _: str(path.parent), text) for text in texts]
    return []


def _plain(path: Path) -> str:
    """Return a path without `..`, for reading."""
    return str(path.resolve())


def _remedy(base: str) -> str:
    """Say where a base file is that went missing, most often since a config was copied alone."""
    parts = [part for part in Path(base).parts if part not in ('.', '..')]
    for start in range(len(parts)):
        known = _PROJECT_CONFIGS.joinpath(*parts[start:])
        if known.is_file():
            return f"set _base_ to the absolute path '{known}', or copy that file too"
    return 'copy it there, or set _base_ to its absolute path'


def _message(path: Path, error: BaseException) -> str:
    """Return one sentence about what went wrong while a config was executed."""
    cause = error
    while isinstance(cause, ImportError) and (cause.__cause__ or cause.__context__):
        cause = cause.__cause__ or cause.__context__ or cause
    place = _place(error.__traceback__, path)
    inner = place if cause is error else _place(cause.__traceback__, path)
    if isinstance(error, ImportError) and place is None:
        at = f'{inner}: ' if inner else ''
        return (
            f'{path}: a module of its custom_imports cannot be imported ({at}{_words(cause)}); '
            f'correct its name, or add its folder to the environment variable PYTHONPATH'
        )
    if isinstance(error, SystemExit):
        return f'{place or path}: the config ends the program (exit); remove that'
    return f'{inner or place or path}: {_words(cause)}'


def _place(trace: TracebackType | None, path: Path) -> str | None:
    """Return file and line of the innermost frame that is the user's, if there is one."""
    frames = [frame for frame in traceback.extract_tb(trace) if _is_users(frame.filename)]
    return f'{frames[-1].filename}, line {frames[-1].lineno}' if frames else None


def _is_users(name: str) -> bool:
    """Tell a file of the user from those of Python, of installed packages and of this module."""
    libraries = (sys.prefix, sys.base_prefix, str(Path(__file__).resolve()))
    return Path(name).is_file() and not name.startswith(libraries)


def _words(error: BaseException) -> str:
    """Return class and message of an error on one line."""
    text = error.args[0] if isinstance(error, KeyError) and error.args else error
    if isinstance(error, SyntaxError) and error.filename:
        text = f'{error.filename}, line {error.lineno}: {error.msg}'
    words = ' '.join(str(text).split())
    return f'{type(error).__name__}: {words}' if words else type(error).__name__
