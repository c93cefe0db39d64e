"""
Install 79 packages and download 100 MB through this index, nginx, devpi and proxpi, from a public index 20 ms away.

Needs nginx and wrk (Debian: nginx, wrk); devpi-server and proxpi are installed into a virtual environment of its own.
Usage: python benchmarks/upstream.py [--venv DIR] [--only WORD]
"""

import argparse
import asyncio
import base64
import gzip
import hashlib
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urljoin, urlsplit

sys.path.insert(0, str(Path(__file__).parents[1]))

import uvloop

from benchmarks.tables import limit
from tests.helpers.dists import make_wheel, metadata
from tests.helpers.http import JSON
from tests.helpers.index import RunningIndex

PACKAGES = 79
DISTANCE = 0.02
"""Seconds between a request's arrival and its answer."""

ROUNDS = 5
"""How often direct, cold and warm are measured in turn, for the median of their ratios."""

LINE = 125 * 10**6
"""Bytes a second that upstream sends to one client: a gigabit line."""

BIG = 100 * 2**20
UV = str(Path(sys.executable).with_name("uv"))


class Corpus:
    """79 packages that need each other, with pages as long as those of real projects, and one large wheel."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        random.seed(7)
        self.names = [f"package-{number}" for number in range(PACKAGES)]
        self.bodies: dict[str, tuple[bytes, str, str]] = {}
        """Body, content type and tag of every path."""
        self.private: list[Path] = []
        for number, name in enumerate(self.names):
            needs = "".join(
                f"Requires-Dist: {self.names[each]}\n" for each in (2 * number + 1, 2 * number + 2) if each < PACKAGES
            )
            size = random.choice([20_000, 40_000, 80_000, 200_000, 600_000])
            self._add(folder, name, needs, os.urandom(size), random.choice([20, 40, 60, 100, 160, 250, 400, 1500]))
        self._add(folder, "small", "", os.urandom(19_000), 40)
        self._add(folder, "large", "", os.urandom(BIG), 5)
        listed = {
            "meta": {"api-version": "1.4"},
            "projects": [{"name": each} for each in (*self.names, "small", "large")],
        }
        self.bodies["/simple/"] = json.dumps(listed).encode(), JSON, "all"  # devpi and proxpi ask for all names
        self.large = next(path for path in self.bodies if path.endswith(".whl") and "large" in path)
        self.small = next(path for path in self.bodies if path.endswith(".whl") and "small" in path)

    def _add(self, folder: Path, name: str, needs: str, data: bytes, history: int) -> None:
        module = name.replace("-", "_")
        described = metadata(module, "1.0", needs)
        wheel = make_wheel(folder, module, "1.0", metadata_bytes=described, members={f"{module}/data": data})
        self.private.append(wheel)
        body = wheel.read_bytes()
        digest = hashlib.sha256(body).hexdigest()
        path = f"/packages/{digest[:2]}/{digest[2:4]}/{digest[4:]}/{wheel.name}"
        self.bodies[path] = body, "application/octet-stream", digest
        self.bodies[f"{path}.metadata"] = described, "application/octet-stream", digest
        entries = [_older(module, number) for number in range(history)]
        entries.append(_entry(path, wheel.name, digest, len(body), hashlib.sha256(described).hexdigest()))
        self.bodies[f"/simple/{name}/"] = _page(name, entries), JSON, digest[:16]


def _entry(path: str, filename: str, digest: str, size: int, described: str) -> dict[str, Any]:
    return {
        "core-metadata": {"sha256": described},
        "data-dist-info-metadata": {"sha256": described},
        "filename": filename,
        "hashes": {"sha256": digest},
        "provenance": None,
        "requires-python": ">=3.8",
        "size": size,
        "upload-time": "2024-05-01T12:00:00.000000Z",
        "url": f"http://HOST{path}",
        "yanked": False,
    }


def _older(module: str, number: int) -> dict[str, Any]:
    digest = f"{random.getrandbits(256):064x}"
    filename = f"{module}-0.{number // 2}-py3-none-any.whl" if number % 2 else f"{module}-0.{number // 2}.tar.gz"
    path = f"/packages/{digest[:2]}/{digest[2:4]}/{digest[4:]}/{filename}"
    return _entry(path, filename, digest, random.randrange(10_000, 10_000_000), f"{random.getrandbits(256):064x}")


def _page(name: str, entries: list[dict[str, Any]]) -> bytes:
    versions = sorted({entry["filename"].split("-")[1].removesuffix(".tar.gz") for entry in entries})
    page = {"meta": {"_last-serial": 1, "api-version": "1.4"}, "name": name, "versions": versions, "files": entries}
    return json.dumps({**page, "project-status": {"status": "active"}}).encode()


class PublicIndex(asyncio.Protocol):
    """One connection to the fake index."""

    corpus: Corpus
    requests: list[str]
    host = ""
    distance = DISTANCE

    def connection_made(self, transport: Any) -> None:
        self._transport: asyncio.Transport = transport
        self._received = b""
        self._writable = asyncio.Event()
        self._writable.set()
        self._sending: asyncio.Task[None] | None = None

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            asyncio.get_running_loop().call_later(self.distance, self._answer, head.decode("latin-1"))

    def _answer(self, head: str) -> None:
        if self._transport.is_closing():
            return
        path = head.split(" ")[1]
        self.requests.append(path)
        found = self.corpus.bodies.get(path)
        if found is None:
            self._transport.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            return
        body, kind, tag = found
        headers = f'Content-Type: {kind}\r\nETag: "{tag}"\r\nCache-Control: max-age=600, public\r\n'
        if f'if-none-match: "{tag}"' in head.lower():
            self._transport.write(f"HTTP/1.1 304 Not Modified\r\n{headers}\r\n".encode())
            return
        if kind == JSON:
            body = body.replace(b"http://HOST", self.host.encode())
            if "text/html" in head and JSON not in head:
                body, headers = _as_html(body), headers.replace(JSON, "text/html")
            if "gzip" in head:
                body, headers = _zipped(body), headers + "Content-Encoding: gzip\r\n"
        self._transport.write(f"HTTP/1.1 200 OK\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode())
        if len(body) < 2**20:
            self._transport.write(body)
        else:
            self._sending = asyncio.ensure_future(self._send_slowly(memoryview(body)))

    async def _send_slowly(self, body: memoryview) -> None:
        begun = time.perf_counter()
        for offset in range(0, len(body), 2**17):
            await asyncio.sleep(begun + offset / LINE - time.perf_counter())
            await self._writable.wait()
            self._transport.write(body[offset : offset + 2**17])


_ZIPPED: dict[int, bytes] = {}


def _zipped(body: bytes) -> bytes:
    return _ZIPPED.setdefault(hash(body), gzip.compress(body, 6))


def _as_html(body: bytes) -> bytes:
    links = [
        f'<a href="{entry["url"]}#sha256={entry["hashes"]["sha256"]}" data-core-metadata="sha256='
        f'{entry["core-metadata"]["sha256"]}" data-requires-python="&gt;=3.8">{entry["filename"]}</a><br>'
        for entry in json.loads(body).get("files", [])
    ]
    links += [f'<a href="{each["name"]}/">{each["name"]}</a>' for each in json.loads(body).get("projects", [])]
    mark = '<meta name="pypi:repository-version" content="1.4">'
    return f"<!DOCTYPE html><html><head>{mark}</head><body>{''.join(links)}</body></html>".encode()


@contextmanager
def public_index(corpus: Corpus, distance: float = DISTANCE) -> Iterator[tuple[str, list[str]]]:
    """Serve the corpus in a process of its own; yield the URL, and the counter of its requests."""
    port = _free_port()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        with suppress(BaseException):
            PublicIndex.distance = distance
            _serve(corpus, port, writer)
        os._exit(0)
    os.close(writer)
    requests: list[str] = []

    def listen() -> None:
        with os.fdopen(reader) as lines:
            for line in lines:
                requests.append(line.strip())  # noqa: PERF401 - each when it comes

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    _wait_for(port)
    try:
        yield f"http://127.0.0.1:{port}", requests
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _serve(corpus: Corpus, port: int, log: int) -> None:
    class Log(list[str]):
        def append(self, path: str) -> None:
            os.write(log, f"{path}\n".encode())

    PublicIndex.corpus, PublicIndex.requests, PublicIndex.host = corpus, Log(), f"http://127.0.0.1:{port}"
    for body, kind, _ in corpus.bodies.values():
        if kind == JSON:
            _zipped(body.replace(b"http://HOST", PublicIndex.host.encode()))

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(PublicIndex, "127.0.0.1", port, backlog=512)
        await server.serve_forever()

    uvloop.run(run())


def _free_port() -> int:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        return int(reserved.getsockname()[1])


def _wait_for(port: int) -> None:
    for _ in range(600):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise AssertionError(f"nothing listens on {port}")


@contextmanager
def ours(folder: Path, upstream: str, corpus: Corpus) -> Iterator[tuple[str, int]]:
    packages = folder / "packages"
    packages.mkdir(parents=True)
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


@contextmanager
def _running(command: list[str], port: int, env: dict[str, str] | None = None) -> Iterator[int]:
    process = subprocess.Popen(
        command, env={**os.environ, **(env or {})}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(port)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


@contextmanager
def nginx(folder: Path, upstream: str, _: Corpus) -> Iterator[tuple[str, int]]:
    """Run nginx with a cache, and the links rewritten to itself."""
    port = _free_port()
    folder.mkdir()
    (folder / "nginx.conf").write_text(f"""
        daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log; user root;
        events {{ worker_connections 512; }}
        http {{
            access_log off; sendfile on; keepalive_requests 1000000000;
            client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
            uwsgi_temp_path {folder}; scgi_temp_path {folder};
            proxy_cache_path {folder}/cache keys_zone=all:10m max_size=10g inactive=7d use_temp_path=off;
            upstream public {{ server {urlsplit(upstream).netloc}; keepalive 32; }}
            server {{
                listen 127.0.0.1:{port} reuseport;
                proxy_cache all; proxy_cache_valid 200 10m; proxy_cache_lock on; proxy_http_version 1.1;
                proxy_set_header Connection ""; proxy_set_header Accept-Encoding ""; proxy_cache_key "$uri$http_accept";
                location / {{ proxy_pass http://public; }}
                location /simple/ {{
                    proxy_pass http://public; sub_filter_once off; sub_filter_types *;
                    sub_filter '{upstream}' 'http://127.0.0.1:{port}';
                }}
            }}
        }}
    """)
    with _running(["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")], port) as pid:
        yield f"http://127.0.0.1:{port}/", pid


def proxpi(venv: Path) -> Callable[..., Any]:
    @contextmanager
    def run(folder: Path, upstream: str, _: Corpus) -> Iterator[tuple[str, int]]:
        port = _free_port()
        folder.mkdir()
        env = {
            "PROXPI_INDEX_URL": f"{upstream}/simple/",
            "PROXPI_CACHE_DIR": str(folder),
            "PROXPI_CACHE_SIZE": "10000000000",
        }
        command = [
            str(venv / "bin/gunicorn"),
            "--preload",
            "--threads",
            "12",
            "-b",
            f"127.0.0.1:{port}",
            "proxpi.server:app",
        ]
        with _running(command, port, env) as pid:
            yield f"http://127.0.0.1:{port}/index/", pid

    return run


def devpi(venv: Path) -> Callable[..., Any]:
    @contextmanager
    def run(folder: Path, upstream: str, _: Corpus) -> Iterator[tuple[str, int]]:
        port = _free_port()
        subprocess.run(
            [venv / "bin/devpi-init", "--serverdir", folder],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        command = [str(venv / "bin/devpi-server"), "--serverdir", str(folder), "--port", str(port)]
        with _running(command, port, {"PIP_INDEX_URL": f"{upstream}/simple/"}) as pid:
            _create_mirror(f"http://127.0.0.1:{port}", f"{upstream}/simple/")
            yield f"http://127.0.0.1:{port}/root/public/+simple/", pid

    return run


def _create_mirror(url: str, upstream: str) -> None:
    def ask(method: str, path: str, values: dict[str, Any], headers: dict[str, str]) -> Any:
        request = urllib.request.Request(
            url + path, json.dumps(values).encode(), {"Content-Type": "application/json", **headers}, method=method
        )
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read())

    token = ask("POST", "/+login", {"user": "root", "password": ""}, {})["result"]["password"]
    auth = {"X-Devpi-Auth": base64.b64encode(f"root:{token}".encode()).decode()}
    values = {"type": "mirror", "mirror_url": upstream, "mirror_web_url_fmt": "", "volatile": True}
    ask("PUT", "/root/public", values, auth)


def install(index: str, folder: Path) -> float:
    """Install the packages with uv, which has nothing in its own cache; return the seconds."""
    shutil.rmtree(folder, ignore_errors=True)
    begun = time.perf_counter()
    subprocess.run(
        [UV, "pip", "install", "-q", "--no-cache", "--target", folder, "--default-index", index, "package-0"],
        check=True,
        env={**os.environ, "UV_CONCURRENT_DOWNLOADS": "50"},
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


def wrk(url: str, accept: str = JSON) -> float:
    """Return requests a second."""
    command = ["wrk", "-t1", "-c8", "-d2s", "-H", f"Accept: {accept}", "-H", "Accept-Encoding: gzip", url]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in output, output
    return float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])  # type: ignore[index]


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
        limit(what, value, bound, unit)
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
    """The seconds of one round: direct, from an index beside it without any distance, and through this index."""

    direct: float
    near: float
    cold: float
    warm: float


def measure_rounds(place: "Place", near: str) -> dict[str, float]:
    """Measure direct, cold and warm in turn, because a machine is not equally fast for long; return the medians."""
    work, requests, rounds = place.work, place.requests, list[Round]()
    for number in range(ROUNDS):
        folder = work / f"round-{number}"
        with ours(folder, place.upstream, place.corpus) as (url, pid):
            direct = install(f"{place.upstream}/simple/", work / "target")
            requests.clear()
            cold = install(f"{url}simple/", work / "target")
            time.sleep(0.3)
            asked = len(requests)
            rss = memory(pid)
            direct = (direct + install(f"{place.upstream}/simple/", work / "target")) / 2
            requests.clear()
            warm = min(install(f"{url}simple/", work / "target") for _ in range(2))
            again = len(requests)
            rounds.append(Round(direct, install(f"{near}/simple/", work / "target"), cold, warm))
        shutil.rmtree(folder)
    seconds = {name: median(getattr(each, name) for each in rounds) for name in ("direct", "near", "cold", "warm")}
    row(f"direct: uv pip install of {PACKAGES} packages", seconds["direct"], "s")
    row("this index: the same, cold", seconds["cold"], "s")
    row("this index: the same, warm", seconds["warm"], "s")
    row("  cold, of direct", median(each.cold / each.direct for each in rounds), "", "<= 1.5")
    row("  warm, of direct", median(each.warm / each.direct for each in rounds), "", "<= 0.6")
    row(
        "  upstream 0 ms away, of direct: what no cache can be below",
        median(each.near / each.direct for each in rounds),
        "",
    )
    row("  requests cold", asked, "", f"= {3 * PACKAGES}")
    row("  requests warm", again, "", "= 0")
    row(f"  memory after the {PACKAGES} packages", rss, "MB", "<= 80")
    return seconds


def measure_ours(place: "Place") -> dict[str, float]:
    work, upstream, requests, corpus = place.work, place.upstream, place.requests, place.corpus
    with ours(work / "ours", upstream, corpus) as (url, pid):
        install(f"{url}simple/", work / "target")
        public = wrk(f"{url}simple/package-5/")
        private = wrk(f"{url}simple/private-package-5/")
        row("  cached page", public, "/s")
        row("  cached page, of a private page", public / private, "", ">= 0.65")
        small, own = (
            file_url(f"{url}simple/", "small-1.0-py3-none-any.whl"),
            f"{url}packages/private_small-1.0-py3-none-any.whl",
        )
        fetch(small)
        files, private_files = wrk(small, "*/*"), wrk(own, "*/*")
        row("  20 kB file", files, "/s")
        row("  20 kB file, of a private one", files / private_files, "", ">= 0.8")
        _large_file(url, pid, Place(work, upstream, requests, corpus))
    return {"page": public}


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
    row("  memory more during ten downloads", highest[0] - before, "MB", "<= 30")
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
                found = measure_rounds(place, near)
            found |= measure_ours(place)
            peers = {"nginx": nginx, "proxpi": proxpi(venv), "devpi": devpi(venv)}
            for name, peer in peers.items():
                if options.only in name:
                    _measure_peer(name, peer, place, found)


def _measure_peer(name: str, peer: Callable[..., Any], place: Place, found: dict[str, float]) -> None:
    requests, large = place.requests, place.corpus.large
    try:
        with peer(place.work / name, place.upstream, place.corpus) as (url, _):
            index = url if name != "nginx" else f"{url}simple/"
            cold, warm, _, _ = measure_installation(name, index, requests, place.work)
            page = wrk(f"{index}package-5/", f"{JSON}, text/html;q=0.1")
            row(f"{name}: cached page", page, "/s")
            requests.clear()
            row(f"{name}: ten at once: first byte", 1000 * ten_at_once(file_url(index, Path(large).name)), "ms")
            row(f"{name}: ten at once: downloads", requests.count(large), "")
            row("  this index's cold installation, of this one's", found["cold"] / cold, "")
            row("  this index's warm installation, of this one's", found["warm"] / warm, "")
            bound = ">= 25" if name == "proxpi" else ""
            row("  this index's cached page, times", found["page"] / page, "", bound)
    except (OSError, subprocess.CalledProcessError, AssertionError) as error:
        print(f"{name}: could not be measured: {error}", flush=True)


def _make_venv(work: Path) -> Path:
    venv = work / "venv"
    subprocess.run([UV, "venv", "-q", "--no-project", venv], check=True)
    command = [UV, "pip", "install", "-q", "--python", str(venv / "bin/python"), "devpi-server", "proxpi", "gunicorn"]
    subprocess.run(command, check=True)
    return venv


if __name__ == "__main__":
    main()
