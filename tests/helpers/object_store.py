"""A real object store: SeaweedFS in one process on this machine, with a bucket, or the one that TEST_STORE names."""

import json
import os
import platform
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

WEED = Path(sys.executable).parents[1] / "clients" / "bin" / "weed"
BUCKET = "pkgs"
OTHER_STORE = os.environ.get("TEST_STORE", "").rstrip("/")
"""The URL of a bucket, whose variables are set: tests run over it that need no SeaweedFS (benchmarks/README.md)."""
STORE = OTHER_STORE or f"s3://{BUCKET}"
ACCESS_KEY, SECRET_KEY = "AK", "SK"  # of a store that only this machine reaches
GRPC = 10_000
"""Offset from a SeaweedFS server's port to the port of its other protocol."""


@dataclass(frozen=True)
class ObjectStore:
    """The store's address, and the process that serves it."""

    endpoint: str
    process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables by which the index finds the store."""
        if OTHER_STORE:
            return {}
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_ALLOW_HTTP": "true",
        }


@contextmanager
def running_store(folder: Path) -> Iterator[ObjectStore]:
    """Run a store whose data lie in a folder, and make its bucket."""
    if OTHER_STORE:
        yield ObjectStore("")
        return
    if sys.platform == "darwin" and platform.machine() == "x86_64":
        pytest.skip("SeaweedFS has no wheel for Intel Macs, so the tests over a bucket don't run here")
    folder.mkdir(parents=True, exist_ok=True)
    write_identities(folder / "s3.json")
    for _ in range(5):
        ports = free_ports(4)
        process = _start(folder, ports)
        try:
            if _is_ready(process, ports[3]) and make_bucket(ports[0]):
                yield ObjectStore(f"http://127.0.0.1:{ports[3]}", process)
                return
        finally:
            process.kill()
            process.wait()
    raise RuntimeError(f"the store did not start: {(folder / 'log').read_text()[-3000:]}")


def write_identities(path: Path) -> None:
    """Write the accounts of a store."""
    identity = {
        "name": "test",
        "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
        "actions": ["Admin", "Read", "Write", "List"],
    }
    path.write_text(json.dumps({"identities": [identity]}))


def _start(folder: Path, ports: list[int]) -> "subprocess.Popen[bytes]":
    master, volume, filer, s3 = ports
    data = folder / "data"
    data.mkdir(exist_ok=True)
    command = [
        *(str(WEED), "server", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
        *(f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}", f"-s3.port={s3}"),
        *("-s3", f"-s3.config={folder / 's3.json'}", "-s3.port.iceberg=0", "-s3.port.lance=0"),
        *("-master.volumeSizeLimitMB=64", "-volume.max=100", "-master.telemetry=false"),
    ]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)


def _is_ready(process: "subprocess.Popen[bytes]", port: int) -> bool:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(requests.RequestException):
            if requests.get(f"http://127.0.0.1:{port}/status", timeout=1).status_code < 500:
                return True
        time.sleep(0.05)
    return False


def make_bucket(master: int) -> bool:
    """Make the bucket, and return whether that worked in time."""
    deadline = time.monotonic() + 60
    command = [str(WEED), "shell", f"-master=127.0.0.1:{master}"]
    while time.monotonic() < deadline:
        done = subprocess.run(
            command, input=f"s3.bucket.create -name {BUCKET}\n", capture_output=True, text=True, check=False
        )
        if f"created bucket {BUCKET}" in done.stdout + done.stderr:
            return True
        time.sleep(0.1)
    return False


def free_ports(count: int) -> list[int]:
    """Return ports that are free, with those of the other protocol."""
    found: list[int] = []
    while len(found) < count:
        port = random.Random(os.urandom(8)).randrange(20_000, 32_000)
        if port not in found and _is_free(port) and _is_free(port + GRPC):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe, suppress(OSError):
        probe.bind(("127.0.0.1", port))
        return True
    return False
