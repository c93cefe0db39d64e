"""
The least that an index in Python has to do for an upload: receive, hash, read metadata, write durably, log, answer.

No rights, no rules, no records, no pages: `floors.py` measures what is left.
Usage: python benchmarks/least_index.py ROOT prints the port that it listens on.
"""

import argparse
import asyncio
import hashlib
import io
import json
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import httptools
import uvloop
from packaging.metadata import parse_email

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
THREADS = 4


class Place:
    """A folder with one subfolder for each project, and the audit trail."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._trail = os.open(root / "audit.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def take(self, content_type: bytes, body: bytes) -> None:
        """Store a file durably; raise ValueError for one that differs from its digest or from its metadata."""
        fields = _fields(content_type, body)
        data, name = fields["content"], fields["name"].decode()
        digest = hashlib.sha256(data).hexdigest()
        if digest != fields["sha256_digest"].decode():
            raise ValueError("the digest differs")
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entry = next(entry for entry in archive.namelist() if entry.endswith(".dist-info/METADATA"))
            described, _ = parse_email(archive.read(entry))
        if described["name"] != name or described["version"] != fields["version"].decode():
            raise ValueError("the metadata differs")
        folder = f"{self._root}/{name}"
        try:
            os.mkdir(folder)  # noqa: PTH102 - less than an object for the path
        except FileExistsError:
            pass
        else:
            sync_folder(self._root)
        target = f"{folder}/{digest}.whl"
        file = os.open(f"{target}.new", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(file, data)
            os.fsync(file)
        finally:
            os.close(file)
        os.rename(f"{target}.new", target)  # noqa: PTH104
        sync_folder(folder)
        os.write(self._trail, (json.dumps({"event": "upload", "project": name, "sha256": digest}) + "\n").encode())
        os.fsync(self._trail)


def sync_folder(folder: str) -> None:
    """Make new names in a folder durable."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _fields(content_type: bytes, body: bytes) -> dict[str, bytes]:
    boundary = b"\r\n--" + content_type.partition(b"boundary=")[2]
    found = {}
    for part in (b"\r\n" + body).split(boundary)[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        found[head.partition(b'name="')[2].partition(b'"')[0].decode()] = value
    return found


class Connection(asyncio.Protocol):
    """One client, whose requests are uploads, one after the other."""

    def __init__(self, place: Place, threads: ThreadPoolExecutor) -> None:
        self._place = place
        self._threads = threads
        self._parser = httptools.HttpRequestParser(self)
        self._type = b""
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports are no subclass

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"content-type":
            self._type = value

    def on_body(self, data: bytes) -> None:
        self._body.append(data)

    def on_message_complete(self) -> None:
        body, self._body = b"".join(self._body), []
        stored = asyncio.get_running_loop().run_in_executor(self._threads, self._place.take, self._type, body)
        stored.add_done_callback(self._answer)

    def _answer(self, stored: "asyncio.Future[None]") -> None:
        if stored.exception() is None:
            self._transport.write(ANSWER)
        else:
            self._transport.write(ANSWER.replace(b"200 OK", b"400 Bad Request"))


async def serve(root: Path) -> None:
    """Listen on a free port of this machine, and print it."""
    place = Place(root)
    with ThreadPoolExecutor(THREADS) as threads:
        server = await asyncio.get_running_loop().create_server(lambda: Connection(place, threads), "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    uvloop.run(serve(parser.parse_args().root))


if __name__ == "__main__":
    main()
