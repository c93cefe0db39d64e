"""
Install 79 packages and download 100 MB through this index, nginx, devpi and proxpi, from a public index 20 ms away.

Needs nginx and wrk (Debian: nginx, wrk); devpi-server and proxpi are installed into a virtual environment of its own.
Usage: python benchmarks/upstream.py [--venv DIR] [--only WORD]
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urljoin

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.public_index import PACKAGES, Corpus, public_index
from benchmarks.public_peers import devpi, nginx, proxpi
from benchmarks.tables import floor, limit
from tests.helpers.http import JSON
from tests.helpers.index import RunningIndex

ROUNDS = 5
"""How often direct, cold and warm are measured in turn, for the median of their ratios."""

COLD = 1.5
"""How many times as long as directly the first installation may take."""

TURNS = 5
"""How often two pages or files are asked for in turn, for the median of their ratios."""

IN_MEMORY = Path("/dev/shm")
"""The folder of Linux whose files are in memory."""

UV = str(Path(sys.executable).with_name("uv"))


@contextmanager
def ours(folder: Path, upstream: str, corpus: Corpus) -> Iterator[tuple[str, int]]:
    packages = folder / "packages"
    packages.mkdir(parents=True, exist_ok=True)
    for name in ("package_5", "small"):
        wheel = next(path for path in corpus.private if path.name.startswith(f"{name}-"))
        shutil.copy(wheel, packages / wheel.name.replace(name, f"private_{name}"))
    index = RunningIndex.start(
        folder,
        *("--upstream", f"{upstream}/simple/", "--upstream-cache", str(folder / "cache")),
        *("-a", "update", "--log-format", "none"),
    )
    try:
        yield index.url, index.process.pid
    finally:
        index.stop()


def install(index: str, folder: Path) -> float:
    """Install the packages with uv, which has no cache of its own and unpacks beside the folder; return the seconds."""
    shutil.rmtree(folder, ignore_errors=True)
    begun = time.perf_counter()
    subprocess.run(
        [UV, "pip", "install", "-q", "--no-cache", "--target", folder, "--default-index", index, "package-0"],
        check=True,
        env={**os.environ, "UV_CONCURRENT_DOWNLOADS": "50", "TMPDIR": str(folder.parent)},
    )
    return time.perf_counter() - begun


def fetch(url: str) -> tuple[float, float]:
    """Download a file; return the seconds until its first byte, and until its last."""
    begun = time.perf_counter()
    with urllib.request.urlopen(url) as answer:
        answer.read(1)
        first = time.perf_counter() - begun
        while answer.read(2**18):
            pass
    return first, time.perf_counter() - begun


def ten_at_once(url: str) -> float:
    """Download a file ten times at a time; return the longest time until a first byte."""
    found: list[float] = []
    threads = [threading.Thread(target=lambda: found.append(fetch(url)[0])) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return max(found)


def file_url(index: str, filename: str) -> str:
    """Return the URL of a file as an index lists it."""
    name = filename.split("-", maxsplit=1)[0].replace("_", "-")
    request = urllib.request.Request(f"{index}{name}/", headers={"Accept": f"{JSON}, text/html;q=0.1"})
    with urllib.request.urlopen(request) as answer:
        body = answer.read().decode()
        base = answer.url
    link = re.search(rf'["\']([^"\']*{re.escape(filename)})[#"\']', re.sub(r'"filename": ?"[^"]*"', "", body))
    assert link is not None, body[:500]
    return str(urljoin(base, link[1]))


def wrk(url: str, accept: str = JSON, seconds: int = 1) -> float:
    """Return requests a second."""
    headers = ["-H", f"Accept: {accept}", "-H", "Accept-Encoding: gzip"]
    output = subprocess.run(["wrk", "-t1", "-c8", f"-d{seconds}s", *headers, url], capture_output=True, check=True)
    assert b"Non-2xx" not in output.stdout, output.stdout
    return float(re.search(rb"Requests/sec:\s+([\d.]+)", output.stdout)[1])  # type: ignore[index]


@dataclass(frozen=True)
class Asked:
    """Requests a second, and microseconds of processor time that the server's process took for each."""

    rate: float
    cost: float


