"""
Load this index, pypiserver and nginx with the same corpus in turn, and print a table of ratios.

Needs nginx and wrk (Debian: nginx, wrk). Usage: python benchmarks/serve.py [--quick] [--only WORD]
"""

import argparse
import base64
import hashlib
import itertools
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

sys.path.insert(0, str(Path(__file__).parents[1]))

import requests
from passlib.apache import HtpasswdFile

from benchmarks import buckets
from benchmarks.tables import heading, limit, row
from publisher.server.auth import hashes
from tests.helpers.dists import make_wheel
from tests.helpers.http import JSON, Client
from tests.helpers.index import RunningIndex
from tests.helpers.workers import workers_of

USER, PASSWORD = "bench", "correct horse"
AUTHORIZATION = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
ROUNDS = 3
_NUMBERS = itertools.count()
IDLE = 0.02
"""Seconds of processor time that an idle index uses at most in half a second."""
IN_TURN = """
local number = 0
request = function()
  number = (number + 1) %% %d
  return wrk.format("GET", "/simple/project" .. number .. "/")
end
"""
"""Lua for wrk, with the number of projects to ask for."""

UV = str(Path(sys.executable).with_name("uv"))


def wrk(  # noqa: PLR0913 - what is asked for, and how
    url: str,
    path: str,
    accept: str = "*/*",
    *,
    seconds: int = 2,
    authorization: str = AUTHORIZATION,
    connections: int = 8,
    script: Path | None = None,
) -> tuple[float, float]:
    """Return requests and megabytes a second: one thread, every request authenticated; a script may choose paths."""
    command = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "-H",
        f"Authorization: {authorization}",
        "-H",
        f"Accept: {accept}",
        *(["-s", str(script)] if script else []),
    ]
    output = subprocess.run([*command, url + path], capture_output=True, text=True, check=True).stdout
    errors = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    assert errors is None, output
    requests_each = float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])  # type: ignore[index]
    number, unit = re.search(r"Transfer/sec:\s+([\d.]+)([KMG]?B)", output).groups()  # type: ignore[union-attr]
    return requests_each, float(number) * {"B": 1e-6, "KB": 1e-3, "MB": 1, "GB": 1e3}[unit]


def rate(url: str, path: str, accept: str = "*/*") -> float:
    """Return requests a second."""
    return wrk(url, path, accept)[0]


def in_turn(*measurements: Callable[[], float]) -> list[float]:
    """Measure one after the other, several rounds, and return the median of each."""
    found = [[measure() for measure in measurements] for _ in range(ROUNDS)]
    return [statistics.median(column) for column in zip(*found, strict=True)]


@contextmanager
def our_index(folder: Path, root: Path, *options: str) -> Iterator[RunningIndex]:
    index = RunningIndex.start(folder, "--log-format", "none", "--max-size", "4000", *options, roots=[root])
    if not index.htpasswd.read_text():
        index.add_user(USER, PASSWORD)
    try:
        yield index
    finally:
        index.stop()


def settle(*indexes: RunningIndex) -> None:
    """Wait until indexes have recorded all files that were copied in, and do nothing any more unless they are asked."""
    for index in indexes:
        used = float("-inf")
        while processor_time(index) - used > IDLE:
            used = processor_time(index)
            time.sleep(0.5)


@contextmanager
def pypiserver(folder: Path, root: Path, *options: str) -> Iterator[str]:
    """Run pypiserver as its users do."""
    with _listening_port() as port:
        pass
    command = [str(Path(sys.executable).with_name("pypi-server")), "run", "-i", "127.0.0.1", "-p", str(port)]
    command += ["-a", "download, list, update", "-P", str(folder / "htpasswd"), *options, str(root)]
    yield from _served(command, f"http://127.0.0.1:{port}/")


