"""What every command-line tool shares: exit statuses and help that shows an example."""

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn

from isic_mmdet.errors import InputError


def make_parser(description: str, example: str) -> argparse.ArgumentParser:
    """Return a parser whose `--help` keeps its line breaks and ends with an example."""
    return argparse.ArgumentParser(
        description=description,
        epilog=f'example:\n  {example}',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def run(main: Callable[[], int | None]) -> NoReturn:
    """Call `main` and end the process with 0, or with 1 after an `InputError`.

    argparse ends it with 2 on wrong arguments. Anything else is a bug of ours and keeps its
    traceback.
    """
    try:
        status = main() or 0
    except InputError as error:
        print(f'error: {error}', file=sys.stderr)
        status = 1
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
        status = 130
    sys.exit(status)
