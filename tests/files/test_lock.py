"""Locks between processes: waited for, given up at a limit, and nothing where there are none."""

import errno
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from publisher.files import lock
from publisher.files.lock import locked

_HOLD = """
import sys
from pathlib import Path
from publisher.files.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_another_process_waits_for_the_lock_and_gives_up_at_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "new" / "file"
    command = [sys.executable, "-c", _HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        monkeypatch.setattr(lock, "LIMIT", 0.05)
        with pytest.raises(TimeoutError, match="another process keeps it locked"), locked(path):
            pass
        with locked(path.with_name("another")):
            pass
        monkeypatch.setattr(lock, "LIMIT", 15.0)
        holder.communicate()
        with locked(path):  # it ends with its process
            pass
    assert path.with_name("file.lock").stat().st_mode & 0o777 == 0o600
    assert not path.exists()


def test_the_lock_is_given_up_after_a_failure_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "LIMIT", 0.0)
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "file"):
        _ = 1 / 0
    with locked(tmp_path / "file"), pytest.raises(TimeoutError), locked(tmp_path / "file"):
        pass


@pytest.mark.parametrize(("number", "goes_on"), [(errno.ENOLCK, True), (errno.ENOSYS, True), (errno.EIO, False)])
def test_a_file_system_without_locks_keeps_no_one_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, *, goes_on: bool
) -> None:
    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(lock, "_try", fail)
    entered = []
    with suppress(OSError), locked(tmp_path / "file"):
        entered.append(True)
    assert bool(entered) is goes_on
