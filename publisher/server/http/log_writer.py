"""Writing log lines in a thread of its own: a reader that stops, or a full disk, never stops the index."""

import logging
import os
import select
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from publisher.limits import LIMITS
from publisher.server.siblings.locks import held, release, try_hold

CLOSING_TIME = 1.0
"""Seconds that the last lines get at the end."""

_GATHERING = 0.02
"""Seconds to collect lines of requests: waking the thread for each one would more than halve the index's speed."""

_AT_ONCE = 1000
"""Maximum number of lines in one write."""


class LogWriter:
    """
    Writes lines to a file descriptor, which may be slow, full or closed.

    The descriptor is used without Python's buffers, whose locks a stuck write would hold beyond the end of the process.
    ``lock`` is a file by which processes that write to the same log take turns, so that no line is torn by another.
    """

    def __init__(self, descriptor: int = 2, limit: int = LIMITS.log_lines, lock: int | None = None) -> None:
        self._descriptor = descriptor
        self._limit = limit
        self._lock = lock
        self._lines: deque[str] = deque()
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._dropped = 0
        self._thread: threading.Thread | None = None

    def write(self, line: str) -> None:
        """Have a line written; never waits."""
        self.write_soon(line)
        self._hurry.set()

    def write_soon(self, line: str) -> None:
        """Have a line written in the next batch; never waits."""
        if len(self._lines) >= self._limit:
            self._dropped += 1
            return
        self._lines.append(line)
        self._idle.clear()
        if self._wake.is_set():  # the thread is awake, and will pick up the line
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="log", daemon=True)
            self._thread.start()
        self._wake.set()

    def flush(self, patience: float = CLOSING_TIME) -> None:
        """Wait until all lines are written, but not for long."""
        self._hurry.set()
        self._idle.wait(patience)

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._hurry.wait(_GATHERING)
            self._hurry.clear()
            self._wake.clear()
            while self._lines:
                self._write_some()
            self._idle.set()
            if self._lines:  # one came in between
                self._idle.clear()
                self._wake.set()

    def _write_some(self) -> None:
        lines = [self._lines.popleft() for _ in range(min(len(self._lines), _AT_ONCE))]
        dropped, self._dropped = self._dropped, 0
        if dropped:
            lines.append(
                f"{dropped} lines of the log were dropped: its reader was too slow, or it could not be written"
            )
        rest = _as_bytes(lines)
        try:
            with held(self._lock) if self._lock is not None else nullcontext():
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            self._dropped += dropped + len(lines) - bool(dropped)


class SupervisorLog:
    """
    Writes the few lines of a process that has one thread only among those of others, and waits for no reader.

    Under the lock this is the only writer, so a pipe with any room has room for a line.
    """

    def __init__(self, lock: int, descriptor: int = 2) -> None:
        self._lock = lock
        self._descriptor = descriptor
        self._lines: deque[str] = deque(maxlen=100)

    def write(self, line: str) -> None:
        """Have a line written, now or at the next `flush`."""
        self._lines.append(line)
        self.flush()

    def flush(self, patience: float = 0.0) -> bool:
        """Write as much as possible within so many seconds; return whether nothing is left."""
        deadline = time.monotonic() + patience
        while self._lines and not self._write_one() and time.monotonic() < deadline:
            time.sleep(0.01)
        return not self._lines

    def _write_one(self) -> bool:
        if not select.select([], [self._descriptor], [], 0)[1] or not try_hold(self._lock):
            return False
        try:
            if select.select([], [self._descriptor], [], 0)[1]:
                os.write(self._descriptor, _as_bytes([self._lines.popleft()]))
        except OSError:  # there is no other place to report that the log can't be written
            return True
        finally:
            release(self._lock)
        return True


def _as_bytes(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")


class QueuedLogHandler(logging.Handler):
    """Hands log records to a `LogWriter`."""

    def __init__(self, writer: LogWriter) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        """Have a record written."""
        try:
            self._writer.write(self.format(record))
        except Exception:  # noqa: BLE001 - what handlers do about records that can't be formatted
            self.handleError(record)


@contextmanager
def logging_through(writer: LogWriter) -> Iterator[None]:
    """Have everything that is logged meanwhile written by a writer, unless the host has its own handlers."""
    root = logging.getLogger()
    if root.handlers:
        yield
        return
    handler = QueuedLogHandler(writer)
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        writer.flush()
