"""A process that answers: one line of JSON for each line that it is asked."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from threading import Timer
from typing import Any

_ROOT = Path(__file__).resolve().parents[1]


class WorkerError(Exception):
    """The process ended, or took longer than it was given; the message says which."""


class Worker:
    """A Python program in a process of its own.

    Args:
        module: name of the program, which is run as `python -m`.
        arguments: of the program.
        limit: seconds that an answer may take, the first one too; the process is ended then.

    Attributes:
        first: what the program said before it was asked anything.

    Raises:
        WorkerError: it said nothing.
    """

    def __init__(self, module: str, arguments: Sequence[object], limit: float) -> None:
        self._limit = limit
        self._log = tempfile.TemporaryFile('w+')  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [sys.executable, '-m', module, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=_ROOT,
        )
        self.first = self._answer()

    def ask(self, question: object) -> dict[str, Any]:
        """Return the answer to a line.

        Raises:
            WorkerError: there is none; the process has ended.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(f'{question}\n')
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """End the process."""
        if self._process.poll() is None:
            self._process.communicate()
        self._log.close()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        timer = Timer(self._limit, self._process.kill)
        timer.start()
        line = self._process.stdout.readline()
        in_time = timer.is_alive()
        timer.cancel()
        if line:
            return json.loads(line)
        self._process.wait()
        if not in_time:
            raise WorkerError(f'not finished in {self._limit:g} s')
        self._log.seek(0)
        last = ' '.join(self._log.read().splitlines()[-1:])
        raise WorkerError(f'ended with status {self._process.returncode}: {last}')
