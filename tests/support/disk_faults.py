"""Runs the tools in forked processes with a full disk, or kills them at a chosen step."""

import builtins
import errno
import gc
import io
import os
import pathlib
import resource
import runpy
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import torch
from tqdm import tqdm

from tests.support.unexpected_errors import keep_tracebacks

# A process that hangs is ended by its alarm after this time.
_SECONDS = 100

Prepare = Callable[[], None]


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit status, negative for a signal, and all that it printed."""

    status: int
    printed: str


class Tool:
    """A command-line tool, run in a process forked from this one, which has imported everything.

    Args:
        root: of the project.
        name: of the file in tools/.
    """

    def __init__(self, root: Path, name: str) -> None:
        self._path = root / 'tools' / name
        self.name = name

    def start(
        self, *arguments: object, before: Prepare = lambda: None, **environment: str
    ) -> 'Running':
        """Start the tool.

        Args:
            arguments: of the command line.
            before: called in the new process.
            environment: further environment variables.
        """
        cv2.setNumThreads(1)  # threads do not survive the fork
        reader, writer = os.pipe()
        pid = os.fork()
        if pid:
            os.close(writer)
            return Running(pid, reader)
        status = 99
        try:
            # Objects of the parent wait for their threads when they are collected, such as a
            # session of ONNX Runtime, and threads do not survive the fork.
            gc.freeze()
            os.close(reader)
            os.dup2(writer, 1)
            os.dup2(writer, 2)
            sys.stdout, sys.stderr = os.fdopen(1, 'w', 1), os.fdopen(2, 'w', 1)
            os.environ.update(environment)
            torch.set_num_threads(1)
            # All forked processes share the default lock, and a killed one may hold it.
            tqdm.set_lock(threading.RLock())
            signal.alarm(_SECONDS)
            keep_tracebacks()
            sys.argv = [self.name, *map(str, arguments)]
            before()
            runpy.run_path(str(self._path), run_name='__main__')
        except SystemExit as end:
            status = end.code
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def __call__(self, *arguments: object, before: Prepare = lambda: None) -> Ended:
        """Run the tool to its end."""
        return self.start(*arguments, before=before).end()

    def group(
        self,
        processes: int,
        *arguments: object,
        before: Callable[[int], Prepare] = lambda rank: lambda: None,
    ) -> list[Ended]:
        """Run the tool in several processes, as torchrun starts them.

        Args:
            processes: number of processes.
            arguments: of the command line.
            before: given the number of a process, returns what is called in it.
        """
        with socket.socket() as server:
            server.bind(('127.0.0.1', 0))
            port = server.getsockname()[1]
        started = [
            self.start(
                *(*arguments, '--launcher', 'pytorch'),
                before=before(rank),
                RANK=str(rank),
                LOCAL_RANK=str(rank),
                WORLD_SIZE=str(processes),
                MASTER_ADDR='127.0.0.1',
                MASTER_PORT=str(port),
            )
            for rank in range(processes)
        ]
        return [process.end() for process in started]


class Running:
    """A process that runs a tool."""

    def __init__(self, pid: int, reader: int) -> None:
        self.pid = pid
        self._printed = bytearray()
        self._reading = threading.Thread(target=self._read, args=(reader,))
        self._reading.start()

    def _read(self, reader: int) -> None:
        with os.fdopen(reader, 'rb', 0) as file:
            while data := file.read(1 << 16):
                self._printed += data

    def kill_in(self, seconds: float) -> 'Ended':
        """Kill the process after some time, unless it ends before; return how it ended."""
        timer = threading.Timer(seconds, os.kill, (self.pid, signal.SIGKILL))
        timer.start()
        _, status = os.waitpid(self.pid, 0)
        timer.cancel()
        return self._ended(status)

    def end(self) -> Ended:
        """Wait for the end."""
        return self._ended(os.waitpid(self.pid, 0)[1])

    def _ended(self, status: int) -> Ended:
        self._reading.join()
        return Ended(os.waitstatus_to_exitcode(status), self._printed.decode())


class Disk:
    """Counts what a process does to the files of a folder, and stops it at a chosen step.

    A step is a file opened for writing, a write, or a file moved or removed. The object must be
    called in the process to observe.

    Args:
        folder: only steps in it count.
        kill_at: step in which the process is killed: after a file is created, in the middle of a
            write, or before a move or removal.
        room: bytes that can be written before the disk is full (ENOSPC).
        largest: bytes of the largest file that the system itself allows from the first step on
            (EFBIG).
        report: file outside of `folder` for the number of steps and bytes at the end.
    """

    def __init__(
        self,
        folder: Path,
        kill_at: int | None = None,
        room: int | None = None,
        largest: int | None = None,
        report: Path | None = None,
    ) -> None:
        self._folder = folder.resolve()
        self._kill_at = kill_at
        self._room = room
        self._largest = largest
        self._report = report
        self._lock = threading.RLock()
        self._steps = 0
        self._bytes = 0

    def __call__(self) -> None:
        """Replace the functions of this process that write files."""
        disk, plain = self, io.open

        class File(io.FileIO):
            def write(self, data: memoryview) -> int:
                return disk._write(super().write, memoryview(data).cast('B'))

        def open_file(
            file, mode='r', buffering=-1, encoding=None, errors=None, newline=None, **more
        ):
            if not (set(mode) & set('wxa+') and disk._concerns(file)):
                return plain(file, mode, buffering, encoding, errors, newline, **more)
            raw = File(file, mode.replace('b', '').replace('t', ''))
            disk._step()
            if buffering == 0:
                return raw
            buffered = io.BufferedRandom(raw) if '+' in mode else io.BufferedWriter(raw)
            if 'b' in mode:
                return buffered
            return io.TextIOWrapper(buffered, encoding, errors, newline)

        def stepping(function: Callable) -> Callable:
            def step(path, *arguments, **options):
                if disk._concerns(path):
                    disk._step()
                return function(path, *arguments, **options)

            return step

        io.open = builtins.open = open_file
        pathlib.Path.open = open_file
        for name in ('replace', 'rename', 'unlink'):
            setattr(pathlib.Path, name, stepping(getattr(pathlib.Path, name)))
        os.truncate = stepping(os.truncate)
        if self._report:
            end = os._exit

            def exit_with_report(status: int) -> None:
                self._report.write_text(f'{self._steps} {self._bytes}')
                end(status)

            os._exit = exit_with_report

    def _concerns(self, path: object) -> bool:
        if not isinstance(path, (str, os.PathLike)):
            return False
        return self._folder in Path(path).absolute().parents

    def _step(self) -> None:
        with self._lock:
            if self._steps == self._kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            if self._largest is not None and not self._steps:
                resource.setrlimit(resource.RLIMIT_FSIZE, (self._largest, self._largest))
            self._steps += 1

    def _write(self, write: Callable[[memoryview], int], data: memoryview) -> int:
        with self._lock:
            if self._steps == self._kill_at:
                write(data[: len(data) // 2])
            self._step()
            if self._room is not None and len(data):
                data = data[: self._room - self._bytes]
                if not len(data):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            written = write(data)
            self._bytes += written
            return written


def counted(tool: Tool, arguments: tuple, folder: Path, report: Path) -> tuple[int, int]:
    """Run a tool that must succeed; return the number of steps and bytes in `folder`."""
    ended = tool(*arguments, before=Disk(folder, report=report))
    assert ended.status == 0, ended.printed
    steps, size = map(int, report.read_text().split())
    return steps, size


def content(folder: Path) -> dict[str, bytes]:
    """Return the content of all files below a folder, by relative path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob('*'))
        if path.is_file()
    }
