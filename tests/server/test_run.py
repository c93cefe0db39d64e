"""The index as a process: its signals, its limit of open files, and the log of its start."""

import os
import pty
import resource
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from publisher.server.run import allow_open_files, favor_requests
from tests.helpers.index import RunningIndex
from tests.helpers.waiting import eventually
from tests.server.conftest import OwnIndex


def test_sighup_reads_accounts_and_folders_again(own: OwnIndex) -> None:
    index, client = own.start()
    (index.root / "below").mkdir()
    package = index.root / "below" / "copied-1.0.tar.gz"
    assert client.get("simple/copied/").status_code == 404
    status = (index.root / "below").stat()
    package.write_bytes(b"no archive")
    os.utime(index.root / "below", ns=(status.st_atime_ns, status.st_mtime_ns))
    index.htpasswd.write_text(index.htpasswd.read_text() + "dan:!\n")
    index.process.send_signal(signal.SIGHUP)
    assert eventually(lambda: b"1 accounts are locked" in index.log.read_bytes())
    assert eventually(lambda: client.get("simple/copied/").ok)
    assert index.stop() == 0


@pytest.mark.parametrize("ignored", [False, True])
def test_an_index_ends_with_its_terminal_unless_nohup_keeps_it(tmp_path: Path, *, ignored: bool) -> None:
    process, terminal = pty.fork()
    if process == 0:
        signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)  # these tests may run under nohup
        os.chdir(tmp_path)
        os.execv(sys.executable, [sys.executable, "-m", "publisher.cli.main", "serve", "--port", "0"])
    shown = b""
    while b"Serving " not in shown:
        shown += os.read(terminal, 4096)
    os.close(terminal)
    if ignored:
        with pytest.raises(AssertionError):
            _wait_for(process, 1.0)
        os.kill(process, signal.SIGTERM)
    assert _wait_for(process, 20.0) == 0


def _wait_for(process: int, patience: float) -> int:
    """Return the exit status of a child; AssertionError when it goes on for so many seconds."""
    statuses: list[int] = []

    def has_ended() -> bool:
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            statuses.append(status)
        return bool(statuses)

    assert eventually(has_ended, patience=patience)
    return statuses[0]


def test_locked_accounts_are_counted_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "htpasswd").write_text("ada:!\nbob:$argon2id$v=19$x\n")
    index = RunningIndex.start(tmp_path)
    try:
        assert b"2 accounts are locked" in index.log.read_bytes()
    finally:
        assert index.stop() == 0


def test_the_limit_of_open_files_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    raised: list[Any] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (256, 4096))
    monkeypatch.setattr(resource, "setrlimit", lambda kind, limits: raised.append((kind, limits)))
    allow_open_files()
    assert raised == [(resource.RLIMIT_NOFILE, (4096, 4096))]


def test_threads_that_compute_give_way_soon() -> None:
    before = sys.getswitchinterval()
    try:
        favor_requests()
        assert sys.getswitchinterval() < before
    finally:
        sys.setswitchinterval(before)


def test_a_served_index_may_open_as_many_files_as_the_system_allows(own: OwnIndex) -> None:
    index, _ = own.start()
    limits = Path(f"/proc/{index.process.pid}/limits")
    if not limits.exists():
        pytest.skip("this system shows no limits of other processes")
    soft, hard = next(line for line in limits.read_text().splitlines() if line.startswith("Max open files")).split()[
        3:5
    ]
    assert soft == hard


def test_copied_files_are_recorded_one_by_one_and_before_anybody_asks(own: OwnIndex) -> None:
    root = own.folder / "index" / "packages"
    root.mkdir(parents=True)
    for number in range(3):
        (root / f"copied-{number}.0.tar.gz").write_bytes(b"no archive")
    index, _ = own.start()
    record = root / ".pypi-publish" / "facts" / "copied.jsonl"
    assert eventually(lambda: record.exists() and record.read_bytes().count(b"sha256") == 3)
    assert index.stop() == 0
