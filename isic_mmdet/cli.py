"""What every command-line tool shares: exit statuses and help that shows an example."""

import argparse
import errno
import io
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from isic_mmdet.errors import InputError, Terminated

# What sysexits.h calls a failure that passes: try again. Slurm requeues a job on it where
# RequeueExit names it; tools/slurm_train.sh does so itself.
TERMINATED = 75


def make_parser(description: str, example: str) -> argparse.ArgumentParser:
    """Return a parser whose `--help` keeps its line breaks and ends with an example."""
    return argparse.ArgumentParser(
        description=description,
        epilog=f'example:\n  {example}',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def run(main: Callable[[], int | None]) -> NoReturn:
    """Call `main` and end the process with 0, or with 1 after an `InputError` or a full disk.

    argparse ends it with 2 on wrong arguments, a request to end (SIGTERM) after the state was saved
    with `TERMINATED`. Anything else is a bug of ours and keeps its traceback.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Names of files may be bytes that are no text.
            stream.reconfigure(errors='backslashreplace')
    try:
        status = main() or 0
    except InputError as error:
        print(f'error: {error}', file=sys.stderr)
        status = 1
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        where = f'{error.filename}: ' if error.filename else ''
        print(
            f'error: {where}{os.strerror(error.errno)}; free some, and start the same command '
            'again (train.py and predict.py go on with --resume)',
            file=sys.stderr,
        )
        status = 1
    except Terminated:
        print('ended on request (SIGTERM); go on with --resume', file=sys.stderr)
        status = TERMINATED
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
        status = 130
    sys.exit(status)
