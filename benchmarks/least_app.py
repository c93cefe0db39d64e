"""
The least index that has this one's promises and libraries, for a known account: `floors.py` measures what it takes.

Beyond `least_index.py`: uvicorn, python-multipart and packaging's names; deleted files keep their names; a file never
replaces another; the account that publishes a project first maintains it; its record and all lists are as durable as
the file, and other processes may write too.
No rights, no limits, and empty pages. Usage: python benchmarks/least_app.py ROOT prints the port that it listens on;
with ``--besides MILLISECONDS``, each upload takes so much more processor time, as for rights and limits.
"""

import argparse
import fcntl
import hashlib
import io
import json
import os
import socket
import sys
import time
import zipfile
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from packaging.metadata import parse_email
from packaging.utils import canonicalize_name, parse_wheel_filename
from python_multipart.multipart import MultipartParser, parse_options_header

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.least_index import sync_folder
from publisher.server.work.nearby import NearbyThreads

Send = Callable[[dict[str, Any]], Awaitable[None]]

EMPTY = b'{"meta":{"api-version":"1.1"},"projects":[],"files":[]}'
"""The list of all projects, and the page of each of them."""

ACCOUNT = "ada"
LISTS = ("names", "state")
"""The lists of the names of all projects: in the folder, and a second one, by which a lost folder is noticed."""


class Form:
    """The fields of one form, and its file."""

    def __init__(self, content_type: bytes) -> None:
        self.fields: dict[str, bytes] = {}
        self.filename = ""
        self._header: list[bytes] = []
        self._parts: list[bytes] = []
        self._name = ""
        boundary = parse_options_header(content_type)[1][b"boundary"]
        self.parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_value": lambda data, start, end: self._header.append(data[start:end]),
                "on_header_end": lambda: self._header.append(b"\n"),
                "on_headers_finished": self._headers_finished,
                "on_part_data": lambda data, start, end: self._parts.append(data[start:end]),
                "on_part_end": self._end,
            },
        )

    def _begin(self) -> None:
        self._header, self._parts = [], []

    def _headers_finished(self) -> None:
        disposition = b"".join(self._header).partition(b"\n")[0]  # the first header, as all clients send it
        options = parse_options_header(disposition)[1]
        self._name = options[b"name"].decode()
        if b"filename" in options:
            self.filename = options[b"filename"].decode()

    def _end(self) -> None:
        self.fields[self._name] = b"".join(self._parts)


class Place:
    """A package folder, and the lists, records and audit trail beside it."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        for folder in ("files", "records", "deleted"):
            (root / folder).mkdir()
        self._names: set[str] = set()

    def take(self, form: Form) -> None:
        """Store a file durably; raise ValueError for one that contradicts its name, digest or metadata."""
        data = form.fields["content"]
        name, version, _, _ = parse_wheel_filename(form.filename)
        digest = hashlib.sha256(data).hexdigest()
        if digest != form.fields["sha256_digest"].decode():
            raise ValueError("the digest differs")
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.namelist()
            entry = next(entry for entry in members if entry.endswith(".dist-info/METADATA"))
            described, _ = parse_email(archive.read(entry))
        if canonicalize_name(described["name"]) != name or described["version"] != str(version):
            raise ValueError("the metadata differs")
        if form.filename in self._deleted(name):
            raise ValueError("the file was deleted")
        if name not in self._names:
            for each in LISTS:
                self._append(each, {"name": name})
            self._append("maintainers", {"name": name, "account": ACCOUNT})
            self._names.add(name)
        self._create(form.filename, data, f"records/{name}", {"file": form.filename, "sha256": digest})
        self._append("audit", {"event": "upload", "project": name, "sha256": digest})

    def _deleted(self, project: str) -> Iterable[str]:
        try:
            return os.listdir(f"{self._root}/deleted/{project}")  # noqa: PTH208 - less than an object for the path
        except FileNotFoundError:
            return ()

    def _create(self, filename: str, data: bytes, record: str, known: dict[str, str]) -> None:
        """Give a complete file its name, with its record before it; raise FileExistsError if the name is taken."""
        folder = f"{self._root}/files"
        file = os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o644)
        try:
            os.write(file, data)
            os.fsync(file)
            self._append(record, known)
            os.link(f"/proc/self/fd/{file}", f"{folder}/{filename}", src_dir_fd=file)
        finally:
            os.close(file)
        sync_folder(folder)

    def _append(self, log: str, line: dict[str, str]) -> None:
        """Add a line durably, alone among all processes."""
        file = os.open(f"{self._root}/{log}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            os.write(file, json.dumps(line).encode() + b"\n")
            os.fsync(file)
        finally:
            os.close(file)


class App:
    """Uploads over ASGI."""

    def __init__(self, place: Place, besides: float) -> None:
        self._place = place
        self._besides = besides / 1000
        self._threads = NearbyThreads()
        self._threads.tick()

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Send,
    ) -> None:
        if scope["method"] == "GET":
            await _answer(send, 200, EMPTY)
            return
        form = Form(next(value for name, value in scope["headers"] if name == b"content-type"))
        more = True
        while more:
            message = await receive()
            form.parser.write(message["body"])
            more = message["more_body"]
        status = 200
        end = time.perf_counter() + self._besides
        while time.perf_counter() < end:
            pass
        try:
            await self._threads.run(partial(self._place.take, form))
        except (ValueError, FileExistsError):
            status = 400
        await _answer(send, status, b"")


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--besides", type=float, default=0.0)
    arguments = parser.parse_args()
    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    app = App(Place(arguments.root), arguments.besides)
    settings = uvicorn.Config(
        app, lifespan="off", access_log=False, log_level="warning", loop="uvloop", http="httptools"
    )
    uvicorn.Server(settings).run([listening])


if __name__ == "__main__":
    main()
