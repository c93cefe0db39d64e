"""
Time uploads, the memory of a crowd and of many files, and starts, and print a table.

Every row compares with its bound or with another measurement of the same run. Usage: python benchmarks/writing.py
[--quick] [--only WORD]
"""

import argparse
import base64
import http.client
import json
import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.serve import PASSWORD, USER, our_index
from benchmarks.tables import heading, limit
from tests.helpers.dists import make_wheel
from tests.helpers.http import JSON, sha256
from tests.helpers.index import RunningIndex

AUTHORIZATION = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
BOUNDARY = "a-boundary-of-a-form"
CROWD = 32
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""A folder in memory; elsewhere the usual one for temporary files."""


def connect(index: RunningIndex) -> http.client.HTTPConnection:
    """Return a connection that is open, so that only requests are measured."""
    connection = http.client.HTTPConnection(index.url.removeprefix("http://").rstrip("/"), timeout=120)
    connection.connect()
    return connection


def form(name: str, version: str, members: Mapping[str, bytes] | None = None) -> bytes:
    """
    Return the body by which twine uploads a new wheel, which is made in memory.

    When ext4 looks for a free inode, it skips those that were freed in the last minutes, so creating and removing
    wheels beside an index would slow down its uploads.
    """
    with TemporaryDirectory(dir=MEMORY) as folder:
        return _form(make_wheel(Path(folder), name, version, members=members))


def _form(wheel: Path) -> bytes:
    name, version = wheel.name.split("-")[:2]
    fields = {":action": "file_upload", "protocol_version": "1", "name": name, "version": version}
    fields |= {"filetype": "bdist_wheel", "pyversion": "py3", "metadata_version": "2.1", "summary": "For tests"}
    fields |= {"sha256_digest": sha256(wheel)}
    parts = [f'Content-Disposition: form-data; name="{key}"\r\n\r\n{value}'.encode() for key, value in fields.items()]
    head = f'Content-Disposition: form-data; name="content"; filename="{wheel.name}"\r\n\r\n'
    between = b"\r\n--" + BOUNDARY.encode()
    return (
        between[2:]
        + b"".join(b"\r\n" + part + between for part in [*parts, head.encode() + wheel.read_bytes()])
        + b"--"
    )


def send(connection: http.client.HTTPConnection, body: bytes) -> None:
    headers = {"Authorization": AUTHORIZATION, "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    connection.request("POST", "/", body, headers)
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status == 200, text


def get(connection: http.client.HTTPConnection, path: str, accept: str = JSON) -> bytes:
    connection.request("GET", path, headers={"Authorization": AUTHORIZATION, "Accept": accept})
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == 200, (path, body)
    return body


def processor_time(pid: int) -> float:
    """Return the seconds that a process has computed, in its own code and in the kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int, which: str = "VmRSS") -> float:
    """Return the megabytes that a process has in memory now, or had at most."""
    found = re.search(rf"{which}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def uploads(work: Path, count: int) -> None:
    """Upload small wheels, to projects that the index has and each to a new one; alone, and eight at a time."""
    root = work / "uploads"
    root.mkdir()
    blocks = os.urandom(18_000)

    def bodies(kind: str, number: int) -> list[bytes]:
        found = []
        for each in range(count + 20):
            name, version = (
                (f"{kind}{number}x{each}", "1.0") if kind == "new" else (f"known{each % 20}", f"{number}.{each}")
            )
            found.append(form(name, version, {f"{name}/data": blocks}))
        return found

    with our_index(work / "index-uploads", root) as index:

        def cost(kind: str, clients: int, number: int) -> float:
            waiting = bodies(kind, number)
            connections = [connect(index) for _ in range(clients)]
            for body in waiting[:20]:
                send(connections[0], body)
            share = [waiting[20 + client :: clients] for client in range(clients)]
            began = processor_time(index.process.pid)
            with ThreadPoolExecutor(clients) as threads:
                list(threads.map(_send_all, connections, share))
            return (processor_time(index.process.pid) - began) / count

        runs = [(kind, clients) for kind in ("known", "new") for clients in (1, 8)]
        found: dict[tuple[str, int], list[float]] = {run: [] for run in runs}
        for number in range(3):
            for kind, clients in runs:
                found[kind, clients].append(cost(kind, clients, number * 10 + clients))
    for (kind, clients), times in found.items():
        limit(f"processor time of an upload, {kind} project, {clients} at a time", 1000 * min(times), "<= 1.2", " ms")


def _send_all(connection: http.client.HTTPConnection, bodies: Sequence[bytes]) -> None:
    for body in bodies:
        send(connection, body)


def crowd(work: Path, files: int) -> None:
    """Let 32 writers and 32 readers loose on eight projects, and see what they leave in memory."""
    root = work / "crowd"
    root.mkdir()
    fill(root, 8, files // 8, os.urandom(20_000))
    done = threading.Event()
    with our_index(work / "index-crowd", root) as index:

        def read(number: int) -> None:
            connection = connect(index)
            file = 0
            while not done.is_set():
                for accept in (JSON, "text/html"):
                    get(connection, f"/simple/project{number % 8}/", accept)
                for _ in range(20):
                    file += 1
                    name = f"project{number % 8}-1.{(number * 97 + file) % (files // 8)}-py3-none-any.whl"
                    get(connection, f"/packages/{name}", "*/*")

        def write(number: int) -> None:
            connection = connect(index)
            for release in range(30):
                send(connection, form(f"project{number % 8}", f"2.{number}.{release}"))

        with ThreadPoolExecutor(2 * CROWD) as threads:
            reading = [threads.submit(read, number) for number in range(CROWD)]
            list(threads.map(write, range(CROWD)))
            done.set()
            for each in reading:
                each.result()
        high = memory(index.process.pid, "VmHWM")
        time.sleep(3)
        left = memory(index.process.pid)
    limit(f"memory during {CROWD} writers and {CROWD} readers of small files", high, "<= 150", " MB")
    limit("memory after them", left, "<= 150", " MB")


def fill(root: Path, projects: int, files_each: int, data: bytes) -> None:
    """Write files with valid names; what is measured with them does not look inside."""
    for project in range(projects):
        for file in range(files_each):
            (root / f"project{project}-1.{file}-py3-none-any.whl").write_bytes(data)


def starting(work: Path, projects: int, *, at_most: str = "") -> None:
    """Start an index over a folder whose files have records, and measure until its first page."""
    root = work / f"starting-{projects}"
    record(root, projects)
    times, sizes = [], []
    for _ in range(3):
        with our_index(work / f"index-{projects}", root) as index:
            get(connect(index), "/simple/project7/")
            times.append(processor_time(index.process.pid))
            deadline = time.monotonic() + 60
            while not (root / ".pypi-publish/catalog").exists() and time.monotonic() < deadline:
                time.sleep(0.5)  # the first one goes through all records, and leaves a snapshot
            time.sleep(1)
            sizes.append(memory(index.process.pid))
    shutil.rmtree(root)
    files = 10 * projects
    if at_most:
        limit(f"memory, {files:,} files in {projects:,} projects", max(sizes), at_most, " MB")
    else:
        limit(f"processor time until the first page, {files:,} files with records", min(times[1:]), "<= 0.8", " s")


def record(root: Path, projects: int) -> None:
    """Write ten files of each project as links to one, and the records that an index would have made of them."""
    records = root / ".pypi-publish/facts"
    records.mkdir(parents=True)
    source = root / ".source"
    source.write_bytes(b"x")
    links = 0
    for project in range(projects):
        lines = []
        for file in range(10):
            if links % 50_000 == 0:  # file systems bound the links of a file
                source.unlink()
                source.write_bytes(b"x")
                status = source.stat()
            links += 1
            name = f"project{project}-1.{file}-py3-none-any.whl"
            os.link(source, root / name)
            known = {"v": 1, "filename": name, "size": 1, "mtime_ns": status.st_mtime_ns, "sha256": "0" * 64}
            lines.append(json.dumps({**known, "uploaded": "2026-01-01T00:00:00.000000Z"}, separators=(",", ":")))
        (records / f"project{project}.jsonl").write_text("\n".join(lines) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the corpus, to try the script")
    parser.add_argument("--only", default="", help="measure only what has this word in its name")
    arguments = parser.parse_args()
    scale = 10 if arguments.quick else 1
    with TemporaryDirectory(prefix="benchmark-") as folder:
        work = Path(folder)
        heading()
        measurements: dict[str, Callable[[], None]] = {
            "uploads": lambda: uploads(work, 400 // scale),
            "crowd": lambda: crowd(work, 10_000 // scale),
            "starting": lambda: starting(work, 30_000 // scale),
            "memory": lambda: starting(work, 100_000 // scale, at_most="<= 250"),
        }
        for name, measure in measurements.items():
            if arguments.only in name:
                measure()


if __name__ == "__main__":
    main()
