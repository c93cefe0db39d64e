"""
Kill a part of an object store's cluster while three processes of an index take uploads, and look for damage.

The cluster is SeaweedFS: a master, two volume servers that each hold every file, a filer, and two gateways behind a
load balancer. A gateway is killed for good. A volume server is away for a while: the store takes no new file without
it.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).parents[1]))

import requests

from publisher.server.moving.buckets import BucketSource
from publisher.server.moving.checking import check_bucket
from tests.helpers.bucket_index import new_index, serving_bucket
from tests.helpers.dists import make_wheel
from tests.helpers.http import Client, sha256
from tests.helpers.object_store import WEED, ObjectStore, free_ports, make_bucket, write_identities
from tests.helpers.round_robin import round_robin

USER, PASSWORD = "killer", "correct horse"
UPLOADERS, PROCESSES = 6, 3


@dataclass
class Cluster:
    """The servers by their names."""

    folder: Path
    ports: dict[str, int]
    running: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """Start one server."""
        ports, port = self.ports, self.ports[name]
        place = self.folder / name
        place.mkdir(exist_ok=True)
        master, filer = f"127.0.0.1:{ports['master']}", f"127.0.0.1:{ports['filer']}"
        options = {
            "master": (f"-mdir={place}", "-defaultReplication=001", "-volumeSizeLimitMB=64", "-telemetry=false"),
            "volume": (f"-dir={place}", f"-mserver={master}", "-max=50"),
            "filer": (f"-master={master}", f"-defaultStoreDir={place}"),
            "s3": (f"-filer={filer}", f"-config={self.folder / 's3.json'}", "-port.iceberg=0", "-port.lance=0"),
        }[name.rstrip("12")]
        command = [str(WEED), name.rstrip("12"), f"-port={port}", "-ip.bind=127.0.0.1", *options]
        command += ["-ip=127.0.0.1"] if not name.startswith("s3") else []
        with (place / "log").open("ab") as log:
            self.running[name] = subprocess.Popen(command, stdout=log, stderr=log, cwd=place)

    def kill(self, name: str) -> None:
        """End one server at once."""
        self.running[name].kill()
        self.running.pop(name).wait()

    def wait_for(self, name: str, path: str) -> None:
        """Wait until a server answers."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with suppress(requests.RequestException):
                if requests.get(f"http://127.0.0.1:{self.ports[name]}{path}", timeout=1).status_code < 500:
                    return
            time.sleep(0.05)
        raise RuntimeError(f"{name} did not start: {(self.folder / name / 'log').read_text()[-2000:]}")


@contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    """Run the cluster, and make its bucket."""
    names = ("master", "volume1", "volume2", "filer", "s31", "s32")
    cluster = Cluster(folder, dict(zip(names, free_ports(len(names)), strict=True)))
    write_identities(folder / "s3.json")
    try:
        for name in names:
            cluster.start(name)
            cluster.wait_for(name, {"master": "/cluster/status", "filer": "/"}.get(name, "/status"))
        if not make_bucket(cluster.ports["master"]):
            raise RuntimeError("the bucket could not be made")
        yield cluster
    finally:
        for name in list(cluster.running):
            cluster.kill(name)


class Load:
    """Uploads from several threads to all processes, until it is stopped."""

    def __init__(self, urls: list[str], folder: Path) -> None:
        self.acknowledged: dict[str, str] = {}
        self.answers: Counter[str] = Counter()
        self.slowest = 0.0
        self._urls, self._folder = urls, folder
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._upload, args=(number,)) for number in range(UPLOADERS)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _upload(self, number: int) -> None:
        folder = self._folder / str(number)
        folder.mkdir()
        count = 0
        while not self._stopped.is_set():
            client = Client(random.choice(self._urls), (USER, PASSWORD))
            data = {"victim/data": os.urandom(random.choice([100, 100_000, 10_000_000]))}
            wheel = make_wheel(folder, f"victim{number}", f"{count}.0", members=data)
            count, began = count + 1, time.monotonic()
            try:
                status = str(client.upload(wheel).status_code)
            except requests.RequestException as error:
                status = type(error).__name__
            self.slowest = max(self.slowest, time.monotonic() - began)
            self.answers[status] += 1
            if status == "200":
                self.acknowledged[wheel.name] = sha256(wheel)
            wheel.unlink()


def main() -> int:
    """Run once; return 1 if an acknowledged upload is missing or damaged, or none was acknowledged after the kill."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "part", nargs="?", choices=["gateway", "volume"], default="gateway", help="what is killed (gateway)"
    )
    parser.add_argument("seconds", nargs="?", type=float, default=20.0, help="time of the uploads (20)")
    given = parser.parse_args()
    part, seconds = given.part, given.seconds
    with TemporaryDirectory(prefix="cluster-", ignore_cleanup_errors=True) as place, ExitStack() as stack:
        work = Path(place)
        cluster = stack.enter_context(running_cluster(work))
        gateways = [f"http://127.0.0.1:{cluster.ports[name]}" for name in ("s31", "s32")]
        endpoint = stack.enter_context(round_robin(gateways)).rstrip("/")
        stack.enter_context(patch.dict(os.environ, ObjectStore(endpoint).environment))
        url, _ = new_index(USER, PASSWORD)
        indexes = [stack.enter_context(serving_bucket(work / f"index{n}", url)) for n in range(PROCESSES)]
        load = Load([index.url for index in indexes], work)
        name = "s31" if part == "gateway" else "volume1"
        time.sleep(seconds / 3)
        before = len(load.acknowledged)
        cluster.kill(name)
        time.sleep(seconds / 3)
        if part == "volume":
            cluster.start(name)
        time.sleep(seconds / 3)
        load.stop()
        problems = damage(url, load.acknowledged)
        after = len(load.acknowledged) - before
        print(f"{name} killed: {before} uploads acknowledged before, {after} afterwards; slowest {load.slowest:.1f} s")
        print(f"answers: {json.dumps(load.answers)}; {len(problems)} problems")
        for problem in problems[:20]:
            print(problem)
    return int(bool(problems) or after == 0)


def damage(url: str, acknowledged: dict[str, str]) -> list[str]:
    """Return what is missing or damaged, as seen by a process that starts afterwards."""
    source = BucketSource(url)
    found = check_bucket(source, read_files=True, remove_unlisted=False)
    listed = {file.filename: file.metadata.sha256 for name in source.names() for file in source.project(name).files}
    problems = [*found.problems, *(f"foreign: {each}" for each in found.foreign)]
    for name, digest in acknowledged.items():
        if name not in listed:
            problems.append(f"missing: {name}")
        elif listed[name] != digest:
            problems.append(f"damaged: {name}")
    return problems


if __name__ == "__main__":
    sys.exit(main())
