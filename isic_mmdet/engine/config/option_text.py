"""`--cfg-options KEY=VALUE ...`: from the words of the command line to keys and values.

mmengine's `DictAction` deletes every space of a value, makes a list of any text with a comma, and
raises an exception if there is no `=`.
"""

import argparse
import ast
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any


class BareList(list[Any]):
    """A list that was written without brackets, as `a,b`: one text may have been meant."""


def add_run_arguments(parser: argparse.ArgumentParser, example: str) -> None:
    """Add the arguments that training and testing share; `example` is for the help."""
    parser.add_argument(
        '--data-root',
        type=partial(not_ending_in, ('.py', '.pth')),
        nargs='+',
        metavar='DIR',
        help="prepared data set, instead of the config's own; of several, with the same classes,"
        ' the scores of each are reported, too',
    )
    parser.add_argument(
        '--fold',
        type=int,
        metavar='K',
        help='train and validate on fold K of a data set that was prepared with --folds',
    )
    parser.add_argument(
        '--amp',
        action='store_true',
        help='compute in bfloat16: twice as fast if the processor supports it',
    )
    add_cfg_options(parser, example)
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='what starts the processes (default: none)',
    )
    parser.add_argument('--local-rank', type=int, help=argparse.SUPPRESS)


def not_ending_in(endings: tuple[str, ...], text: str) -> str:
    """Return a value of an option that would also take the arguments of the command behind it.

    Raises:
        argparse.ArgumentTypeError: it is such an argument, by the ending of its name.
    """
    if text.endswith(endings):
        raise argparse.ArgumentTypeError(
            f'{text} is no value of this option; write config and checkpoint first, options after'
            ' them'
        )
    return text


def add_cfg_options(parser: argparse.ArgumentParser, example: str) -> None:
    """Add `--cfg-options`; `example` is for the help."""
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=_OptionsAction,
        metavar='KEY=VALUE',
        help=f'change settings, e.g. {example}',
    )


class _OptionsAction(argparse.Action):
    """Collects the `KEY=VALUE` words of all `--cfg-options` in a dict."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        options = dict(getattr(namespace, self.dest) or {})
        for word in values or ():
            try:
                key, value = parse_option(word)
            except ValueError as error:
                raise argparse.ArgumentError(self, f'{word!r}: {error}') from None
            if key in options:
                raise argparse.ArgumentError(self, f'{key} is given twice')
            options[key] = value
        setattr(namespace, self.dest, options)


def parse_option(word: str) -> tuple[str, Any]:
    """Return key and value of `KEY=VALUE`.

    Raises:
        ValueError: there is no `=`, the key has an empty part, or there is no value.
    """
    key, equals, text = word.partition('=')
    if not equals:
        raise ValueError("has no '='; write KEY=VALUE without spaces, and other arguments first")
    if not all(key.strip().split('.')):
        raise ValueError('has no key, or an empty part in it; write KEY=VALUE, as in a.b=1')
    if not text.strip():
        raise ValueError(f'has no value; write {key}=None, or "{key}=\'\'" for an empty text')
    return key.strip(), parse_value(text)


def parse_value(text: str) -> Any:
    """Return the value that a text stands for.

    Numbers, `True`, `False`, `None`, lists, tuples and dicts are written as in Python, also as
    `dict(a=1)`. Texts in them need no quotes if they have no spaces. A text with commas is a
    `BareList`. Quotes around a value make it a text.

    Raises:
        ValueError: brackets do not close, or the content is not Python.
    """
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in '"\'' and text[0] not in text[1:-1]:
        return text[1:-1]
    is_bracketed = text.startswith(('(', '[', '{', 'dict('))
    if not is_bracketed and ',' not in text:
        return _scalar(text)
    source = text if is_bracketed else f'[{text}]'
    try:
        tree = ast.parse(source, mode='eval')
    except SyntaxError as error:
        if is_bracketed:
            raise ValueError(f'{error.msg}; put quotes around the texts in it') from None
        return BareList(_scalar(part.strip()) for part in text.split(','))
    value = literal(tree.body, lambda node: _scalar(ast.get_source_segment(source, node) or ''))
    return value if is_bracketed else BareList(value)


def literal(node: ast.expr, other: Callable[[ast.expr], Any]) -> Any:
    """Return the value of a Python literal, in which `dict(a=1)` may stand for a dict.

    Args:
        node: nothing is executed.
        other: returns the value of a node that is not a literal.
    """
    if isinstance(node, ast.Call) and ast.unparse(node.func) == 'dict':
        settings = {str(word.arg): literal(word.value, other) for word in node.keywords}
        for argument in node.args:  # such as dict({'3d': 1})
            settings |= literal(argument, other)
        return settings
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {ast.literal_eval(key): literal(value, other) for key, value in pairs if key}
    if isinstance(node, (ast.List, ast.Tuple)):
        elements = [literal(each, other) for each in node.elts]
        return elements if isinstance(node, ast.List) else tuple(elements)
    try:
        return ast.literal_eval(node)
    except ValueError:
        return other(node)


def _scalar(text: str) -> Any:
    words = {'True': True, 'true': True, 'False': False, 'false': False, 'None': None}
    if text in words:
        return words[text]
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        return number if math.isfinite(number) else text
    return text
