"""A public index on loopback, whose pages, metadata and files can each be made to fail in every known way."""

import gzip
import hashlib
import json
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.helpers.dists import make_wheel, metadata

JSON = "application/vnd.pypi.simple.v1+json"
PROXIED = "http://upstream.invalid/"
"""Requests of a client that uses the fake index as its proxy."""

SIGN_IN = b"<!DOCTYPE html><html><body><form><a href='/help'>Sign in</a> to the network</form></body></html>"

FAULTS = (
    "500",
    "503",
    "404",
    "slow",
    "truncated",
    "garbage",
    "sign-in page",
    "wrong content type",
    "wrong digest",
    "wrong size",
    "refused",
    "redirect loop",
    "other host",
)


@dataclass
class PublicFile:
    """A file of the fake index; ``uploaded`` is its time in RFC 3339, None for none."""

    filename: str
    data: bytes
    metadata: bytes | None = None
    uploaded: str | None = "2024-01-01T00:00:00.000000Z"
    extra: dict[str, Any] = field(default_factory=dict)
    fixed_path: str = ""
    """Where the file is, whatever its bytes become."""

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def path(self) -> str:
        return self.fixed_path or f"/packages/{self.sha256[:2]}/{self.sha256[2:8]}/{self.filename}"


class FakeUpstream:
    """Projects, faults by kind (``page``, ``metadata``, ``file``), and every request in order."""

    def __init__(self) -> None:
        self.url = ""
        self.projects: dict[str, list[PublicFile]] = {}
        self.page_extra: dict[str, dict[str, Any]] = {}
        self.faults: dict[str, str] = {}
        self.requests: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.cache_control = "max-age=600, public"
        self.html = False
        self.gate = threading.Event()
        """The second half of every file waits for it."""
        self.gate.set()
        self.ended = threading.Event()
        self.lock = threading.Lock()

    def add(self, folder: Path, name: str, version: str = "1.0", **options: Any) -> PublicFile:
        """Add a release with one wheel, whose metadata is offered."""
        described = options.pop("metadata_bytes", None) or metadata(name, version)
        members = {f"{name}/data.bin": options.pop("data")} if "data" in options else None
        wheel = make_wheel(folder, name, version, metadata_bytes=described, members=members)
        file = PublicFile(wheel.name, wheel.read_bytes(), described, **options)
        self.projects.setdefault(name.replace("_", "-"), []).append(file)
        return file

    def count(self, kind: str) -> int:
        """Return the number of requests for pages, metadata or files."""
        return Counter(map(kind_of, self.requests))[kind]

    def headers_of(self, kind: str) -> list[dict[str, str]]:
        """Return the headers of the requests for pages, metadata or files."""
        with self.lock:
            asked = list(zip(self.requests, self.headers, strict=True))
        return [headers for path, headers in asked if kind_of(path) == kind]

    def page(self, name: str) -> dict[str, Any]:
        files = [self.entry(file) for file in self.projects[name]]
        versions = sorted({file["filename"].split("-")[1] for file in files})
        return {
            "meta": {"api-version": "1.4"},
            "name": name,
            "versions": versions,
            "files": files,
            **self.page_extra.get(name, {}),
        }

    def entry(self, file: PublicFile) -> dict[str, Any]:
        found: dict[str, Any] = {
            "filename": file.filename,
            "url": self.url.rstrip("/") + file.path,
            "hashes": {"sha256": file.sha256},
            "size": len(file.data),
            "requires-python": None,
            "yanked": False,
        }
        if file.uploaded is not None:
            found["upload-time"] = file.uploaded
        if file.metadata is not None:
            found["core-metadata"] = {"sha256": hashlib.sha256(file.metadata).hexdigest()}
        return {**found, **file.extra}

    def body_of(self, path: str) -> tuple[bytes, str] | None:
        """Return the normal answer for a path, and its content type."""
        if path.startswith("/simple/"):
            name = path.removeprefix("/simple/").strip("/")
            if name not in self.projects:
                return None
            if self.html:
                return self.html_page(name), "text/html"
            return json.dumps(self.page(name)).encode(), JSON
        plain = path.removesuffix(".metadata")
        for file in (file for files in self.projects.values() for file in files):
            if file.path == plain:
                if plain == path:
                    return file.data, "application/octet-stream"
                return (file.metadata, "text/plain") if file.metadata is not None else None
        return None

    def html_page(self, name: str) -> bytes:
        anchors = "".join(
            f'<a href="../..{file.path}#sha256={file.sha256}">{file.filename}</a>' for file in self.projects[name]
        )
        return f"<!DOCTYPE html><html><body>{anchors}</body></html>".encode()


