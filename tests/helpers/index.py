"""A real index in a process of its own."""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Self

import requests
from passlib.apache import HtpasswdFile

from tests.helpers.preloaded import Fork, Preloaded
from tests.helpers.secret_search import SEARCH
from tests.helpers.waiting import eventually

ADMIN_TOKEN = "a-token-for-tests"
START_LIMIT = 60
_MARK = "end-of-log-"


@contextmanager
def running_index(folder: Path, username: str, password: str, *options: str) -> Iterator["RunningIndex"]:
    """Run an index with one account, until the end of a fixture."""
    index = RunningIndex.start(folder, *options)
    index.add_user(username, password)
    try:
        yield index
    finally:
        if index.process.poll() is None:  # a test may have ended it
            assert index.stop() == 0


def complete_log(url: str, log: Path) -> str:
    """Send one more request, wait until it is logged, and return the lines before it."""
    mark = f"{_MARK}{secrets.token_hex(8)}"
    requests.get(f"{url}{mark}", timeout=30)
    assert eventually(lambda: mark in log.read_text(), step=0.005)
    return "".join(line for line in log.read_text().splitlines(keepends=True) if _MARK not in line)


class RunningIndex:
    """An index that `pypi-publish serve` runs on a free port, over folders of the test."""

    module = "publisher.cli.main"

    def __init__(self, process: subprocess.Popen[bytes] | Fork, url: str, folder: Path) -> None:
        self.process = process
        self.url = url
        self.folder = folder
        self.root = folder / "packages"
        self.htpasswd = folder / "htpasswd"
        self.log = folder / "log"

    @classmethod
    def start(
        cls,
        folder: Path,
        *options: str,
        roots: Iterable[Path] = (),
        env: Mapping[str, str] | None = None,
        limit: float = START_LIMIT,
    ) -> Self:
        """Start an index over ``folder/packages`` (or other roots), and return it when it serves."""
        folder.mkdir(parents=True, exist_ok=True)
        command = ["serve", "--port", "0"]
        if "--storage" not in options:
            for root in roots or [folder / "packages"]:
                command += ["--root", str(root)]
            command += ["--htpasswd", str(folder / "htpasswd")]
        command += options
        environment = {**os.environ, "AUTH_TOKEN": ADMIN_TOKEN, **(env or {})}
        log = folder / "log"
        SEARCH.note_log(log)
        SEARCH.note(environment["AUTH_TOKEN"], "AUTH_TOKEN")
        with log.open("ab") as sink:
            began = sink.tell()
            process = cls._launch(command, environment, sink)
        deadline = time.monotonic() + limit
        while process.poll() is None and time.monotonic() < deadline:
            for line in log.read_bytes()[began:].decode().splitlines(keepends=True):
                if line.startswith("Serving ") and line.endswith("\n"):
                    return cls(process, line.rpartition(" on ")[2].strip(), folder)
            time.sleep(0.01)
        process.kill()
        process.wait()
        raise AssertionError(f"the index did not start:\n{log.read_text()}")

    @classmethod
    def _launch(
        cls, arguments: Sequence[str], environment: Mapping[str, str], sink: BinaryIO
    ) -> subprocess.Popen[bytes] | Fork:
        if Preloaded.current is not None and cls.module == RunningIndex.module:
            with Path(os.devnull).open("rb") as nothing:
                fork = Preloaded.current.start(arguments, environment, [nothing, sink, sink], Path.cwd())
            if fork is not None:
                return fork
        command = [sys.executable, "-m", cls.module, *arguments]
        return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink)

    def add_user(self, username: str, password: str) -> None:
        """Add an account with a hash that costs little, straight in the file."""
        users = HtpasswdFile(str(self.htpasswd), new=not self.htpasswd.exists(), default_scheme="apr_md5_crypt")
        users.set_password(username, password)
        SEARCH.note(password, "a password")
        beside = self.htpasswd.with_suffix(".new")
        users.save(str(beside))
        beside.replace(self.htpasswd)

    def complete_log(self) -> str:
        """Return the log, including all requests so far."""
        return complete_log(self.url, self.log)

    def stop(self) -> int:
        """End the index kindly and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def kill(self) -> None:
        """End the index as a power failure does."""
        self.process.kill()
        self.process.wait()