def ask(url: str, accept: str, pid: int) -> Asked:
    begun, before = time.perf_counter(), processor_time(pid)
    rate = wrk(url, accept)
    return Asked(rate, 1e6 * (processor_time(pid) - before) / (rate * (time.perf_counter() - begun)))


def ask_in_turn(one: Callable[[], Asked], other: Callable[[], Asked]) -> tuple[Asked, float, float]:
    """Return the medians of the one, and the medians of how its rate and its cost are to the other's."""
    one(), other()
    turns = [(one(), other()) for _ in range(TURNS)]
    found = Asked(median(turn[0].rate for turn in turns), median(turn[0].cost for turn in turns))
    rates, costs = (turn[0].rate / turn[1].rate for turn in turns), (turn[1].cost / turn[0].cost for turn in turns)
    return found, median(rates), median(costs)


def processor_time(pid: int) -> float:
    """Return the seconds that a process with its threads, and its children, have been running."""
    spent = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # a thread that ended
            spent += int((task / "schedstat").read_text().split()[0])
            spent += int(1e9 * sum(map(processor_time, map(int, (task / "children").read_text().split()))))
    return spent / 1e9


def memory(pid: int) -> float:
    """Return the resident memory of a process in MB."""
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1024  # type: ignore[index]


@dataclass(frozen=True)
class Place:
    """Where a peer is measured: a folder, the fake index, what counts its requests, and its contents."""

    work: Path
    upstream: str
    requests: list[str]
    corpus: Corpus


def row(what: str, value: float, unit: str, bound: str = "") -> None:
    """Print a measurement, and whether it is within its bound (``<= 80``) where it has one."""
    if bound:
        limit(what, value, bound, f" {unit}" if unit else "")
    else:
        print(f"{what:<76}{value:>12,.3f} {unit}", flush=True)


def measure_installation(name: str, url: str, requests: list[str], work: Path) -> tuple[float, float, int, int]:
    requests.clear()
    cold = install(url, work / "target")
    time.sleep(0.3)
    asked = len(requests)
    requests.clear()
    warm = min(install(url, work / "target") for _ in range(3))
    time.sleep(0.3)
    row(f"{name}: uv pip install of {PACKAGES} packages, cold", cold, "s")
    row(f"{name}: the same, warm", warm, "s")
    row(f"{name}: requests upstream, cold", asked, "")
    row(f"{name}: requests upstream, warm, three times", len(requests), "")
    return cold, warm, asked, len(requests)


@dataclass(frozen=True)
class Round:
    """
    One round: the seconds directly, from an index beside it without any distance, and through this index.

    ``asked`` and ``again`` are requests upstream, cold and warm, ``rss`` MB of memory; ``proxied`` are the seconds
    through nginx with an empty cache on the same disk.
    """

    direct: float
    near: float
    cold: float
    warm: float
    asked: int
    again: int
    rss: float
    proxied: float


def measure_rounds(place: "Place", near: str, memory_folder: Path) -> dict[str, float]:
    """
    Measure direct, cold and warm in turn, because a machine is not equally fast for long; return the medians.

    Every round is made twice: with what uv writes in memory, and on the disk, whose share no index can change.
    """
    rounds: dict[str, list[Round]] = {"": [], ", to a disk": []}
    for number in range(ROUNDS):
        for kind, target in (("", memory_folder / "target"), (", to a disk", place.work / "target")):
            rounds[kind].append(_measure_round(place, near, place.work / f"round-{number}", target))
    for kind, found in rounds.items():
        seconds = {name: median(getattr(each, name) for each in found) for name in ("direct", "near", "cold", "warm")}
        row(f"direct: uv pip install of {PACKAGES} packages{kind}", seconds["direct"], "s")
        row("this index: the same, cold", seconds["cold"], "s")
        row("this index: the same, warm", seconds["warm"], "s")
        for name, bound in (("cold", f"<= {COLD}"), ("warm", "" if kind else "<= 0.6")):
            row(
                f"  {PACKAGES} packages, {name}, of direct{kind}",
                median(getattr(each, name) / each.direct for each in found),
                "",
                bound,
            )
        least = median(each.near / each.direct for each in found)
        floor(
            f"{PACKAGES} packages, cold, through nginx as a cache, of direct{kind}",
            median(each.proxied / each.direct for each in found),
            COLD,
        )
        row(f"  upstream 0 ms away, of direct{kind}: what no cache can be below", least, "")
    every = [each for found in rounds.values() for each in found]
    row("  requests upstream, cold", max(each.asked for each in every), "", f"= {3 * PACKAGES}")
    row("  requests upstream, warm", max(each.again for each in every), "", "= 0")
    row(f"  memory after the {PACKAGES} packages", median(each.rss for each in every), "MB", "<= 80")
    return seconds


