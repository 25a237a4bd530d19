"""What every command-line tool shares: exit statuses and help that shows an example."""

import argparse
import io
import logging
import os
import select
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from isic_mmdet.errors import Terminated
from isic_mmdet.utils import failures
from isic_mmdet.utils.environment import prepare_for_tool

# What sysexits.h calls a failure that passes: try again. Slurm requeues a job on it where
# RequeueExit names it; tools/slurm_train.sh does so itself.
TERMINATED = 75
INTERRUPTED = 130  # as shells report a program that Ctrl-C ended
CLOSED_PIPE = 141  # as shells report a program that SIGPIPE ended


def make_parser(description: str, example: str) -> argparse.ArgumentParser:
    """Return a parser whose `--help` keeps its line breaks and ends with an example."""
    return argparse.ArgumentParser(
        description=description,
        epilog=f'example:\n  {example}',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def positive_int(text: str) -> int:
    """Return the number of an argument; argparse reports one below 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f'{number} is less than 1')
    return number


def run(main: Callable[[], int | None]) -> NoReturn:
    """Prepare the process, call `main`, and end the process with its status, 0 for None.

    An exception is one message and status 1. If the user cannot fix it, the message names a file
    with the traceback. argparse ends the process with status 2 on wrong arguments.

    `main` imports what it needs itself, so that a missing package is a message, too.
    """
    prepare_for_tool()
    _open_streams()
    # A line of the log that cannot be written (closed pipe, full disk) would print a traceback.
    logging.raiseExceptions = False
    status = _call(main)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            status = status or _failed(error)
            # Python flushes again when it ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(status)


def _call(main: Callable[[], int | None]) -> int:
    """Return the exit status of a tool, and print what ended it."""
    try:
        return main() or 0
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        return _say(str(end.code), 1)
    except Terminated:
        return _say('ended on request (SIGTERM); continue with --resume', TERMINATED)
    except KeyboardInterrupt as end:
        return _say(str(end) or 'interrupted', INTERRUPTED)
    except Exception as error:
        return _failed(error)


def _failed(error: Exception) -> int:
    if isinstance(error, BrokenPipeError) and _has_lost_reader():
        return CLOSED_PIPE
    return _say(f'error: {failures.explanation(error) or failures.report(error)}', 1)


def _say(message: str, status: int) -> int:
    with suppress(BrokenPipeError):
        print(message, file=sys.stderr)
    return status


def _open_streams() -> None:
    """Replace standard streams that are closed, and let all of them print any file name."""
    for name, mode in (('stdin', 'r'), ('stdout', 'w'), ('stderr', 'w')):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115
        elif mode == 'w' and isinstance(stream, io.TextIOWrapper):
            # Names of files may be bytes that are not text.
            stream.reconfigure(errors='backslashreplace')


def _has_lost_reader() -> bool:
    """Return whether stdout or stderr is a pipe that nobody reads any more, as after `| head`."""
    if not hasattr(select, 'poll'):  # Windows
        return True
    poll = select.poll()
    for stream in (sys.stdout, sys.stderr):
        poll.register(stream.fileno(), 0)
    return bool(poll.poll(0))
