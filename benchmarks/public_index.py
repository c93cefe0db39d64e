"""A fake public index in a process of its own, some milliseconds away: real wheels, and pages of realistic length."""

import asyncio
import gzip
import hashlib
import json
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import uvloop

from tests.helpers.dists import make_wheel, metadata
from tests.helpers.http import JSON

PACKAGES = 79
DISTANCE = 0.02
"""Seconds between a request's arrival and its answer."""

LINE = 125 * 10**6
"""Bytes a second that upstream sends to one client: a gigabit line."""

BIG = 100 * 2**20


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
    port = free_port()
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
    wait_for(port)
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


def free_port() -> int:
    """Return a port of loopback that is free now."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        return int(reserved.getsockname()[1])


def wait_for(port: int) -> None:
    """Return when something listens on a port."""
    for _ in range(600):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise AssertionError(f"nothing listens on {port}")
