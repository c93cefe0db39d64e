"""
Time the web pages against the JSON page of one project, at 1,000 and 10,000 projects.

Usage: python benchmarks/pages.py [--projects N ...]
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

import requests

from tests.helpers.dists import make_wheel, metadata
from tests.helpers.http import JSON
from tests.helpers.index import RunningIndex

ROUNDS = 5
EACH = 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--projects", type=int, nargs="+", default=[1000, 10_000])
    for count in parser.parse_args().projects:
        with TemporaryDirectory() as work:
            folder = Path(work)
            fill(folder / "packages", count)
            index = RunningIndex.start(folder, "--authenticate", "update")
            try:
                measure(index, count)
            finally:
                index.stop()


def fill(root: Path, count: int) -> None:
    root.mkdir()
    for number in range(count):
        name = f"project_{number:05}"
        extra = f"Keywords: alpha,beta{number % 50}\nRequires-Dist: project-{number // 10:05}>=1\n"
        data = metadata(name, "1.0", extra).replace(b"For tests", f"Does what team {number % 97} needs".encode())
        make_wheel(root, name, metadata_bytes=data)


def measure(index: RunningIndex, count: int) -> None:
    """Compare each page with the JSON page, both asked for in turn within one run."""
    url = index.url
    session = requests.Session()
    json = Cost.of(session, index, lambda _: f"{url}simple/project-00500/", JSON)
    print(f"{count:,} projects: times of the JSON page of one of them, and processor milliseconds of the index")
    started = Cost.now(index)
    session.get(url, timeout=60)
    first = Cost.now(index) - started
    while "still being read" in session.get(url, timeout=60).text:
        time.sleep(0.05)
    everything = Cost.now(index) - started
    started = Cost.now(index)
    session.get(f"{url}?q=anything", timeout=60)
    report("JSON page", json, json)
    report("first home page", first, json)
    report("all summaries read, in the background", everything, json)
    report("first search, which makes the index", Cost.now(index) - started, json)
    rows: dict[str, Callable[[int], str]] = {
        "home, kept": lambda _: url,
        "home, rendered again": lambda number: f"{url}?page={number % (count // 50) + 1}",
        "search, few results": lambda number: f"{url}?q=project+{number:05}",
        "search, many results": lambda number: f"{url}?q=team+{number}",
        "search with a typing mistake": lambda number: f"{url}?q=projcet-{number:05}",
        "project, kept": lambda _: f"{url}projects/project-00500/",
        "project, first view": lambda number: f"{url}projects/project-{number:05}/",
    }
    for name, address in rows.items():
        json = Cost.of(session, index, lambda _: f"{url}simple/project-00500/", JSON)
        report(name, Cost.of(session, index, address), json)


@dataclass(frozen=True)
class Cost:
    """Seconds that passed, and seconds of the index's processor."""

    wall: float
    processor: float

    def __sub__(self, other: "Cost") -> "Cost":
        return Cost(self.wall - other.wall, self.processor - other.processor)

    @classmethod
    def now(cls, index: RunningIndex) -> "Cost":
        fields = Path(f"/proc/{index.process.pid}/stat").read_text().rpartition(")")[2].split()
        return cls(time.perf_counter(), (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"))

    @classmethod
    def of(
        cls, session: requests.Session, index: RunningIndex, address: Callable[[int], str], accept: str = "text/html"
    ) -> "Cost":
        """Return the cost of a request, on a connection that stays open: the median of the rounds, and the mean."""
        walls, number, began = [], 0, cls.now(index)
        for _ in range(ROUNDS):
            started = time.perf_counter()
            for _ in range(EACH):
                number += 1
                answer = session.get(address(number), headers={"Accept": accept}, timeout=60)
                assert answer.status_code == 200, answer.text
            walls.append((time.perf_counter() - started) / EACH)
        return cls(statistics.median(walls), (cls.now(index) - began).processor / (ROUNDS * EACH))


def report(name: str, cost: Cost, json: Cost) -> None:
    print(f"  {name:<40}{cost.wall / json.wall:>10.1f}{1000 * cost.processor:>10.2f} ms", flush=True)


if __name__ == "__main__":
    main()
