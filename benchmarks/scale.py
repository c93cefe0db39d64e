"""
Print the tables of docs/explanation/scale.md: what a large index needs, and what breaks first.

`python benchmarks/scale.py` computes them from the figures below; `--measure` measures these again on this machine,
with up to a million files, or as many as `--files` says. The simulation has a fixed seed, so that the page can be
compared with what this prints.
"""

import argparse
import bisect
import itertools
import random
import re
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import requests

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import serve
from tests.helpers.http import JSON
from tests.helpers.index import RunningIndex

PAGE = Path(__file__).parents[1] / "docs" / "explanation" / "scale.md"
SECONDS_A_MONTH = 730 * 3600
SEED = 8


@dataclass(frozen=True)
class Costs:
    """Measured costs: seconds of processor time, megabytes, and requests to the store."""

    page: float = 19e-6
    metadata: float = 18e-6
    file: float = 47e-6
    upload: float = 4.0e-3
    first_page: float = 1.2e-3
    base_memory: float = 41.0
    memory_a_file: float = 213e-6
    memory_a_loaded_project: float = 10.6e-3
    store_gets_a_look: int = 2
    store_requests_an_upload: tuple[int, int] = 2, 3


@dataclass(frozen=True)
class Size:
    """Measurements of one index: megabytes after its start and once every project was asked for, seconds."""

    files: int
    listed: float
    loaded: float
    start: float


@dataclass(frozen=True)
class Load:
    """The requests of one install: private packages of ten files each, some of them already in its cache."""

    pages: int = 5
    metadata: int = 5
    files: int = 2
    file_size: int = 200_000

    @property
    def requests(self) -> int:
        return self.pages + self.metadata + self.files

    def processor_time(self, costs: Costs) -> float:
        return self.pages * costs.page + self.metadata * costs.metadata + self.files * costs.file

    @property
    def bytes(self) -> int:
        return self.files * self.file_size


@dataclass(frozen=True)
class Prices:
    """Dollars: of Modal's container and volume, and of a large store's list as an example."""

    container_hour: float = 0.028
    volume_gib: float = 0.09
    volume_free_gib: int = 1024
    bucket_gib: float = 0.023
    million_gets: float = 0.40
    million_puts: float = 5.00


COSTS, LOAD, PRICES = Costs(), Load(), Prices()
SIZES = (
    Size(10_000, 42, 57, 0.5),
    Size(100_000, 63, 206, 0.8),
    Size(1_000_000, 254, 1313, 4.5),
)
FILES_EACH = 10
"""Files of each project of an index that is measured."""

