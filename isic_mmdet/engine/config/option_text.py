"""`--cfg-options KEY=VALUE ...`: from the words of the command line to keys and values.

mmengine's `DictAction` deletes every space of a value, makes a list of any text with a comma, and
ends with a traceback where there is no `=`.
"""

import argparse
import ast
import math
from collections.abc import Sequence
from typing import Any

_BRACKETS = {'(': ')', '[': ']', '{': '}'}


class BareList(list):
    """A list that was written without brackets, as `a,b`: one text may have been meant."""


def add_run_arguments(parser: argparse.ArgumentParser, example: str) -> None:
    """Add the arguments that training and testing share.

    Args:
        parser: of the tool.
        example: options that the tool uses, for the help.
    """
    parser.add_argument('--data-root', help="prepared data set, instead of the config's own")
    parser.add_argument(
        '--amp',
        action='store_true',
        help='compute in bfloat16: twice as fast if the processor supports it',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=OptionsAction,
        metavar='KEY=VALUE',
        help=f'change settings, e.g. {example}',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='what starts the processes (default: none)',
    )
    parser.add_argument('--local-rank', type=int, help=argparse.SUPPRESS)


class OptionsAction(argparse.Action):
    """Collects `KEY=VALUE` words in a dict from dotted keys to values."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Add the words to what an earlier `--cfg-options` gave."""
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

    Numbers, `True`, `False` and `None` are those of Python. Lists, tuples and dicts may be written
    as in Python, also with `dict(a=1)`. Within lists and tuples texts need no quotes, and a text
    with commas is a `BareList` even without brackets. Quotes around a value make it a text.
    """
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in '"\'' and text[0] not in text[1:-1]:
        return text[1:-1]
    if text.startswith((*_BRACKETS, 'dict(')):
        try:
            return _literal(ast.parse(text, mode='eval').body)
        except (ValueError, SyntaxError, TypeError):
            pass  # its texts may be without quotes
    if len(text) > 1 and text[0] in '([' and _closes(text) == len(text) - 1:
        elements = [parse_value(each) for each in _split(text[1:-1]) if each.strip()]
        return tuple(elements) if text[0] == '(' else elements
    parts = _split(text)
    if len(parts) > 1:
        return BareList(parse_value(each) for each in parts if each.strip())
    return _scalar(text)


def _scalar(text: str) -> Any:
    known = {'true': True, 'false': False}
    if text.lower() in known:
        return known[text.lower()]
    if text == 'None':
        return None
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def _literal(node: ast.expr) -> Any:
    """Evaluate a Python literal, in which `dict(a=1)` may stand for a dict."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == 'dict':
        if node.args or any(keyword.arg is None for keyword in node.keywords):
            raise ValueError('only dict(name=value)')
        return {str(keyword.arg): _literal(keyword.value) for keyword in node.keywords}
    if isinstance(node, ast.Dict):
        keys = [ast.literal_eval(key) for key in node.keys if key is not None]
        return dict(zip(keys, map(_literal, node.values), strict=True))
    if isinstance(node, (ast.List, ast.Tuple)):
        elements = [_literal(each) for each in node.elts]
        return tuple(elements) if isinstance(node, ast.Tuple) else elements
    return ast.literal_eval(node)


def _split(text: str) -> list[str]:
    """Split at the commas that are outside of brackets and quotes."""
    parts, start, closing, quote = [], 0, '', ''
    for place, sign in enumerate(text):
        if quote:
            quote = '' if sign == quote else quote
        elif sign in '"\'' and not text[start:place].strip(' ([{'):
            quote = sign
        elif sign in _BRACKETS:
            closing += _BRACKETS[sign]
        elif closing and sign == closing[-1]:
            closing = closing[:-1]
        elif sign == ',' and not closing:
            parts.append(text[start:place])
            start = place + 1
    return [*parts, text[start:]]


def _closes(text: str) -> int:
    """Return where the bracket that begins a text closes, or -1."""
    depth = 0
    for place, sign in enumerate(text):
        depth += (sign in _BRACKETS) - (sign in _BRACKETS.values())
        if not depth:
            return place
    return -1
