"""What a training or a test prints: what people need; the log file in the work dir has all.

Lines of this project's own code go to both. Lines and warnings of other packages, the config and
the environment go to the log file only.
"""

import logging
import shlex
import shutil
import sys
import textwrap
from collections.abc import Sequence
from logging.handlers import MemoryHandler
from pathlib import Path

from mmengine.logging import MMLogger
from tqdm import tqdm

import isic_mmdet

#: As `extra` of a log record: only the log file gets it.
FILE_ONLY = {'file_only': True}

_PROJECT = str(Path(isic_mmdet.__file__).parent)
_COLORS = {logging.WARNING: '\033[33m', logging.ERROR: '\033[31m'}
_EARLY = 'mmengine'  # the logger that `print_log` uses before the Runner makes its own


class ConsoleHandler(logging.Handler):
    """Prints log records above a progress bar, without time and origin."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.addFilter(_is_for_people)
        self._warned: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record; a warning only once."""
        text = record.getMessage()
        if record.levelno >= logging.WARNING:
            if text in self._warned:
                return
            self._warned.add(text)
            text = f'{record.levelname.lower()}: {text}'
        try:
            say(text, _COLORS.get(record.levelno, ''))
        except OSError:
            self.handleError(record)


def say(text: str, color: str = '') -> None:
    """Print to stdout; on a terminal in color, and wrapped to its width."""
    if sys.stdout.isatty():
        text = '\n'.join(
            textwrap.fill(
                line,
                _width(),
                subsequent_indent='    ',
                break_long_words=False,  # so that a path can be copied
                break_on_hyphens=False,
            )
            for line in text.splitlines()
        )
        text = f'{color}{text}\033[0m' if color else text
    tqdm.write(text, sys.stdout)
    sys.stdout.flush()


def say_command(words: Sequence[str]) -> None:
    """Print a command that can be copied; on a terminal, continued on the next line."""
    line, *rest = map(shlex.quote, words)
    lines = []
    for word in rest:
        if sys.stdout.isatty() and len(line) + len(word) + 3 > _width():
            lines.append(f'{line} \\')
            line = f'    {word}'
        else:
            line = f'{line} {word}'
    tqdm.write('\n'.join([*lines, line]), sys.stdout)
    sys.stdout.flush()


def open_console(is_first: bool) -> None:
    """Print what is logged before there is a Runner as in a run, and keep it for the log file.

    Args:
        is_first: whether this is the process that prints.
    """
    console = ConsoleHandler(logging.INFO if is_first else logging.ERROR)
    kept = MemoryHandler(100_000, flushLevel=logging.CRITICAL + 1)
    MMLogger.get_instance(_EARLY).handlers = [console, kept]


def shorten_console(logger: MMLogger) -> None:
    """Replace the console of the logger of a Runner, and let its log file get all warnings."""
    files = [each for each in logger.handlers if isinstance(each, logging.FileHandler)]
    # ERROR in all processes except the first.
    logger.handlers = [ConsoleHandler(logger.handlers[0].level), *files]
    warnings = logging.getLogger('py.warnings')
    warnings.propagate = False
    warnings.handlers = [*files] or [logging.NullHandler()]
    logging.captureWarnings(True)
    if files and MMLogger.check_instance_created(_EARLY):
        for early in MMLogger.get_instance(_EARLY).handlers:
            if isinstance(early, MemoryHandler):
                early.setTarget(files[0])
                early.close()


def _is_for_people(record: logging.LogRecord) -> bool:
    is_own = record.pathname.startswith(_PROJECT) and not getattr(record, 'file_only', False)
    return is_own or record.levelno >= logging.ERROR


def _width() -> int:
    return shutil.get_terminal_size().columns
