"""
Measure what no program of this kind can avoid, beside the limit of each row out of reach, and print a table.

A floor does a part of the work and nothing else: it checks nothing, and most send nothing. Where even that takes longer
than the limit, which comes from the peer's time in the same run, the row is out of reach; else it is not proven.
Needs git, nginx, wrk and Linux. Usage: python benchmarks/floors.py [--rounds N] [--only WORD]
"""

import argparse
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import least_app, least_index, least_page, least_upload
from benchmarks.publish import (
    BACKENDS,
    PASSWORD,
    PYTHON,
    TWINE,
    USER,
    UV,
    Bench,
    _set_version,
    _uploaded,
    curl_command,
    large_wheel,
    send_large,
    serving,
)
from benchmarks.rounds import Took
from benchmarks.serve import copy_to_site, fill, in_turn, nginx, our_index, rate, settle
from benchmarks.tables import floor, floor_heading
from benchmarks.upload_parts import upload_parts
from benchmarks.upstream import processor_time
from benchmarks.writing import AUTHORIZATION, BOUNDARY, form
from tests.helpers.http import JSON
from tests.helpers.projects import commit, make_project

UPLOADS = 100
UPLOAD_LIMIT = 1.2
"""Milliseconds of processor time that an upload may take."""

START = "import click, http.client, tomllib"
"""Parse options, read the project and be able to send: what a program that publishes imports at least."""

DIGEST = """
import hashlib, os, subprocess, sys
curl = subprocess.Popen(sys.argv[2:])
os.nice(15)
digest, block = hashlib.sha256(), memoryview(bytearray(2**20))
with open(sys.argv[1], "rb", buffering=0) as file:
    while length := file.readinto(block):
        digest.update(block[:length])
assert curl.wait() == 0
"""
"""Have curl send a file, and compute its digest meanwhile with a low priority, which delays the upload the least."""

BUILD = """
import os, subprocess, sys, tarfile, tomllib
import click
work = sys.argv[1]
sys.pycache_prefix = work + "/bytecode"
with open("pyproject.toml", "rb") as file:
    system = tomllib.load(file)["build-system"]
subprocess.run(["uv", "pip", "install", "-q", "--target", work + "/backend", *system["requires"]], check=True)
sys.path.insert(0, work + "/backend")
backend = __import__(system["build-backend"], fromlist=["build_sdist"])
sdist = backend.build_sdist(work)
with tarfile.open(work + "/" + sdist) as archive:
    archive.extractall(work + "/sources", filter="data")
os.chdir(work + "/sources/" + sdist.removesuffix(".tar.gz"))
backend.build_wheel(work)
"""
"""
Install the backend with uv, and build sdist and wheel in this process: no checks, no isolation, no upload.

The backend's modules are compiled already, from an earlier round.
"""

ASK = """
import subprocess, sys, tomllib
import click
git = subprocess.Popen(["git", "log", "-1", "--format=%H", "--", "."], stdout=subprocess.DEVNULL)
with open("pyproject.toml", "rb") as file:
    name = tomllib.load(file)["project"]["name"]
"""
"""Read the project and have git look for its last change; one of the next two asks the index."""

LEAST_UPLOAD = [PYTHON, str(Path(least_upload.__file__)), "--index-url"]
"""The command that uploads files, without the index's URL."""

LEAST = "the least with all promises"
WITH_PARTS = f"{LEAST}, rights and limits"

WITH_REQUESTS = """
import requests
requests.get(sys.argv[1] + "simple/" + name + "/").content
assert git.wait() == 0
"""
WITH_HTTP_CLIENT = """
import http.client
connection = http.client.HTTPConnection(sys.argv[1].split("/")[2])
connection.request("GET", "/simple/" + name + "/")
connection.getresponse().read()
assert git.wait() == 0
"""


def python(code: str, *arguments: str) -> list[str]:
    """Return a command that runs code with the interpreter and packages of this environment."""
    return [PYTHON, "-I", "-c", code, *arguments]