_FIRST_START = 3600
"""Seconds that an index may take to start when it has no records yet."""


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown; all columns but the first are numbers."""
    separator = f"|---|{'|'.join(['--:'] * (len(heads) - 1))}|"
    lines = [f"| {' | '.join(line)} |" for line in (heads, *rows)]
    return "\n".join([lines[0], separator, *lines[1:]])


def sizes(measured: Sequence[Size]) -> str:
    """Return memory and start of indexes that were measured."""
    rows = [
        [
            *(f"{size.files:,}", f"{size.files // FILES_EACH:,}"),
            *(f"{size.listed:.0f} MB", f"{size.loaded:,.0f} MB", f"{size.start:.1f} s"),
        ]
        for size in measured
    ]
    return table(["files", "projects", "memory after the start", "once every project was asked for", "start"], rows)


def limits(costs: Costs, load: Load) -> str:
    """Return for some machines how many installs a second each of their parts can take; the least breaks first."""
    rows = []
    for name, cores, gigabits, most_requests in (
        ("a container of 0.5 core on Modal", 0.5, 10.0, 200.0),
        ("one process, 1 Gbit/s", 1.0, 1.0, float("inf")),
        ("2 workers, 1 Gbit/s", 2.0, 1.0, float("inf")),
        ("8 workers, 10 Gbit/s", 8.0, 10.0, float("inf")),
    ):
        by_part = {
            "processor": cores / load.processor_time(costs),
            "network": gigabits * 1e9 / 8 / load.bytes,
            "requests": most_requests / load.requests,
        }
        first = min(by_part, key=lambda part: by_part[part])
        shown = ["-" if value == float("inf") else f"{value:,.0f}" for value in by_part.values()]
        rows.append([name, *shown, f"{first}, at {by_part[first]:,.0f}"])
    heads = ["installs a second that each part takes", "processor", "network", "requests a second", "breaks first"]
    return table(heads, rows)


def waits(costs: Costs, load: Load) -> str:
    """Simulate requests that are spread over workers by connection, and return how long they wait for their worker."""
    chance = random.Random(SEED)
    rows = []
    for workers in (1, 2, 4):
        shown = []
        for share in (0.5, 0.7, 0.9):
            found = sorted(simulate(costs, load, workers, share, chance))
            median, slow = found[len(found) // 2], found[len(found) * 99 // 100]
            shown.append(f"{1e3 * median:.2f} / {1e3 * slow:.1f} ms")
        rows.append([str(workers), *shown])
    return table(["workers", "half of the processor time in use", "70 %", "90 %"], rows)


def simulate(costs: Costs, load: Load, workers: int, share: float, chance: random.Random) -> Iterator[float]:
    """
    Yield the seconds that each of many requests waits while a worker answers others.

    A connection belongs to one worker, by chance as the kernel spreads them; each install is one connection.
    """
    kinds = [costs.page] * load.pages + [costs.metadata] * load.metadata + [costs.file] * load.files
    installs_a_second = share * workers / load.processor_time(costs)
    free = [0.0] * workers
    now = 0.0
    waiting: list[tuple[float, int, float]] = []
    for _ in range(12_000):
        now += chance.expovariate(installs_a_second)
        worker, at = chance.randrange(workers), now
        for kind in kinds:
            waiting.append((at, worker, kind))
            at += 0.002  # the way to the client and back
    for at, worker, kind in sorted(waiting):
        began = max(at, free[worker])
        free[worker] = began + kind
        yield began - at


def looked_at(projects: int, asked: int, chance: random.Random) -> int:
    """Return how many different projects are among so many requests, if few projects have most of them (Zipf)."""
    weights = list(itertools.accumulate(1 / rank for rank in range(1, projects + 1)))
    return len({bisect.bisect(weights, chance.random() * weights[-1]) for _ in range(asked)})


def months(costs: Costs, load: Load, prices: Prices) -> str:
    """Return what an index of 10^6 files of 200 kB costs in a month, at rest and under load."""
    chance = random.Random(SEED)
    gib = 10**6 * load.file_size / 2**30
    rows = []
    for installs in (0.1, 10.0, 1000.0):
        cores = installs * load.processor_time(costs)
        containers = max(1, -int(-cores // (0.5 * 0.7)))
        rent = containers * prices.container_hour * 730
        volume = max(0.0, gib - prices.volume_free_gib) * prices.volume_gib
        pages_in_two_seconds = installs * load.pages * 2 / containers
        looks = containers * looked_at(10**5, round(pages_in_two_seconds), chance) / 2
        gets = looks * costs.store_gets_a_look + installs * load.files
        store = gib * prices.bucket_gib + gets * SECONDS_A_MONTH / 1e6 * prices.million_gets
        shown = [f"{rent:,.0f} $", f"{rent + volume:,.0f} $", f"{gets:,.1f}", f"{rent + store:,.0f} $"]
        rows.append([f"{installs:g}", str(containers), *shown])
    heads = ["installs a second, all month", "containers", "their rent", "with a volume"]
    return table([*heads, "requests a second to a bucket", "with a bucket"], rows)


def report(costs: Costs, measured: Sequence[Size]) -> dict[str, str]:
    """Return the tables by their names in the page."""
    return {
        "sizes": sizes(measured),
        "limits": limits(costs, LOAD),
        "waits": waits(costs, LOAD),
        "months": months(costs, LOAD, PRICES),
    }


def filled(page: str, tables: Mapping[str, str]) -> str:
    """Return a page with the tables below the comments that name them."""
    for name, text in tables.items():
        pattern = rf"(<!-- {name} -->\n\n)(?:\|.*\n)*"
        page = re.sub(pattern, lambda found, text=text: f"{found[1]}{text}\n", page)  # type: ignore[misc]
    return page


def measure(files: int) -> tuple[Costs, list[Size]]:
    """Measure indexes with so many files, a tenth and a hundredth; requests to a store are counted by hand."""
    with TemporaryDirectory(prefix="scale-") as folder:
        work = Path(folder)
        measured = []
        for count in (files // 100, files // 10, files):
            measured.append(_size(work / str(count), count))
            print(measured[-1], flush=True)
        root = work / str(files // 10) / "root"
        (root / "large-1.0.tar.gz").write_bytes(random.randbytes(LOAD.file_size))
        with serve.our_index(work / str(files // 10), root) as index:
            page = _seconds_each(index, "simple/project0/")
            small = _seconds_each(index, "packages/project0-1.0-py3-none-any.whl")
            large = _seconds_each(index, "packages/large-1.0.tar.gz")
        print(page, small, large, flush=True)  # removing a million files takes minutes
    _, less, most = measured
    a_file = (most.listed - less.listed) / (most.files - less.files)
    costs = Costs(
        page=page,
        metadata=small,
        file=large,
        base_memory=less.listed - less.files * a_file,
        memory_a_file=a_file,
        memory_a_loaded_project=(most.loaded - most.listed) / (most.files / FILES_EACH),
    )
    return costs, measured


def _size(folder: Path, files: int) -> Size:
    """Measure an index that has its records, in the median of three starts, and ask it for every project once."""
    serve.fill(folder / "root", files // FILES_EACH, FILES_EACH)
    began = time.monotonic()
    RunningIndex.start(folder, "--log-format", "none", roots=[folder / "root"], limit=_FIRST_START).stop()
    print(f"first start with {files:,} files: {time.monotonic() - began:.0f} s", flush=True)
    starts, listed, loaded = [], [], 0.0
    for number in range(3):
        with serve.our_index(folder, folder / "root") as index:
            starts.append(serve.processor_time(index))
            listed.append(serve.memory_share(index.process.pid))
            if number == 2:
                loaded = _loaded(index, files // FILES_EACH)
    return Size(files, statistics.median(listed), loaded, statistics.median(starts))


def _loaded(index: RunningIndex, projects: int) -> float:
    """Return the megabytes of an index after it was asked for every project."""
    with requests.Session() as session:
        session.auth = (serve.USER, serve.PASSWORD)
        for project in range(projects):
            session.get(f"{index.url}simple/project{project}/", headers={"Accept": JSON}, timeout=60).raise_for_status()
    return serve.memory_share(index.process.pid)


def _seconds_each(index: RunningIndex, path: str) -> float:
    accept = JSON if path.startswith("simple/") else "*/*"
    before = serve.processor_time(index)
    asked = 2 * serve.wrk(index.url, path, accept, connections=32)[0]
    return (serve.processor_time(index) - before) / asked


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", action="store_true", help="measure the costs on this machine first")
    parser.add_argument("--write", action="store_true", help="put the tables into the page")
    parser.add_argument("--files", type=int, default=1_000_000, help="files of the largest index that is measured")
    arguments = parser.parse_args()
    costs, measured = measure(arguments.files) if arguments.measure else (COSTS, SIZES)
    if arguments.measure:
        print(costs)
    tables = report(costs, measured)
    for name, text in tables.items():
        print(f"\n{name}\n\n{text}")
    if arguments.write:
        PAGE.write_text(filled(PAGE.read_text("utf-8"), tables), "utf-8")


if __name__ == "__main__":
    main()
