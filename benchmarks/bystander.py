"""
Attack an index without pause, and print how long another user's page, file, login and upload take meanwhile.

Quiet and attack alternate many times within each row, so that whatever else the machine does is in both, and the row
compares the medians of all of one with all of the other. The 90th percentiles are shown beside them.
Usage: python benchmarks/bystander.py [--only WORD] [--rounds N]
"""

import argparse
import base64
import http.client
import multiprocessing
import os
import socket
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

import bcrypt

from tests.helpers.dists import make_wheel
from tests.helpers.watched import WatchedIndex
from tests.server.attacks.archives import ARCHIVES
from tests.server.attacks.attacked import ADA, BOB, Attack, Attacked, form, upload_request
from tests.server.attacks.connections import CONNECTIONS
from tests.server.attacks.faults import FAULTS
from tests.server.attacks.queues import QUEUES

FACTOR = 3.0
ROUNDS = 5
QUIET_SECONDS, ATTACK_SECONDS = 0.6, 1.2
HELD, PAUSE = 0.8, 0.05
"""Seconds that an attack keeps its connections open, and those until it is made again where it has none."""

OPERATIONS = ("page", "file", "login", "upload")
READS = 4
"""How many pages and files are asked for with each login and upload."""

SETTLED = 0.1
"""The index is quiet again when it takes less than this share of a core."""

HASH_COST = 10
ELSEWHERE = "127.0.0.2"
"""The bystander's address: attempts to log in are shared among addresses."""

PASSWORD = "battery staple"
NEWCOMERS = 20_000
PAGE, FILE = "simple/quiet/", "packages/quiet-1.0-py3-none-any.whl"


@dataclass
class Samples:
    """Milliseconds that each operation took, and how many were answered with a 503."""

    taken: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    refused: int = 0

    def median(self, name: str) -> float:
        return statistics.median(self.taken[name])

    def percentile(self, name: str) -> float:
        return statistics.quantiles(self.taken[name], n=10)[-1]


class Bystander:
    """Another user, who loads a page and a file, uploads, and whose colleagues log in for the first time."""

    def __init__(self, index: WatchedIndex, folder: Path) -> None:
        parts = index.url.removeprefix("http://").rstrip("/").partition(":")
        self._address = parts[0], int(parts[2])
        self.index = index
        self._folder = folder
        self._number = 0

    def measure(self, seconds: float, samples: Samples) -> None:
        """Do everything in turn for so long, twice at least."""
        end = time.monotonic() + seconds
        rounds = 0
        while time.monotonic() < end or rounds < 2:
            rounds += 1
            self._number += 1
            newcomer = f"new{self._number}", PASSWORD
            for name, request in (
                *[("page", _get(PAGE, BOB)), ("file", _get(FILE, BOB))] * READS,
                ("login", _get("whoami", newcomer)),
                ("upload", self._upload()),
            ):
                began = time.perf_counter()
                status = self._answer(request)
                samples.taken[name].append((time.perf_counter() - began) * 1000)
                if status == http.HTTPStatus.SERVICE_UNAVAILABLE:
                    samples.refused += 1
                elif status != http.HTTPStatus.OK:
                    raise RuntimeError(f"{name}: {status}")

    def _upload(self) -> bytes:
        wheel = make_wheel(self._folder, f"by{self._number}")
        content = wheel.read_bytes()
        wheel.unlink()
        return upload_request(form(content, wheel.name)).replace(_basic(ADA), _basic(BOB))

    def _answer(self, request: bytes) -> int:
        with socket.create_connection(self._address, timeout=60, source_address=(ELSEWHERE, 0)) as connection:
            connection.sendall(request)
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            answer.read()
            return answer.status


def _basic(auth: tuple[str, str]) -> bytes:
    return base64.b64encode(":".join(auth).encode())


def _get(path: str, auth: tuple[str, str]) -> bytes:
    return f"GET /{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Basic ".encode() + _basic(auth) + b"\r\n\r\n"