def kind_of(path: str) -> str:
    """Return the purpose of a path."""
    if path.startswith("/simple/"):
        return "page"
    return "metadata" if path.endswith(".metadata") else "file"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    fake: FakeUpstream

    def handle_error(self, *arguments: object) -> None:
        """Print nothing: clients that break off are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def fake(self) -> FakeUpstream:
        assert isinstance(self.server, _Server)
        return self.server.fake

    def do_GET(self) -> None:
        path = self.path.removeprefix("/elsewhere")
        if path.startswith(PROXIED):
            path = path.removeprefix(PROXIED.rstrip("/"))
        with self.fake.lock:
            self.fake.requests.append(path)
            self.fake.headers.append({name.lower(): value for name, value in self.headers.items()})
        kind = kind_of(path)
        fault = self.fake.faults.get(kind, "")
        found = self.fake.body_of(path)
        if fault and not (fault == "other host" and self.path.startswith("/elsewhere")):
            self._fail(fault, path, *(found or (b"", "text/plain")))
        elif found is None:
            self._send(404, b"no such thing", "text/plain")
        elif kind == "page":
            self._send_page(*found)
        else:
            self._send_file(kind, *found)

    def _send_page(self, body: bytes, content_type: str) -> None:
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        headers = {"ETag": etag, "Cache-Control": self.fake.cache_control}
        if self.headers.get("If-None-Match") == etag:
            self._begin(304, None, content_type, headers)
        else:
            packed = gzip.compress(body, mtime=0)
            self._send(200, packed, content_type, {**headers, "Content-Encoding": "gzip"})

    def _send_file(self, kind: str, body: bytes, content_type: str) -> None:
        self._begin(200, len(body), content_type)
        half = len(body) // 2 if kind == "file" else len(body)
        self.wfile.write(body[:half])
        if half < len(body):
            self.wfile.flush()
            self.fake.gate.wait(20)
            self.wfile.write(body[half:])

    def _fail(self, fault: str, path: str, body: bytes, content_type: str) -> None:
        other = self.fake.url.replace("127.0.0.1", "localhost").rstrip("/")
        sent: dict[str, tuple[int, bytes, str] | tuple[int, bytes, str, dict[str, str]]] = {
            "500": (500, b"an error page", "text/html"),
            "503": (503, b"an error page", "text/html"),
            "404": (404, b"an error page", "text/html"),
            "garbage": (200, bytes(reversed(body)), content_type),
            "sign-in page": (200, SIGN_IN, "text/html"),
            "wrong content type": (200, body, "text/html"),
            "wrong digest": (200, body[:-1] + bytes([body[-1] ^ 1]) if body else b"", content_type),
            "wrong size": (200, body + b"more", content_type),
            "redirect loop": (302, b"", "text/plain", {"Location": self.path}),
            "other host": (302, b"", "text/plain", {"Location": f"{other}/elsewhere{path}"}),
        }
        if fault in sent:
            self._send(*sent[fault])
            return
        self.close_connection = True
        if fault == "slow":
            self.fake.ended.wait(20)
        elif fault == "truncated":
            self._begin(200, len(body), content_type)
            self.wfile.write(body[: len(body) // 2])
        else:
            assert fault == "refused"

    def _send(self, status: int, body: bytes, content_type: str, headers: dict[str, str] | None = None) -> None:
        self._begin(status, len(body), content_type, headers)
        self.wfile.write(body)

    def _begin(self, status: int, length: int | None, content_type: str, headers: dict[str, str] | None = None) -> None:
        self.send_response_only(status)
        for name, value in {"Content-Type": content_type, **(headers or {})}.items():
            self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Print nothing."""


@contextmanager
def fake_upstream(tls: ssl.SSLContext | None = None) -> Iterator[FakeUpstream]:
    """Serve a fake index on a free port."""
    server = _Server(("127.0.0.1", 0), _Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    fake = server.fake = FakeUpstream()
    fake.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}/"
    thread = threading.Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    try:
        yield fake
    finally:
        fake.gate.set()
        fake.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()