def _measure_round(place: "Place", near: str, folder: Path, target: Path) -> Round:
    requests = place.requests
    with ours(folder, place.upstream, place.corpus) as (url, pid):
        direct = install(f"{place.upstream}/simple/", target)
        requests.clear()
        cold = install(f"{url}simple/", target)
        time.sleep(0.3)
        asked, rss = len(requests), memory(pid)
        direct = (direct + install(f"{place.upstream}/simple/", target)) / 2
        requests.clear()
        warm = min(install(f"{url}simple/", target) for _ in range(2))
        again = len(requests)
        beside = install(f"{near}/simple/", target)
    shutil.rmtree(folder)
    with nginx(folder, place.upstream, place.corpus) as (url, _):
        proxied = install(f"{url}simple/", target)
    shutil.rmtree(folder)
    return Round(direct, beside, cold, warm, asked, again, rss, proxied)


def measure_ours(place: "Place") -> None:
    work, upstream, requests, corpus = place.work, place.upstream, place.requests, place.corpus
    with ours(work / "ours", upstream, corpus) as (url, pid):
        install(f"{url}simple/", work / "target")
        pages = [partial(ask, f"{url}simple/{name}/", JSON, pid) for name in ("package-5", "private-package-5")]
        page, rates, costs = ask_in_turn(*pages)
        row("  cached page", page.rate, "/s")
        row("  cached page, of a private page", rates, "", ">= 0.65")
        row("  cached page: processor time", page.cost, "µs")
        row("  private page's processor time, of that", costs, "")
        small, own = (
            file_url(f"{url}simple/", "small-1.0-py3-none-any.whl"),
            f"{url}packages/private_small-1.0-py3-none-any.whl",
        )
        fetch(small)
        file, rates, costs = ask_in_turn(partial(ask, small, "*/*", pid), partial(ask, own, "*/*", pid))
        row("  20 kB file", file.rate, "/s")
        row("  20 kB file, of a private one", rates, "", ">= 0.8")
        row("  20 kB file: processor time", file.cost, "µs")
        row("  private file's processor time, of that", costs, "")
        _large_file(url, pid, Place(work, upstream, requests, corpus))
    _measure_start(place)


def _measure_start(place: "Place") -> None:
    """Measure an installation right after a start, when everything is on the disk and nothing in memory."""
    folder = place.work / "started"
    with ours(folder, place.upstream, place.corpus) as (url, _):
        install(f"{url}simple/", place.work / "target")
        time.sleep(1)  # everything is written after half a second
    with ours(folder, place.upstream, place.corpus) as (url, pid):
        found = []
        place.requests.clear()
        for _ in range(2):
            before = processor_time(pid)
            install(f"{url}simple/", place.work / "target")
            found.append(1000 * (processor_time(pid) - before))
    row("  installation right after a start: the index's processor time", found[0], "ms")
    row("  the same again, from memory", found[1], "ms")
    row("  requests upstream after the start", len(place.requests), "", "= 0")


