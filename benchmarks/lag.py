"""
Measure how long another client waits while pages are rendered again and large files are read for the first time.

Usage: python benchmarks/lag.py [--quick]
"""

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

import requests

from benchmarks.serve import PASSWORD, USER, fill, our_index, settle
from benchmarks.tables import heading, limit
from tests.helpers.dists import make_wheel
from tests.helpers.http import JSON, Client

LIST, WRITERS, LARGE = 5, 8, 10


class Bystander:
    """
    A client that asks for a page of its own all the time, and notes how long its slowest answer takes.

    It is a process, because the threads of the clients that work at the same time would hold it up too.
    """

    def __init__(self, url: str) -> None:
        self._client = Client(url, (USER, PASSWORD))
        context = multiprocessing.get_context("fork")
        self._ended = context.Event()
        self._slowest = context.Value("d", 0.0)
        self._process = context.Process(target=self._ask)

    @property
    def slowest(self) -> float:
        """The seconds of the slowest answer."""
        return float(self._slowest.value)

    @contextmanager
    def asking(self) -> Iterator[None]:
        self._process.start()
        try:
            yield
        finally:
            self._ended.set()
            self._process.join()
        assert self._process.exitcode == 0

    def _ask(self) -> None:
        while not self._ended.wait(0.005):
            began = time.perf_counter()
            assert self._client.get("health").status_code == 200
            self._slowest.value = max(self._slowest.value, time.perf_counter() - began)


def slowest(url: str, work: Callable[[], None]) -> float:
    """Return how many milliseconds longer than in quiet a bystander waited for its slowest answer."""
    quiet, busy = Bystander(url), Bystander(url)
    with quiet.asking():
        time.sleep(2)
    with busy.asking():
        work()
    return (busy.slowest - quiet.slowest) * 1000


def new_projects(work: Path, projects: int) -> None:
    """Ask for the list of all projects after each new one."""
    root = work / "list"
    fill(root, projects, 1)
    with our_index(work / "ours-list", root) as index:
        settle(index)
        client = Client(index.url, (USER, PASSWORD))

        def publish() -> None:
            for number in range(LIST):
                assert client.upload(make_wheel(work, f"brandnew{number}")).status_code == 200
                assert client.get("simple/", {"Accept": JSON}).status_code == 200

        client.get("simple/", {"Accept": JSON})
        lag = slowest(index.url, publish)
    limit(f"lag: root page after a new project, {projects:,} projects", lag, "<= 50", " ms")


def writers(work: Path, files: int) -> None:
    """Ask for the page of a project with many files while others write to it."""
    root = work / "writers"
    fill(root, 1, files)
    with our_index(work / "ours-writers", root) as index:
        settle(index)

        def write(writer: int) -> None:
            client = Client(index.url, (USER, PASSWORD))
            for number in range(10):
                wheel = make_wheel(work, "project0", f"2.{writer}.{number}")
                assert client.upload(wheel).status_code == 200
                assert client.get("simple/project0/", {"Accept": JSON}).status_code == 200

        def all_write() -> None:
            with ThreadPoolExecutor(WRITERS) as threads:
                list(threads.map(write, range(WRITERS)))

        Client(index.url, (USER, PASSWORD)).get("simple/project0/", {"Accept": JSON})
        lag = slowest(index.url, all_write)
    limit(f"lag: page of {files:,} files while {WRITERS} clients write to it", lag, "<= 100", " ms")


def copied(work: Path, size: int) -> None:
    """Copy large files in by hand, and ask for all their projects at once."""
    root = work / "copied"
    root.mkdir()
    with our_index(work / "ours-copied", root) as index:

        def ask(number: int) -> None:
            url = f"{index.url}simple/big{number}/"
            requests.get(url, auth=(USER, PASSWORD), headers={"Accept": JSON}, timeout=600).raise_for_status()

        def copy_in() -> None:
            for number in range(LARGE):
                with (root / f"big{number}-1.0.tar.gz").open("wb") as file:
                    file.truncate(size)
            with ThreadPoolExecutor(LARGE) as threads:
                list(threads.map(ask, range(LARGE)))

        lag = slowest(index.url, copy_in)
    limit(f"lag: {LARGE} projects of {size / 10**9:g} GB copied in, asked for at once", lag, "<= 50", " ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the corpus, to try the script")
    scale = 10 if parser.parse_args().quick else 1
    with TemporaryDirectory(prefix="benchmark-") as folder:
        heading()
        new_projects(Path(folder), 100_000 // scale)
        writers(Path(folder), 10_000 // scale)
        copied(Path(folder), 1_500_000_000 // scale)
    print(f"{os.cpu_count()} cores")


if __name__ == "__main__":
    main()
