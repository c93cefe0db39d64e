"""An index that is attacked, and what an attack may cost."""

import base64
import http.client
import socket
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tests.helpers.http import Client
from tests.helpers.watched import WatchedIndex

ADA, BOB, ADMIN = ("ada", "correct horse"), ("bob", "battery staple"), "a-token-for-tests"
AUTHORIZATION = b"Authorization: Basic " + base64.b64encode(b"ada:correct horse") + b"\r\n"
BOUNDARY = b"----attack"

SILENCE = 0.3
"""Seconds after an answer within which another would come."""


@dataclass
class Attacked:
    """An index that is attacked, a folder to work in, and what the attack has open until its end."""

    index: WatchedIndex
    folder: Path
    open: ExitStack = field(default_factory=ExitStack)
    connections: int = 0
    """How many it has open."""

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.index.url)
        return str(parts.hostname), int(parts.port or 0)

    def connect(self, data: bytes = b"", *, buffer: int = 0) -> socket.socket:
        """Return a connection on which some bytes were sent, which stays open until the end."""
        connection = self.open.enter_context(socket.socket())
        self.connections += 1
        connection.settimeout(30)
        if buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        connection.connect(self.address)
        connection.sendall(data)
        return connection

    def client(self, auth: tuple[str, str] | None = ADA) -> Client:
        return Client(self.index.url, auth)

    def send(self, data: bytes) -> bytes:
        """Return everything that comes back to some bytes, until the index closes or has nothing more to say."""
        received = b""
        with socket.create_connection(self.address, timeout=30) as connection:
            with suppress(ConnectionError):  # the answer may be lost when what follows it is not read
                connection.sendall(data)
            with suppress(ConnectionError, TimeoutError):
                while piece := connection.recv(65536):
                    received += piece
                    connection.settimeout(SILENCE)
        return received

    def get(self, path: str, *, method: str = "GET", body: bytes = b"", headers: bytes = b"") -> int:
        """Return the status of an answer to ada."""
        head = f"{method} /{path} HTTP/1.1\r\nHost: x\r\n".encode() + AUTHORIZATION + headers
        if body:
            head += b"Content-Length: %d\r\n" % len(body)
        return self.status(head + b"\r\n" + body)

    def status(self, request: bytes) -> int:
        """Return the status of the one answer to a request."""
        with socket.create_connection(self.address, timeout=30) as connection:
            connection.sendall(request)
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            return answer.status

    def upload(self, filename: str, content: bytes) -> int:
        """Return the status of the answer to an upload by ada."""
        return self.status(upload_request(form(content, filename)))


@dataclass(frozen=True)
class Attack:
    """
    An attack, and what it may cost: seconds of processor time, MB of memory, and seconds that the loop is held.

    ``work`` asserts how the attack is answered. With ``repeated``, it can be run again and again.
    """

    work: Callable[[Attacked], None]
    seconds: float
    megabytes: int
    held: float = 0.2
    repeated: bool = True


def part(name: str, value: bytes, filename: str | None = None, headers: bytes = b"") -> bytes:
    shown = f'; filename="{filename}"' if filename is not None else ""
    head = f'Content-Disposition: form-data; name="{name}"{shown}\r\n'.encode()
    return b"--" + BOUNDARY + b"\r\n" + head + headers + b"\r\n" + value + b"\r\n"


END = b"--" + BOUNDARY + b"--\r\n"


def form(content: bytes, filename: str, extra: bytes = b"") -> bytes:
    return part(":action", b"file_upload") + extra + part("content", content, filename) + END


def upload_head(length: int, extra: bytes = b"") -> bytes:
    kind = b"Content-Type: multipart/form-data; boundary=" + BOUNDARY + b"\r\n"
    return (
        b"POST / HTTP/1.1\r\nHost: x\r\n" + AUTHORIZATION + kind + b"Content-Length: %d\r\n" % length + extra + b"\r\n"
    )


def upload_request(body: bytes) -> bytes:
    return upload_head(len(body)) + body
