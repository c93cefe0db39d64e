"""
Time the pages for people against the JSON page of one project, at 1,000 and 10,000 projects.

Usage: python benchmarks/pages.py [--projects N ...]
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
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
                measure(index.url, count)
            finally:
                index.stop()


def fill(root: Path, count: int) -> None:
    root.mkdir()
    for number in range(count):
        name = f"project_{number:05}"
        extra = f"Keywords: alpha,beta{number % 50}\nRequires-Dist: project-{number // 10:05}>=1\n"
        data = metadata(name, "1.0", extra).replace(b"For tests", f"Does what team {number % 97} needs".encode())
        make_wheel(root, name, metadata_bytes=data)


def measure(url: str, count: int) -> None:
    print(f"{count:,} projects, in times of the JSON page of one of them")
    session = requests.Session()
    took(session, lambda _: f"{url}simple/project-00500/", JSON)
    started = time.perf_counter()
    session.get(url, timeout=60)
    first = time.perf_counter() - started
    while "still being read" in session.get(url, timeout=60).text:
        time.sleep(0.05)
    everything = time.perf_counter() - started
    json = took(session, lambda _: f"{url}simple/project-00500/", JSON)
    print(f"  {'first home page':<40}{first / json:>10.1f}")
    print(f"  {'all summaries read, in the background':<40}{everything / json:>10.1f}")
    rows: dict[str, Callable[[int], str]] = {
        "home, kept": lambda _: url,
        "home, made anew": lambda number: f"{url}?page={number % (count // 50) + 1}",
        "search, made anew": lambda number: f"{url}?q=team+{number}",
        "search with a typo, made anew": lambda number: f"{url}?q=projcet-{number:05}",
        "project, kept": lambda _: f"{url}projects/project-00500/",
        "project, first view": lambda number: f"{url}projects/project-{number:05}/",
    }
    for name, address in rows.items():
        beside = took(session, lambda _: f"{url}simple/project-00500/", JSON)
        print(f"  {name:<40}{took(session, address) / beside:>10.1f}", flush=True)


def took(session: requests.Session, address: Callable[[int], str], accept: str = "text/html") -> float:
    """Return the median of several rounds: seconds a request, on a connection that stays open."""
    rounds = []
    number = 0
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(EACH):
            number += 1
            answer = session.get(address(number), headers={"Accept": accept}, timeout=60)
            assert answer.status_code == 200, answer.text
        rounds.append((time.perf_counter() - started) / EACH)
    return statistics.median(rounds)


if __name__ == "__main__":
    main()
