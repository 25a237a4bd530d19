"""The one kind of error that users are meant to see, and the end on request."""

from collections.abc import Sequence


class InputError(Exception):
    """Something the user can fix: wrong data, a missing file, a config that does not fit.

    The command-line tools print the message without a traceback and exit with status 1.

    Args:
        message: one sentence that names the file or setting, the problem and how to fix it.
        errors: further lines, one error each, when several were collected.
        shown: how many of the errors the message lists before it only counts them.
    """

    def __init__(self, message: str, errors: Sequence[str] = (), shown: int = 20) -> None:
        self.errors = list(errors)
        lines = [message, *(f'  - {problem}' for problem in self.errors[:shown])]
        if len(self.errors) > shown:
            lines.append(f'  - ... and {len(self.errors) - shown} more')
        super().__init__('\n'.join(lines))


class Terminated(BaseException):
    """The process was asked to end. Not an `Exception`, so that nothing takes it for an error."""
