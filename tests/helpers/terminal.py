"""The real command on a terminal, with answers to its prompts."""

import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from tests.helpers.waiting import eventually

PATIENCE = 60.0


def typed(
    arguments: Sequence[str], conversation: Sequence[tuple[str, str]], env: Mapping[str, str] | None = None
) -> tuple[str, int]:
    """Run `pypi-publish` on a terminal as `typed_in` does."""
    return typed_in([sys.executable, "-m", "publisher.cli.main", *arguments], conversation, env)


def typed_in(
    command: Sequence[str], conversation: Sequence[tuple[str, str]], env: Mapping[str, str] | None = None
) -> tuple[str, int]:
    """
    Run a command on a terminal and type each answer when its question has been asked.

    Return the terminal's output, and the exit code.
    """
    import pty  # noqa: PLC0415 - not on Windows
    import termios  # noqa: PLC0415 - not on Windows

    ours, its = pty.openpty()
    process = subprocess.Popen(
        list(command),
        stdin=its,
        stdout=its,
        stderr=its,
        env={**os.environ, **(env or {})},
        start_new_session=True,
    )
    os.close(its)
    shown, seen = "", 0
    deadline = time.monotonic() + PATIENCE
    try:
        for question, answer in conversation:
            while question not in shown[seen:]:
                chunk = _read(ours)
                assert chunk, f"it ended before it asked {question!r}:\n{shown}"
                assert time.monotonic() < deadline, f"it does not ask {question!r}:\n{shown}"
                shown += chunk
            seen = shown.index(question, seen) + len(question)
            if "assword" in question:  # some programs ask first, and then drop everything that was typed before
                assert eventually(lambda: not termios.tcgetattr(ours)[3] & termios.ECHO)
            os.write(ours, f"{answer}\n".encode())
        while chunk := _read(ours):
            assert time.monotonic() < deadline, f"it does not end:\n{shown}"
            shown += chunk
        assert eventually(lambda: process.poll() is not None), f"it does not end:\n{shown}"
        return shown.replace("\r\n", "\n"), process.wait()
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _read(terminal: int) -> str:
    """Return the next output, or nothing when the program has ended."""
    ready, _, _ = select.select([terminal], [], [], PATIENCE)
    with suppress(OSError):  # Linux: EIO when the last program has closed it
        return os.read(terminal, 4096).decode(errors="replace") if ready else ""
    return ""