@contextmanager
def attacking(work: Callable[[Attacked], None], index: WatchedIndex, folder: Path) -> Iterator[None]:
    """Have a process attack again and again; it yields to the bystander, which in reality has another machine."""

    def attack() -> None:
        os.nice(19)
        while True:
            with suppress(Exception), ExitStack() as stack:  # under load the answers differ: a 503 is one
                opened = Attacked(index, folder, stack)
                work(opened)
                begun.set()
                time.sleep(HELD if opened.connections else PAUSE)

    context = multiprocessing.get_context("fork")
    begun = context.Event()
    process = context.Process(target=attack, daemon=True)
    process.start()
    begun.wait(2)
    try:
        yield
    finally:
        process.kill()
        process.join()


def settle(index: WatchedIndex) -> None:
    """Wait until the index has ended all work of an attack."""
    for _ in range(50):
        used = index.processor_time()
        time.sleep(0.1)
        if index.processor_time() - used <= SETTLED * 0.1:
            return


@dataclass
class Row:
    """All samples of one attack, quiet and during it, and the processor time that the index used for both."""

    quiet: Samples = field(default_factory=Samples)
    during: Samples = field(default_factory=Samples)
    used: float = 0.0
    lasted: float = 0.0

    def factor(self, operation: str) -> float:
        return self.during.median(operation) / self.quiet.median(operation)

    def is_within(self) -> bool:
        return all(self.factor(operation) <= FACTOR for operation in OPERATIONS)

    def shown(self, operation: str) -> str:
        high = self.during.percentile(operation) / self.quiet.percentile(operation)
        return f"{self.during.median(operation):7.1f} ({self.factor(operation):4.1f}) {high:4.1f}"


def compare(name: str, attack: Attack, bystander: Bystander, folder: Path, rounds: int) -> bool:
    """
    Print a row; return whether everything stayed within the factor.

    A row beyond it gets three times as many turns, and all of its samples count: other work may have had the machine.
    """
    row = Row()
    for number in range(3 * rounds):
        if number >= rounds and row.is_within():
            break
        take_turn(row, attack, bystander, folder)
    verdict = "reached" if row.is_within() else "NOT REACHED"
    shown = " | ".join(map(row.shown, OPERATIONS))
    print(f"| {name:<36} | {shown} | {row.during.refused:3} | {row.used / row.lasted:4.0%} | {verdict} |", flush=True)
    return row.is_within()


def take_turn(row: Row, attack: Attack, bystander: Bystander, folder: Path) -> None:
    """Add samples in quiet, and during the attack."""
    index = bystander.index
    settle(index)
    bystander.measure(QUIET_SECONDS, row.quiet)
    with attacking(attack.work, index, folder):
        before, began = index.processor_time(), time.monotonic()
        bystander.measure(ATTACK_SECONDS, row.during)
        row.used += index.processor_time() - before
        row.lasted += time.monotonic() - began


def main() -> None:
    """Attack in every way, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="attacks whose names have this in them")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="turns of quiet and attack for each row")
    given = parser.parse_args()
    wanted = given.only
    attacks = {
        name: attack
        for name, attack in (ARCHIVES | CONNECTIONS | FAULTS | QUEUES).items()
        if wanted in name and attack.repeated
    }
    with TemporaryDirectory(prefix="bystander-") as folder:
        index = WatchedIndex.begin(Path(folder), "--log-format", "none")
        hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(HASH_COST)).decode()
        index.add_user(*ADA)
        with index.htpasswd.open("a") as file:
            file.writelines(f"{name}:{hashed}\n" for name in ("bob", *(f"new{n}" for n in range(NEWCOMERS))))
        make_wheel(index.root, "quiet")
        try:
            bystander = Bystander(index, Path(folder))
            bystander.measure(1, Samples())
            print(f"| {'attack':<36} | {'page':>19} | {'file':>19} | {'login':>19} | {'upload':>19} | 503 | cpu | |")
            print("|---|---|---|---|---|---|---|---|")
            missed = [
                name
                for name, attack in attacks.items()
                if not compare(name, attack, bystander, Path(folder), given.rounds)
            ]
        finally:
            index.kill()
    print(
        f"\nmedian milliseconds, their factor to quiet, at most {FACTOR}, and that of the 90th percentile: "
        f"{len(missed)} of {len(attacks)} not reached {missed}"
    )
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
