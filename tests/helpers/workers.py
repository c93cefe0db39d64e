"""An index with several workers, and requests that go to the worker that a test chooses."""

import http.client
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from publisher.client.http import BasicAuth
from publisher.secret import Secret
from tests.helpers.http import Client
from tests.helpers.index import RunningIndex
from tests.helpers.waiting import eventually

TRIED = 500
"""Connections that are made at most until one of them is a wanted worker's."""


def workers_of(index: RunningIndex) -> list[int]:
    """Return the process identifiers of an index's workers."""
    pid = index.process.pid
    return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def serving_workers(index: RunningIndex, count: int = 2) -> list[int]:
    """Return the workers once that many listen."""
    port = urlsplit(index.url).port
    assert eventually(lambda: sum(_listens(pid, port) for pid in workers_of(index)) == count)
    return workers_of(index)


class WorkerClient(Client):
    """One user's requests to one worker, each over a connection of its own."""

    def __init__(self, url: str, auth: tuple[str, str] | None, pid: int) -> None:
        super().__init__(url, auth)
        self.pid = pid
        self._user = BasicAuth(auth[0], Secret(auth[1])) if auth else BasicAuth()

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Accept-Encoding": "identity", "Accept": "*/*", **(options.pop("headers", None) or {})}
        auth = options.pop("auth", self._user)
        prepared = requests.Request(method, self.url + path, auth=auth, headers=headers, **options).prepare()
        with closing(connection_to(self.url, self.pid)) as connection:
            return exchange(connection, prepared)


def exchange(connection: http.client.HTTPConnection, request: requests.PreparedRequest) -> requests.Response:
    """Send a request over a connection and return its answer."""
    connection.request(request.method or "", request.path_url, request.body, dict(request.headers))
    answer = connection.getresponse()
    response = requests.Response()
    response._content = answer.read()
    response.status_code = answer.status
    response.headers.update(answer.getheaders())
    return response


def connection_to(url: str, pid: int) -> http.client.HTTPConnection:
    """Return a connection that a worker has accepted."""
    for connection in _connections(url):
        if _socket_of(connection.sock) in _sockets(pid):
            return connection
        connection.close()
    raise AssertionError(f"no connection was accepted by {pid}")


def _connections(url: str) -> Iterator[http.client.HTTPConnection]:
    """Yield connections on which one request was answered, so that they were accepted."""
    parts = urlsplit(url)
    for _ in range(TRIED):
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        try:
            connection.request("GET", "/health")
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):  # its worker was just killed
            connection.close()
        else:
            yield connection


def _socket_of(client: socket.socket) -> str:
    """Return the inode of the server's end of a connection, as Linux lists it."""
    ours, theirs = _port(client.getsockname()), _port(client.getpeername())
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(theirs) and fields[2].endswith(ours):
            return fields[9]
    raise AssertionError("the connection is not listed")


def _port(address: Any) -> str:
    return f":{address[1]:04X}"


def _sockets(pid: int) -> set[str]:
    """Return the inodes of the sockets that a process has open."""
    found = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(link.readlink())
        except OSError:
            continue
        if target.startswith("socket:["):
            found.add(target[len("socket:[") : -1])
    return found


def _listens(pid: int, port: int | None) -> bool:
    try:
        sockets = _sockets(pid)
    except OSError:
        return False
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(each[1].endswith(f":{port:04X}") and each[3] == "0A" and each[9] in sockets for each in lines)
