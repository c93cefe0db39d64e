"""
Run random histories against one index with two workers, kill some of them, and report those that end wrong.

Each history has projects of its own. What one worker has acknowledged, the next request to each worker has to show;
what a killed worker has acknowledged has to stay.
"""

import argparse
import hashlib
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.helpers.dists import make_wheel
from tests.helpers.index import RunningIndex
from tests.helpers.trust import create_token
from tests.helpers.waiting import eventually
from tests.helpers.workers import WorkerClient, connection_to, exchange, serving_workers, workers_of

USER, PASSWORD = "ada", "correct horse"
OPERATIONS = 12
VERSIONS = ("1.0", "1.1", "1.2")
LOST = OSError, HTTPException


@dataclass
class Heard:
    """Responses that clients got for one project; None if a response was lost."""

    stored: dict[str, str] = field(default_factory=dict)
    doubtful: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    yanked: dict[str, bool] = field(default_factory=dict)
    tokens: dict[str, tuple[str, bool | None]] = field(default_factory=dict)


class Connections:
    """One connection to each worker, for all users."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._open: dict[int, HTTPConnection] = {}

    def send(self, pid: int, prepared: requests.PreparedRequest) -> requests.Response:
        connection = self._open.get(pid)
        if connection is None or connection.sock is None:
            connection = self._open[pid] = connection_to(self._url, pid)
        try:
            return exchange(connection, prepared)
        except LOST:
            self._open.pop(pid).close()
            raise

    def close(self) -> None:
        for connection in self._open.values():
            connection.close()


class KeptClient(WorkerClient):
    """Requests of one user over the connection to a worker."""

    def __init__(self, connections: Connections, url: str, auth: tuple[str, str], pid: int) -> None:
        super().__init__(url, auth, pid)
        self._auth_pair = auth
        self._connections = connections

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        prepared = requests.Request(method, self.url + path, auth=self._auth_pair, **options).prepare()
        return self._connections.send(self.pid, prepared)


class History:
    """One history: operations at random workers, each followed by a look at all of them."""

    def __init__(self, index: RunningIndex, seed: int, folder: Path) -> None:
        self.index = index
        self.chance = random.Random(seed)
        self.project = f"history{seed}"
        self.folder = folder
        self.heard = Heard()
        self.faults: list[str] = []
        self.connections = Connections(index.url)
        folder.mkdir()

    def run(self) -> list[str]:
        pids = serving_workers(self.index)
        for number in range(OPERATIONS):
            work = self.chance.choice([self.upload, self.upload, self.upload, self.delete, self.yank, self.token])
            victim = self.chance.choice(pids) if self.chance.random() < 0.08 else None
            with ThreadPoolExecutor(2) as threads:
                running = threads.submit(work, self.client(self.chance.choice(pids)), number)
                if victim is not None:
                    time.sleep(self.chance.random() * 0.03)
                    os.kill(victim, signal.SIGKILL)
                running.result()
            if victim is not None:
                assert eventually(partial(self.is_gone, victim))
                pids = serving_workers(self.index)
            else:
                for pid in pids:
                    self.look(self.client(pid), f"after operation {number}")
        for pid in serving_workers(self.index):
            self.look(self.client(pid), "at the end")
        for name in self.heard.tokens:  # an account has no more than 200
            self.client(pids[0]).request("DELETE", f"-/tokens/{name}")
        self.connections.close()
        return self.faults

    def is_gone(self, pid: int) -> bool:
        return pid not in workers_of(self.index)

    def client(self, pid: int) -> KeptClient:
        return self.client_of(USER, PASSWORD, pid)

    def client_of(self, user: str, password: str, pid: int) -> KeptClient:
        return KeptClient(self.connections, self.index.url, (user, password), pid)

    def upload(self, client: WorkerClient, number: int) -> None:
        version, heard = self.chance.choice(VERSIONS), self.heard
        data = self.chance.choice([b"same", self.chance.randbytes(4)])
        place = self.folder / str(number)
        place.mkdir()
        wheel = make_wheel(place, self.project, version, members={f"{self.project}/data": data})
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        status = self.answered(lambda: client.upload(wheel).status_code)
        known = heard.stored.get(version)
        if status is None:
            heard.doubtful.add(version)
        elif status == 200:
            if version not in heard.doubtful and (version in heard.deleted or known not in {None, digest}):
                self.faults.append(f"{version} was taken again with other bytes")
            heard.stored[version] = digest
            heard.doubtful.discard(version)
        elif status != 409 or (version not in heard.doubtful and known is None and version not in heard.deleted):
            self.faults.append(f"an upload of {version} was answered {status}")

    def delete(self, client: WorkerClient, _: int) -> None:
        version, heard = self.chance.choice(VERSIONS), self.heard
        status = self.answered(lambda: client.request("DELETE", f"projects/{self.project}/{version}").status_code)
        if status is None:
            heard.doubtful.add(version)
        elif status == 200:
            heard.stored.pop(version, None)
            heard.deleted.add(version)
            heard.doubtful.discard(version)
        elif version in heard.stored and version not in heard.doubtful:
            self.faults.append(f"a deletion of {version} was answered {status}")

    def yank(self, client: WorkerClient, _: int) -> None:
        version, heard, yank = self.chance.choice(VERSIONS), self.heard, self.chance.random() < 0.6
        path = f"projects/{self.project}/{version}/yanked"
        method = "PUT" if yank else "DELETE"
        status = self.answered(lambda: client.request(method, path, **({"json": {}} if yank else {})).status_code)
        if status is None:
            heard.yanked.pop(version, None)
        elif status == 200:
            heard.yanked[version] = yank

    def token(self, client: WorkerClient, number: int) -> None:
        heard, name = self.heard, f"{self.project}-{number}"
        if heard.tokens and self.chance.random() < 0.5:
            name, (text, _) = self.chance.choice(sorted(heard.tokens.items()))
            status = self.answered(lambda: client.request("DELETE", f"-/tokens/{name}").status_code)
            heard.tokens[name] = text, None if status is None else False
            return
        with suppress(*LOST):
            heard.tokens[name] = create_token(client, name, ["read"]), True

    def look(self, client: WorkerClient, when: str) -> None:
        """Compare what a worker shows with what clients were heard."""
        heard = self.heard
        answer = client.get(f"simple/{self.project}/", {"Accept": "application/vnd.pypi.simple.v1+json"})
        files = answer.json()["files"] if answer.status_code == 200 else []
        shown = {file["filename"].split("-")[1]: file for file in files}
        for version, digest in heard.stored.items():
            if version in heard.doubtful:
                continue
            if version not in shown:
                self.faults.append(f"{when}: {version} was acknowledged and is not shown")
            elif shown[version]["hashes"]["sha256"] != digest:
                self.faults.append(f"{when}: {version} has other bytes than were acknowledged")
            elif version in heard.yanked and bool(shown[version]["yanked"]) != heard.yanked[version]:
                self.faults.append(f"{when}: a yank of {version} or its undoing is not shown")
        for version in heard.deleted - heard.doubtful - set(heard.stored):
            if version in shown:
                self.faults.append(f"{when}: {version} is shown after it was deleted")
        self.look_at_tokens(client.pid, when)

    def look_at_tokens(self, pid: int, when: str) -> None:
        for name, (text, active) in self.heard.tokens.items():
            if active is not None:
                status = self.client_of("__token__", text, pid).get("simple/").status_code
                if (status == 200) != active:
                    self.faults.append(f"{when}: the token {name} is answered {status}")

    def answered(self, ask: Callable[[], int]) -> int | None:
        """Return the status of an answer, None where the worker was killed before it came."""
        try:
            return ask()
        except LOST:
            return None


def main() -> int:
    """Run the campaign; 1 when a history was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=100, help="number of histories (100)")
    parser.add_argument("first", nargs="?", type=int, default=0, help="seed of the first one (0)")
    given = parser.parse_args()
    count, first = given.count, given.first
    started, wrong = time.monotonic(), 0
    with TemporaryDirectory(prefix="histories-", ignore_cleanup_errors=True) as place:
        index = RunningIndex.start(Path(place) / "index", "--workers", "2", "--log-format", "none")
        index.add_user(USER, PASSWORD)
        try:
            for seed in range(first, first + count):
                faults = History(index, seed, Path(place) / f"uploads-{seed}").run()
                for fault in faults:
                    print(f"history {seed}: {fault}", flush=True)
                wrong += bool(faults)
        finally:
            killed = index.log.read_text().count("SIGKILL")
            code = index.stop()
    seconds = time.monotonic() - started
    print(f"{count} histories from seed {first}, {killed} workers killed: {wrong} wrong, {seconds:.0f} s")
    return int(wrong > 0 or code != 0)


if __name__ == "__main__":
    sys.exit(main())
