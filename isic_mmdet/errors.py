"""The one kind of error that users are meant to see, and the end on request."""

from collections.abc import Sequence


class InputError(Exception):
    """Something the user can fix: wrong data, a missing file, a config that does not fit.

    The command-line tools print the message without a traceback and exit with status 1.

    Args:
        message: one sentence that names the file or setting, the problem and how to fix it.
        faults: further lines, one fault each, when several were collected.
        shown: how many of the faults the message lists before it only counts them.
    """

    def __init__(self, message: str, faults: Sequence[str] = (), shown: int = 20) -> None:
        self.faults = list(faults)
        lines = [message, *(f'  - {fault}' for fault in self.faults[:shown])]
        if len(self.faults) > shown:
            lines.append(f'  - ... and {len(self.faults) - shown} more')
        super().__init__('\n'.join(lines))


class Terminated(BaseException):
    """The process was asked to end. Not an `Exception`, so that nothing takes it for a fault."""
