from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.http import Client
from tests.helpers.index import RunningIndex, running_index

USER, PASSWORD = "ada", "correct horse"


@pytest.fixture(scope="session")
def shared_index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningIndex]:
    """Run one index for all tests of this process; each test takes project names of its own."""
    with running_index(
        tmp_path_factory.mktemp("index"), USER, PASSWORD, "--max-size", "3", "--trusted-proxy", "127.0.0.1"
    ) as index:
        yield index


@pytest.fixture
def client(shared_index: RunningIndex) -> Client:
    """Return a client with an account on the shared index."""
    return Client(shared_index.url, (USER, PASSWORD))


@pytest.fixture
def own(tmp_path: Path) -> Iterator["OwnIndex"]:
    """Return a starter of indexes, which it stops after the test."""
    started = OwnIndex(tmp_path)
    yield started
    for index in started.running:
        if index.process.poll() is None:
            index.kill()


class OwnIndex:
    """Starts indexes over folders of one test; the same folder may be served several times."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: list[RunningIndex] = []

    def start(self, *options: str, roots: tuple[Path, ...] = (), name: str = "index") -> tuple[RunningIndex, Client]:
        index = RunningIndex.start(self.folder / name, *options, roots=roots)
        self.running.append(index)
        if not index.htpasswd.exists() or not index.htpasswd.read_text():
            index.add_user(USER, PASSWORD)
        return index, Client(index.url, (USER, PASSWORD))