def builds(bench: Bench) -> None:
    """Compare the least that a build takes with uv's time for building and publishing the same project."""
    for backend, bound in BACKENDS.items():
        folder = make_project(bench.work / backend, f"floor-{backend.replace('_', '-')}", "0.0", backend=backend)

        def with_uv(folder: Path = folder) -> Took:
            _set_version(folder, bench.fresh())
            return bench.run([(folder, [UV, "build"]), (folder, [UV, "publish"])])

        def least(folder: Path = folder, code: str = START if backend == "uv_build" else BUILD) -> Took:
            _set_version(folder, bench.fresh())
            work = folder.with_name(f"{folder.name}-work")
            for name in ("backend", "sources"):
                shutil.rmtree(work / name, ignore_errors=True)
            return bench.run([(folder, python(code, str(work)))])

        uv, ours = bench.in_turn(with_uv, least)
        floor(f"{backend}: build and publish", ours.wall, _number(bound) * uv.wall, " s")


def nothing_new(bench: Bench) -> None:
    """Compare the least that a run with nothing to do takes with uv's time for it."""
    for backend in ("uv_build", "hatchling"):
        folder = make_project(bench.work / backend, f"again-{backend.replace('_', '-')}", "1.0", backend=backend)
        commit(folder)
        commands = [[UV, "build"], [UV, "publish", "--check-url", f"{bench.index.url}simple/"]]
        codes = {"Python alone": "", "requests": ASK + WITH_REQUESTS, "http.client": ASK + WITH_HTTP_CLIENT}
        runs = [
            partial(bench.run, [(folder, command) for command in commands]),
            *(partial(bench.run, [(folder, python(code, bench.index.url))]) for code in codes.values()),
        ]
        uv, *found = bench.in_turn(*runs)
        for name, took in zip(codes, found, strict=True):
            if name == "Python alone" or backend != "uv_build":
                floor(f"{backend}: again, nothing new, with {name}", took.wall, 0.2 * uv.wall, " s")


@contextmanager
def least(program: ModuleType, path: Path, *options: str) -> Iterator[tuple[int, int]]:
    """Run one of the least servers over a folder or a file; yield its port and its process."""
    process = subprocess.Popen([PYTHON, str(program.__file__), str(path), *options], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline()), process.pid
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def send(port: int, bodies: Sequence[bytes]) -> None:
    """Send uploads that are ready as bytes, one after the other, over one connection."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        for request in bodies:
            connection.sendall(request)
            answer = b""
            while b"\r\n\r\n" not in answer:
                received = connection.recv(65536)
                assert received, "the server closed the connection"
                answer += received
            assert answer.startswith(b"HTTP/1.1 200"), answer


def requests_for(kind: str, number: int) -> list[bytes]:
    """Return the bytes of uploads, each to a new project or all to twenty projects; the first 20 are to warm up."""
    found = []
    for each in range(UPLOADS + 20):
        new = kind == "new"
        name, version = (f"new{number}x{each}", "1.0") if new else (f"known{each % 20}", f"{number}.{each}")
        body = form(name, version, {f"{name}/data": os.urandom(18_000)})
        head = (
            f"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {AUTHORIZATION}\r\n"
            f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        found.append(head.encode() + body)
    return found


def cost(port: int, pid: int, requests: Sequence[bytes], clients: int) -> tuple[float, float]:
    """Return seconds on the clock and of a server's processor time for uploads, after twenty that do not count."""
    send(port, requests[:20])
    shares = [requests[20 + client :: clients] for client in range(clients)]
    before, begun = processor_time(pid), time.perf_counter()
    with ThreadPoolExecutor(clients) as threads:
        list(threads.map(partial(send, port), shares))
    return time.perf_counter() - begun, processor_time(pid) - before