@contextmanager
def nginx(folder: Path, site: Path, *, auth: bool) -> Iterator[str]:
    """Run nginx with one worker over a folder of static files."""
    with _listening_port() as port:
        pass
    own = folder / f"nginx-{port}"
    own.mkdir()
    guard = f'auth_basic "x"; auth_basic_user_file {folder / "htpasswd"};' if auth else ""
    (own / "nginx.conf").write_text(f"""
        daemon off; worker_processes 1; pid {own}/pid; error_log {own}/error.log; user root;
        events {{ worker_connections 512; }}
        http {{
            access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
            client_body_temp_path {own}; proxy_temp_path {own}; fastcgi_temp_path {own};
            uwsgi_temp_path {own}; scgi_temp_path {own};
            default_type application/octet-stream;
            server {{
                listen 127.0.0.1:{port} reuseport; root {site}; {guard}
                location /simple/ {{ index index.json; types {{}} default_type {JSON}; }}
                location /html/ {{ index index.html; types {{}} default_type "text/html; charset=utf-8"; }}
            }}
        }}
    """)
    yield from _served(["nginx", "-p", str(own), "-c", str(own / "nginx.conf")], f"http://127.0.0.1:{port}/")


@contextmanager
def _listening_port() -> Iterator[int]:
    import socket  # noqa: PLC0415

    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]


def _served(command: list[str], url: str) -> Iterator[str]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            with suppress(requests.ConnectionError):
                requests.get(url, timeout=30)
                break
            assert process.poll() is None, command
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait()


def fill(root: Path, projects: int, files_each: int) -> None:
    """Write small files with valid names; what is measured with them does not look inside."""
    root.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(root / "a.zip", "w") as archive:
        archive.writestr("x", "x")
    data = (root / "a.zip").read_bytes()
    (root / "a.zip").unlink()
    for project in range(projects):
        for file in range(files_each):
            (root / f"project{project}-1.{file}-py3-none-any.whl").write_bytes(data)


def copy_to_site(url: str, site: Path, paths: dict[str, tuple[str, str]]) -> None:
    """Save our index's answers, so that nginx sends the same bytes."""
    for target, (path, accept) in paths.items():
        headers = {"Authorization": AUTHORIZATION, "Accept": accept}
        answer = requests.get(url + path, headers=headers, timeout=600)
        answer.raise_for_status()
        (site / target).parent.mkdir(parents=True, exist_ok=True)
        (site / target).write_bytes(answer.content)