def _large_file(url: str, pid: int, place: Place) -> None:
    upstream, requests, corpus, folder = place.upstream, place.requests, place.corpus, place.work / "ours"
    fetch(upstream + corpus.large)
    straight = fetch(upstream + corpus.large)
    large = file_url(f"{url}simple/", "large-1.0-py3-none-any.whl")
    before = memory(pid)
    requests.clear()
    stop, highest = threading.Event(), [before]

    def watch() -> None:
        while not stop.wait(0.02):
            highest[0] = max(highest[0], memory(pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    ten = ten_at_once(large)
    stop.set()
    watcher.join()
    while list((folder / "cache/tmp").iterdir()):  # the file is made durable after its last byte was sent
        time.sleep(0.1)
    downloads = requests.count(corpus.large)
    row("  100 MB, ten at once: downloads", downloads, "", "= 1")
    row("  100 MB, ten at once: longest time to a first byte", 1000 * ten, "ms")
    row("  extra memory during ten downloads", highest[0] - before, "MB", "<= 30")
    _forget(url, corpus)
    first, total = fetch(large)
    late = 1000 * (first - straight[0])
    row("  uncached 100 MB: first byte later than upstream's", late, "ms", "<= 20")
    row("  uncached 100 MB: total, of upstream's", total / straight[1], "", "<= 1.05")


def _forget(url: str, corpus: Corpus) -> None:
    """Remove the large file from the index's cache."""
    request = urllib.request.Request(
        f"{url}-/upstream/remove",
        b'{"name": "large"}',
        {"Authorization": "Bearer a-token-for-tests", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request):
        pass
    file_url(f"{url}simple/", Path(corpus.large).name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--venv", type=Path, help="virtual environment with devpi-server, proxpi and gunicorn")
    parser.add_argument("--only", default="", help="peers whose names contain this")
    options = parser.parse_args()
    with TemporaryDirectory() as temporary:
        work = Path(temporary)
        venv = options.venv or _make_venv(work)
        corpus = Corpus(work / "corpus")
        with public_index(corpus) as (upstream, requests):
            print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
            place = Place(work, upstream, requests, corpus)
            with public_index(corpus, 0.0) as (near, _):
                install(f"{near}/simple/", work / "target")
                with TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as memory_folder:
                    found = measure_rounds(place, near, Path(memory_folder))
            measure_ours(place)
            peers = {"nginx": nginx, "proxpi": proxpi(venv), "devpi": devpi(venv)}
            for name, peer in peers.items():
                if options.only in name:
                    _measure_peer(name, peer, place, found)


def _measure_peer(name: str, peer: Callable[..., Any], place: Place, found: dict[str, float]) -> None:
    requests, large = place.requests, place.corpus.large
    try:
        with peer(place.work / name, place.upstream, place.corpus) as (url, pid):
            index = url if name != "nginx" else f"{url}simple/"
            cold, warm, _, _ = measure_installation(name, index, requests, place.work)
            _compare_pages(name, partial(ask, f"{index}package-5/", f"{JSON}, text/html;q=0.1", pid), place)
            requests.clear()
            row(f"{name}: ten at once: first byte", 1000 * ten_at_once(file_url(index, Path(large).name)), "ms")
            row(f"{name}: ten at once: downloads", requests.count(large), "")
            row("  this index's cold installation, of this one's", found["cold"] / cold, "")
            row("  this index's warm installation, of this one's", found["warm"] / warm, "")
    except (OSError, subprocess.CalledProcessError, AssertionError) as error:
        print(f"{name}: could not be measured: {error}", flush=True)


def _compare_pages(name: str, theirs: Callable[[], Asked], place: Place) -> None:
    with ours(place.work / f"beside-{name}", place.upstream, place.corpus) as (url, pid):
        _, rates, costs = ask_in_turn(partial(ask, f"{url}simple/package-5/", JSON, pid), theirs)
    row(f"{name}: cached page", theirs().rate, "/s")
    row(f"  this index's cached page, of {name}'s", rates, "", ">= 25" if name == "proxpi" else "")
    row("  its processor time for a page, of this index's, times", costs, "")


def _make_venv(work: Path) -> Path:
    venv = work / "venv"
    subprocess.run([UV, "venv", "-q", "--no-project", venv], check=True)
    command = [UV, "pip", "install", "-q", "--python", str(venv / "bin/python"), "devpi-server", "proxpi", "gunicorn"]
    subprocess.run(command, check=True)
    return venv


if __name__ == "__main__":
    main()