def uploads(bench: Bench) -> None:
    """Compare the least index with this one and with the limit of an upload."""
    parts = upload_parts(bench.work)
    ours = int(bench.index.url.rstrip("/").rpartition(":")[2]), bench.index.process.pid
    runs = [(kind, clients) for kind in ("known", "new") for clients in (1, 8)]
    for folder in ("least", "promises"):
        (bench.work / folder).mkdir()
    with (
        least(least_index, bench.work / "least") as least_server,
        least(least_app, bench.work / "promises") as promising,
    ):
        sides = {"the least index": least_server, LEAST: promising, "this index": ours}
        found: dict[tuple[str, str, int], list[tuple[float, float]]] = {}
        for number in range(bench.rounds + 1):  # the first is not counted
            for kind, clients in runs:
                requests = requests_for(kind, number * 10 + clients)
                for side, (port, pid) in sides.items():
                    found.setdefault((side, kind, clients), []).append(cost(port, pid, requests, clients))
    middle = {
        run: [statistics.median(column) for column in zip(*times[1:], strict=True)] for run, times in found.items()
    }
    for kind, clients in runs:
        what = f"processor time of an upload, {kind} project, {clients} at a time"
        *floors, own = (1000 * middle[side, kind, clients][1] / UPLOADS for side in sides)
        for side, least_cost in zip(sides, floors, strict=False):
            floor(f"{what}, {side.removeprefix('the ')}", least_cost, UPLOAD_LIMIT, " ms")
        floor(f"{what}, with rights and limits", floors[-1] + parts, UPLOAD_LIMIT, " ms")
        print(f"  (this index in the same run: {own:.3g} ms)", flush=True)


def wheels(bench: Bench) -> None:
    """Compare the least command that sends wheels with its peers: to this index, and to one that costs the least."""
    parts = upload_parts(bench.work)
    (bench.work / "promises").mkdir()
    with least(least_app, bench.work / "promises", "--besides", str(parts)) as (promising, _):
        for side, url in (("this index", bench.index.url), (WITH_PARTS, f"http://127.0.0.1:{promising}/")):
            bench.reach(url)
            ours, uv, twine = bench.in_turn(
                *(
                    partial(_uploaded, bench, command, UPLOADS)
                    for command in ([*LEAST_UPLOAD, with_account(url)], [UV, "publish"], [TWINE, "upload"])
                )
            )
            for peer, took, part in (("uv publish", uv, 0.6), ("twine", twine, 0.3)):
                floor(f"{UPLOADS} built wheels of 20 KB to {side}, of {peer}", ours.wall, part * took.wall, " s")


def large(bench: Bench) -> None:
    """Compare the least command that knows the digest of a wheel of 500 MB with curl alone."""
    source = large_wheel(bench.work)
    command = curl_command(bench, source)
    ours, curl = bench.in_turn(
        partial(send_large, bench, source, python(START + DIGEST, str(source), *command)),
        partial(send_large, bench, source, command),
    )
    floor("one wheel of 500 MB, of curl -F", ours.wall, 1.2 * curl.wall, " s")


def with_account(url: str) -> str:
    """Return the URL of an index with the name and the password of an account."""
    return url.replace("://", f"://{USER}:{quote(PASSWORD)}@")


def pages(bench: Bench) -> None:
    """Compare a server of one constant page, and this index, with the time that nginx takes for a page of ten files."""
    root, site = bench.work / "pages", bench.work / "site"
    fill(root, 10, 10)
    with our_index(bench.work / "index-pages", root) as index:
        settle(index)
        copy_to_site(index.url, site, {"simple/project0/index.json": ("simple/project0/", JSON)})
        page = site / "simple/project0/index.json"
        with nginx(bench.work, site, auth=False) as plain, least(least_page, page) as (port, _):
            constant, own, static = in_turn(
                partial(rate, f"http://127.0.0.1:{port}/", "simple/project0/", JSON),
                partial(rate, index.url, "simple/project0/", JSON),
                partial(rate, plain, "simple/project0/"),
            )
    floor("page of ten files, JSON, a request", 1e6 / constant, 1e6 / static / 0.9, " µs")
    print(f"  (this index in the same run: {1e6 / own:.3g} µs)", flush=True)


def _number(bound: str) -> float:
    return float(bound.split()[1])


SECTIONS: tuple[Callable[[Bench], None], ...] = (builds, nothing_new, uploads, wheels, large, pages)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="sections whose name contains this word")
    arguments = parser.parse_args()
    print(f"{os.cpu_count()} cores, {platform.platform()}, Python {platform.python_version()}")
    floor_heading()
    for section in SECTIONS:
        if arguments.only in section.__name__:
            with TemporaryDirectory() as folder, serving(Path(folder)) as index:
                section(Bench(index, Path(folder), arguments.rounds))


if __name__ == "__main__":
    main()