def pages(work: Path, files: int, legacy_seconds: int) -> None:
    """Measure a page of ten files in a folder of many, and the page of one project that has them all."""
    kinds = ("page in a folder of", files // 10, ">= 5", ">= 3,000"), ("page of a project with", 1, ">= 1", ">= 100")
    for what, projects, than_guarded, than_legacy in kinds:  # the second is copying bytes, for every server
        folder = work / f"pages-{projects}"
        root, site = folder / "root", folder / "site"
        fill(root, projects, files // projects)
        with our_index(folder / "ours", root) as index:
            settle(index)
            shutil.copy(index.htpasswd, folder / "htpasswd")
            forms = {"simple/project0/index.json": ("simple/project0/", JSON)}
            forms["html/project0/index.html"] = ("simple/project0/", "text/html")
            copy_to_site(index.url, site, forms)
            with (
                nginx(folder, site, auth=False) as plain,
                nginx(folder, site, auth=True) as guarded,
                pypiserver(folder, root) as old,
            ):
                legacy = wrk(old, "simple/project0/", seconds=legacy_seconds)[0]
                for form, accept, path in (("JSON", JSON, "simple/"), ("HTML", "text/html", "html/")):
                    ours, without, with_password = in_turn(
                        partial(rate, index.url, "simple/project0/", accept),
                        partial(rate, plain, f"{path}project0/"),
                        partial(rate, guarded, f"{path}project0/"),
                    )
                    name = f"{what} {files:,} files, {form}, requests/s"
                    row(f"{name}, of nginx", ours, without, ">= 0.9")
                    row(f"{name}, of nginx auth_basic", ours, with_password, than_guarded)
                    row(f"{name}, of pypiserver", ours, legacy, than_legacy)


def many_pages(work: Path, projects: int) -> None:
    """Measure the pages of many projects, which are asked for in turn."""
    root, site, script = work / "many", work / "site-many", work / "in-turn.lua"
    fill(root, projects, 10)
    script.write_text(IN_TURN % projects)
    with our_index(work / "ours-many", root) as index:
        settle(index)
        names = [f"simple/project{number}/" for number in range(projects)]
        copy_to_site(index.url, site, {f"{name}index.json": (name, JSON) for name in names})
        with nginx(work, site, auth=False) as plain:
            ours, other = in_turn(*(lambda url=url: wrk(url, "", JSON, script=script)[0] for url in (index.url, plain)))
    row(f"pages of {projects:,} projects in turn, JSON, requests/s, of nginx", ours, other, ">= 0.6")


def tokens(work: Path) -> None:
    """Measure a page that is asked for with a stored token, and with a password that is remembered."""
    root = work / "tokens"
    fill(root, 10, 10)
    with our_index(work / "ours-tokens", root) as index:
        settle(index)
        answer = requests.post(
            f"{index.url}-/tokens", json={"name": "bench", "rights": ["read"]}, auth=(USER, PASSWORD), timeout=60
        )
        token = base64.b64encode(f"__token__:{answer.json()['token']}".encode()).decode()
        path = "simple/project0/"
        by_token, by_password = in_turn(
            lambda: wrk(index.url, path, JSON, authorization=f"Basic {token}")[0], lambda: rate(index.url, path, JSON)
        )
    row("page with a token, JSON, requests/s, of one with a password", by_token, by_password, ">= 0.95")


def logs(work: Path) -> None:
    """Measure a page with an access log in each format, written to a file, and without a log."""
    rates: dict[str, Callable[[], float]] = {}
    with ExitStack() as running:
        for form in ("text", "json", "none"):
            root = work / f"logs-{form}"
            fill(root, 10, 10)
            index = running.enter_context(our_index(work / f"ours-logs-{form}", root, "--log-format", form))
            settle(index)
            rates[form] = partial(rate, index.url, "simple/project0/", JSON)
        text, json_log, without = in_turn(*rates.values())
    row("page with the access log, JSON, requests/s, of one without", text, without, ">= 0.6")
    row("the same with the log in JSON, of one without", json_log, without, ">= 0.6")


def workers(work: Path, files: int) -> None:
    """Compare two workers with one process: their answers for a second of processor time, and their memory."""
    roots = work / "one", work / "two"
    for root in roots:
        fill(root, files // 10, 10)
    with (
        our_index(work / "ours-one", roots[0]) as one,
        our_index(work / "ours-two", roots[1], "--workers", "2") as two,
    ):
        settle(one, two)
        path = "simple/project0/"

        def page(index: RunningIndex, connections: int) -> float:
            before = processor_time(index)
            asked = 2 * wrk(index.url, path, JSON, connections=connections)[0]
            return asked / (processor_time(index) - before)

        numbers = itertools.count()

        def send(index: RunningIndex) -> float:
            client = Client(index.url, (USER, PASSWORD))
            wheels = [make_wheel(work, f"shared_{next(numbers)}") for _ in range(60)]
            before = processor_time(index)
            with ThreadPoolExecutor(6) as threads:
                assert all(answer.status_code == 200 for answer in threads.map(client.upload, wheels))
            return len(wheels) / (processor_time(index) - before)

        for index in (one, two):
            page(index, 8)
        many = in_turn(partial(page, one, 32), partial(page, two, 32))
        few = in_turn(partial(page, one, 4), partial(page, two, 8))  # four for each process, which share its wake-ups
        sent_one, sent_two = in_turn(partial(send, one), partial(send, two))
        alone = memory_share(one.process.pid)
        each = statistics.mean(map(memory_share, workers_of(two)))
    row("pages for each second of processor time, 32 connections, 2 workers, of 1", many[1], many[0], ">= 0.9")
    row("pages for each second of processor time, 4 connections each, 2 workers, of 1", few[1], few[0], ">= 0.9")
    row("uploads for each second of processor time, 2 workers, of 1", sent_two, sent_one, ">= 0.9")
    row(f"memory of each of 2 workers at {files:,} files, of 1 alone", each, alone, "<= 1", " MB")


def processor_time(index: RunningIndex) -> float:
    """Return the seconds of processor time that an index has used, with its workers."""
    ticks = 0
    for pid in (index.process.pid, *workers_of(index)):
        ticks += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_share(pid: int) -> float:
    """Return the megabytes of a process; shared memory counts in parts."""
    line = next(line for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines() if line.startswith("Pss:"))
    return int(line.split()[1]) / 1024


def lists(work: Path, counts: list[int]) -> None:
    for count in counts:
        root, site = work / f"list-{count}", work / f"site-list-{count}"
        fill(root, count, 1)
        with our_index(work / f"ours-list-{count}", root) as index:
            settle(index)
            copy_to_site(index.url, site, {"simple/index.json": ("simple/", JSON)})
            with nginx(work, site, auth=False) as plain:
                ours, other = in_turn(lambda: wrk(index.url, "simple/", JSON)[0], lambda: wrk(plain, "simple/")[0])
                row(f"/simple/ with {count:,} projects, requests/s, of nginx", ours, other, ">= 0.4")


def downloads(work: Path, large: int) -> None:
    root = work / "files"
    root.mkdir()
    (root / "small-1.0.tar.gz").write_bytes(os.urandom(20_000))
    (root / "large-1.0.tar.gz").write_bytes(os.urandom(large))
    (work / "site-files").mkdir()
    (work / "site-files/packages").symlink_to(root)
    site = work / "site-files"
    with (
        our_index(work / "ours-files", root) as index,
        nginx(work, site, auth=False) as plain,
        nginx(work, site, auth=True) as guarded,
    ):
        settle(index)
        small = "packages/small-1.0.tar.gz"
        ours, without, with_password = in_turn(
            lambda: wrk(index.url, small)[0], lambda: wrk(plain, small)[0], lambda: wrk(guarded, small)[0]
        )
        row("a file of 20 KB, requests/s, of nginx", ours, without, ">= 0.6")
        row("a file of 20 KB, requests/s, of nginx auth_basic", ours, with_password, ">= 1.5")
        big = "packages/large-1.0.tar.gz"
        ours, without = in_turn(lambda: wrk(index.url, big, seconds=4)[1], lambda: wrk(plain, big, seconds=4)[1])
        row(f"a file of {large // 10**6} MB, MB/s, of nginx", ours, without, ">= 1")


def bucket(work: Path, large: int) -> None:
    """Compare an index in a bucket with the same one in a folder."""
    folder = work / "bucket"
    root = folder / "packages"
    root.mkdir(parents=True)
    (root / "small-1.0.tar.gz").write_bytes(os.urandom(20_000))
    (root / "large-1.0.tar.gz").write_bytes(os.urandom(large))
    with our_index(folder, root) as index:
        buckets.compare(folder, index, (USER, PASSWORD), (rate, in_turn))


def growth(work: Path, few: int, many: int) -> None:
    """Compare a page of ten files in a small folder and a large one, and starts with an empty and the large one."""
    small, large, empty = work / "few", work / "many", work / "none"
    fill(small, few // 10, 10)
    fill(large, many // 10, 10)
    empty.mkdir()
    with our_index(work / "ours-few", small) as one, our_index(work / "ours-many", large) as other:
        settle(one, other)
        shutil.copy(one.htpasswd, work / "htpasswd")
        with_few, with_many = in_turn(
            lambda: wrk(one.url, "simple/project1/", JSON)[0], lambda: wrk(other.url, "simple/project1/", JSON)[0]
        )
        numbers = itertools.count()

        def send(index: RunningIndex) -> float:
            """Return the seconds that an upload takes, each the first of its project."""
            client = Client(index.url, (USER, PASSWORD))
            wheels = [make_wheel(work, f"new_{next(numbers)}") for _ in range(20)]
            began = time.perf_counter()
            for wheel in wheels:
                assert client.upload(wheel).status_code == 200
            return (time.perf_counter() - began) / len(wheels)

        sent_few, sent_many = in_turn(partial(send, one), partial(send, other))
    row(f"upload at {many:,} files, time, of {few:,} files", sent_many, sent_few, "<= 1.5", " s")
    row(f"page at {many:,} files, time, of {few:,} files", 1 / with_many, 1 / with_few, "<= 1.3", " s")

    def start(folder: Path, root: Path, path: str) -> float:
        (folder / "htpasswd").parent.mkdir(exist_ok=True)
        shutil.copy(work / "htpasswd", folder / "htpasswd")
        began = time.perf_counter()
        with our_index(folder, root) as index:
            requests.get(index.url + path, headers={"Authorization": AUTHORIZATION}, timeout=60).raise_for_status()
            return time.perf_counter() - began

    with_none, with_many = in_turn(
        lambda: start(work / "ours-none", empty, "simple/"),
        lambda: start(work / "ours-many", large, "simple/project1/"),
    )
    row_name = f"start until the first page, {many:,} files, beyond a start without files"
    limit(row_name, with_many - with_none, "<= 0.7", " s")


def adoption(work: Path, size: int) -> None:
    """Time the first page of a project whose files were just copied in, the next, and the first after a restart."""
    root = work / "copied"
    root.mkdir()
    block = os.urandom(size)
    with our_index(work / "ours-copied", root) as index:
        for number in range(10):
            (root / f"copied-1.{number}.tar.gz").write_bytes(block)

        def page(url: str) -> float:
            began = time.perf_counter()
            requests.get(
                f"{url}simple/copied/", headers={"Authorization": AUTHORIZATION}, timeout=600
            ).raise_for_status()
            return time.perf_counter() - began

        first, again = page(index.url), page(index.url)
    with our_index(work / "ours-copied", root) as index:
        restarted = page(index.url)
    row("page of 10 files just copied in, again, of the first", again, first, "<= 0.2", " s")
    row("the same after a restart, of the first", restarted, first, "<= 0.2", " s")


def upload(work: Path, size: int) -> None:
    root = work / "uploads"
    root.mkdir()
    source = make_wheel(work, "heavy", members={"heavy/data": os.urandom(2**20)})
    with zipfile.ZipFile(source, "a", zipfile.ZIP_STORED) as archive:
        block = os.urandom(2**20)
        for number in range(size // 2**20):
            archive.writestr(f"heavy/data{number}", block)
    field = f"sha256_digest={hashlib.sha256(source.read_bytes()).hexdigest()}"
    with our_index(work / "ours-uploads", root) as index:
        requests.get(f"{index.url}simple/", headers={"Authorization": AUTHORIZATION}, timeout=60)
        before = _peak_memory(index.process.pid)

        def ours() -> float:
            for old in root.glob("heavy*"):
                old.unlink()
            shutil.rmtree(root / ".pypi-publish/facts", ignore_errors=True)  # made at the first record
            (root / ".pypi-publish/facts").mkdir(exist_ok=True)
            command = ["curl", "-s", "-f", "-H", f"Authorization: {AUTHORIZATION}", "-F", ":action=file_upload"]
            began = time.perf_counter()
            subprocess.run([*command, "-F", field, "-F", f"content=@{source}", index.url], check=True)
            return time.perf_counter() - began

        def plain() -> float:
            began = time.perf_counter()
            subprocess.run(["sha256sum", str(source)], check=True, stdout=subprocess.DEVNULL)
            subprocess.run(["cp", str(source), str(work / "copy")], check=True)
            return time.perf_counter() - began

        took, other = in_turn(ours, plain)
        row(f"upload of {size // 10**6} MB, speed, of sha256sum + cp", 1 / took, 1 / other, ">= 0.6", "/s")
        grown = (_peak_memory(index.process.pid) - before) / 2**20
        limit("extra memory during the uploads", grown, "<= 64", " MB")
        _pages_meanwhile(index.url, ours)


def _pages_meanwhile(url: str, work: Callable[[], float]) -> None:
    import threading  # noqa: PLC0415

    waits: list[float] = []
    done = threading.Event()

    def ask() -> None:
        with requests.Session() as session:
            while not done.is_set():
                began = time.perf_counter()
                session.get(f"{url}simple/", headers={"Authorization": AUTHORIZATION}, timeout=60).raise_for_status()
                waits.append(time.perf_counter() - began)

    thread = threading.Thread(target=ask)
    thread.start()
    work()
    done.set()
    thread.join()
    median, slowest = statistics.median(waits) * 1000, max(waits) * 1000
    print(f"pages meanwhile: {len(waits)} answered, median {median:.1f} ms, slowest {slowest:.0f} ms")


def _peak_memory(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024  # type: ignore[index]


def misses(work: Path, files: int) -> None:
    """Ask for unknown names while a file is uploaded every second, and without uploads."""
    roots = {name: work / f"misses-{name}" for name in ("ours", "pypiserver")}
    for root in roots.values():
        fill(root, files // 10, 10)
    with our_index(work / "ours-misses", roots["ours"]) as index:
        settle(index)
        shutil.copy(index.htpasswd, work / "htpasswd")
        with pypiserver(work, roots["pypiserver"], "--disable-fallback") as other:
            during, theirs, alone = in_turn(
                lambda: _rate_of_misses(work, index.url),
                lambda: _rate_of_misses(work, other),
                lambda: _rate_of_misses(work, index.url, uploads=False),
            )
    row(f"unknown names during uploads, {files:,} files, of pypiserver", during, theirs, ">= 2", "/s")
    row(f"unknown names during uploads, {files:,} files, of the same without uploads", during, alone, ">= 0.5", "/s")


def misses_of_many(work: Path, files: int) -> None:
    """Ask a large index for unknown names while a file is uploaded every second, and without uploads."""
    fill(work / "misses-of-many", files // 10, 10)
    with our_index(work / "ours-misses-of-many", work / "misses-of-many") as index:
        settle(index)
        during, alone = in_turn(
            lambda: _rate_of_misses(work, index.url), lambda: _rate_of_misses(work, index.url, uploads=False)
        )
    row(f"unknown names during uploads, {files:,} files, of the same without uploads", during, alone, ">= 0.5", "/s")


def _rate_of_misses(work: Path, url: str, *, uploads: bool = True) -> float:
    """Return the answers a second to requests for unknown names, each another one."""
    first = next(_NUMBERS)  # no name is asked for twice
    script = work / "misses.lua"
    name = f'"/simple/no-{first}-" .. n .. "/"'
    script.write_text(f'local n = 0\nrequest = function() n = n + 1; return wrk.format("GET", {name}) end')
    command = ["wrk", "-t1", "-c8", "-d4s", "-s", str(script), "-H", f"Authorization: {AUTHORIZATION}", url]
    with _uploading(url, work) if uploads else nullcontext():
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    answered = int(re.search(r"(\d+) requests in", output)[1])  # type: ignore[index]
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    assert refused is not None, output
    assert int(refused[1]) == answered, output
    return answered / 4


@contextmanager
def _uploading(url: str, work: Path) -> Iterator[None]:
    """Upload a file of a new project every second."""
    ended = Event()

    def send() -> None:
        client = Client(url, (USER, PASSWORD))
        while not ended.is_set():
            assert client.upload(make_wheel(work, f"meanwhile_{time.time_ns()}")).status_code == 200
            ended.wait(1)

    with ThreadPoolExecutor(1) as thread:
        sending = thread.submit(send)
        try:
            yield
        finally:
            ended.set()
        sending.result()


def logins(work: Path, count: int) -> None:
    """Time many first requests at once: all with one new account's password, and each with another account's."""
    root, folder = work / "logins", work / "ours-logins"
    root.mkdir()
    folder.mkdir()
    hashed = hashes.make(PASSWORD)
    names = (f"user{number}" for number in itertools.count())
    accounts = "".join(f"user{number}:{hashed}\n" for number in range(2 * ROUNDS * (2 * count + 2)))
    for htpasswd in (folder / "htpasswd", work / "htpasswd"):
        htpasswd.write_text(accounts)

    def herd(url: str, users: list[str]) -> float:
        """Return the seconds until all are logged in; the connections are open before."""

        def ask(session: requests.Session, user: str) -> None:
            while (answer := session.get(f"{url}simple/", auth=(user, PASSWORD), timeout=600)).status_code == 503:
                time.sleep(int(answer.headers["Retry-After"]))
            answer.raise_for_status()

        sessions = [requests.Session() for _ in users]
        for session in sessions:
            session.get(url, timeout=60)
        with ThreadPoolExecutor(len(users)) as threads:
            began = time.perf_counter()
            list(threads.map(ask, sessions, users))
            return time.perf_counter() - began

    with our_index(folder, root) as index, pypiserver(work, root) as other:
        one, theirs, alone, many, theirs_many = in_turn(
            lambda: herd(index.url, [next(names)] * count),
            lambda: herd(other, [next(names)] * count),
            lambda: herd(index.url, [next(names)]),
            lambda: herd(index.url, [next(names) for _ in range(count)]),
            lambda: herd(other, [next(names) for _ in range(count)]),
        )
    row(f"{count} first logins at once, one account, time, of pypiserver", one, theirs, "<= 0.5", " s")
    row(f"{count} first logins at once, one account, time, of one login", one, alone, "<= 2", " s")
    row(f"{count} first logins at once, {count} accounts, time, of pypiserver", many, theirs_many, "<= 2.5", " s")


def installs(work: Path, count: int) -> None:
    """Time `uv pip install` of many small packages with a cold cache, from our index and from nginx."""
    root, site = work / "small", work / "site-small"
    root.mkdir()
    names = [f"small{number}" for number in range(count)]
    for name in names:
        make_wheel(root, name)
    with our_index(work / "ours-small", root) as index:
        paths = {f"simple/{name}/index.json": (f"simple/{name}/", JSON) for name in names}
        for name in names:
            wheel = f"packages/{name}-1.0-py3-none-any.whl"
            paths |= {wheel: (wheel, "*/*"), f"{wheel}.metadata": (f"{wheel}.metadata", "*/*")}
        copy_to_site(index.url, site, paths)

        def install(url: str) -> float:
            with TemporaryDirectory() as target:
                full = url.replace("://", f"://{USER}:{PASSWORD.replace(' ', '%20')}@") + "simple/"
                command = [
                    UV,
                    "pip",
                    "install",
                    "-q",
                    "--no-cache",
                    "--target",
                    target,
                    "--default-index",
                    full,
                    *names,
                ]
                began = time.perf_counter()
                subprocess.run(command, check=True)
                return time.perf_counter() - began

        with nginx(work, site, auth=False) as plain:
            ours, other = in_turn(lambda: install(index.url), lambda: install(plain))
    row(f"uv pip install of {count} packages, time, of nginx", ours, other, "<= 1.15", " s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the corpus, to try the script")
    parser.add_argument("--only", default="", help="measure only what has this word in its name")
    arguments = parser.parse_args()
    scale = 10 if arguments.quick else 1
    users = HtpasswdFile(default_scheme="apr_md5_crypt")
    users.set_password(USER, PASSWORD)
    with TemporaryDirectory(prefix="benchmark-") as folder:
        work = Path(folder)
        users.save(str(work / "htpasswd"))
        heading()
        measurements: dict[str, Callable[[], None]] = {
            "pages": lambda: pages(work, 10_000 // scale, max(10 // scale, 2)),
            "in turn": lambda: many_pages(work, 1_000 // scale),
            "workers": lambda: workers(work, 10_000 // scale),
            "tokens": lambda: tokens(work),
            "logs": lambda: logs(work),
            "lists": lambda: lists(work, [1_000 // scale, 10_000 // scale]),
            "downloads": lambda: downloads(work, 100_000_000 // scale),
            "bucket": lambda: bucket(work, 100_000_000 // scale),
            "growth": lambda: growth(work, 1_000 // scale, 100_000 // scale),
            "adoption": lambda: adoption(work, 100_000_000 // scale),
            "upload": lambda: upload(work, 500_000_000 // scale),
            "misses": lambda: misses(work, 10_000 // scale),
            "misses of many": lambda: misses_of_many(work, 100_000 // scale),
            "logins": lambda: logins(work, 16),
            "installs": lambda: installs(work, 50),
        }
        for name, measure in measurements.items():
            if arguments.only in name:
                measure()
    versions = {"python": sys.version.split()[0], "cores": os.cpu_count()}
    print(json.dumps(versions))


if __name__ == "__main__":
    main()
