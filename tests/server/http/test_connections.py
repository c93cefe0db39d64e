"""Clients that are slow, silent or endless: each is closed without effect on other clients."""

import base64
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from publisher.server.run import listen
from publisher.server.uvicorn_protocol import IndexProtocol
from tests.helpers import inside
from tests.helpers.dists import make_wheel
from tests.helpers.inside import serving

AUTHORIZATION = b"Authorization: Basic " + base64.b64encode(b"ada:correct horse") + b"\r\n"
REQUEST = b"GET /health HTTP/1.1\r\nHost: index\r\n\r\n"


def read_all(connection: socket.socket) -> bytes:
    """Return what comes until the server closes; a test that waits for ever fails by the socket's timeout."""
    received = b""
    try:
        while data := connection.recv(65536):
            received += data
    except ConnectionResetError:
        pass
    return received


@pytest.mark.parametrize(
    "first",
    [b"", b"GET /health HT", b"GET /health HTTP/1.1\r\nHost: ind", b"\r\n", REQUEST + b"GET /"],
    ids=["nothing", "half a line", "half a head", "a blank line", "half a second request"],
)
def test_a_client_that_does_not_finish_its_request_is_let_go(tmp_path: Path, first: bytes) -> None:
    with serving(tmp_path, slow_head=0.3) as (address, _), socket.create_connection(address, timeout=20) as connection:
        connection.sendall(first)
        received = read_all(connection)
    assert received.count(b" 200 OK") == first.count(REQUEST)
    assert received.count(b"HTTP/1.1 408 Request Timeout") == 1


def test_a_client_that_sends_blank_lines_after_its_request_is_let_go(tmp_path: Path) -> None:
    with serving(tmp_path, slow_head=0.3) as (address, _), socket.create_connection(address, timeout=20) as connection:
        connection.sendall(REQUEST)
        assert b" 200 OK" in connection.recv(65536)
        connection.sendall(b"\r\n")
        assert b" 408 Request Timeout" in read_all(connection)


def test_an_idle_connection_is_not_slow(tmp_path: Path) -> None:
    with serving(tmp_path, slow_head=0.3) as (address, _), socket.create_connection(address, timeout=20) as connection:
        connection.sendall(REQUEST)
        assert b" 200 OK" in connection.recv(65536)
        connection.settimeout(2.5)  # longer than two looks for slow clients, which come once a second
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.sendall(REQUEST)
        assert b" 200 OK" in connection.recv(65536)


@pytest.mark.parametrize("answers", [1, 3], ids=["by the application", "from memory"])
def test_a_connection_without_a_request_for_long_is_closed(tmp_path: Path, answers: int) -> None:
    page = b"GET /simple/ HTTP/1.1\r\nHost: index\r\n" + AUTHORIZATION + b"\r\n"
    with (
        serving(tmp_path, idle_connection=1) as (address, _),
        socket.create_connection(address, timeout=20) as connection,
    ):
        for _ in range(answers):
            connection.sendall(page)
            assert b" 200 OK" in connection.recv(65536)
        assert read_all(connection) == b""


def test_a_slow_answer_behind_one_from_memory_is_not_idle(tmp_path: Path) -> None:
    page = b"GET /simple/ HTTP/1.1\r\nHost: index\r\n" + AUTHORIZATION + b"\r\n"
    with serving(tmp_path, idle_connection=1) as (address, root):
        with (root / "large-1.0.tar.gz").open("wb") as file:
            file.truncate(2**28)
        with socket.create_connection(address, timeout=20) as connection:
            for _ in range(2):
                connection.sendall(page)
                assert b" 200 OK" in connection.recv(65536)
            connection.sendall(page + page.replace(b"simple/", b"packages/large-1.0.tar.gz"))
            received = len(connection.recv(4096))
            threading.Event().wait(2.5)  # longer than two looks for idle connections
            while received < 2**28 and (data := connection.recv(2**20)):
                received += len(data)
    assert received > 2**28 - 2


@pytest.mark.parametrize("before", [b"", REQUEST], ids=["first", "after another"])
def test_a_head_without_end_is_refused(tmp_path: Path, before: bytes) -> None:
    with serving(tmp_path) as (address, _), socket.create_connection(address, timeout=20) as connection:
        connection.sendall(before + b"GET /health HTTP/1.1\r\nX-Endless: ")
        with pytest.raises((BrokenPipeError, ConnectionResetError)):  # noqa: PT012 - any of them may find out
            for _ in range(10_000):
                connection.sendall(b"x" * 2**16)
        with socket.create_connection(address, timeout=20) as other:
            other.sendall(REQUEST)
            assert b" 200 OK" in other.recv(65536)


def test_a_head_that_is_large_is_read(tmp_path: Path) -> None:
    with serving(tmp_path) as (address, _), socket.create_connection(address, timeout=20) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: index\r\nCookie: " + b"x" * 32_000 + b"\r\n\r\n")
        assert b" 200 OK" in connection.recv(65536)


@pytest.mark.parametrize("size", [900_000, 3_000_000], ids=["from memory", "from disk"])
def test_a_client_that_takes_nothing_is_let_go(
    tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gone = threading.Event()
    lose = IndexProtocol.connection_lost

    def connection_lost(protocol: IndexProtocol, error: Exception | None) -> None:
        lose(protocol, error)
        gone.set()

    def listen_with_small_buffers(host: str, port: int) -> socket.socket:
        listener = listen(host, port)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        return listener

    monkeypatch.setattr(IndexProtocol, "connection_lost", connection_lost)
    monkeypatch.setattr(inside, "listen", listen_with_small_buffers)
    settings: dict[str, Any] = {"authenticate": frozenset()}
    with serving(tmp_path, settings, stalled_download=0.5) as (address, root), socket.socket() as connection:
        make_wheel(root, "large").write_bytes(bytes(size))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(20)
        connection.connect(address)
        request = b"GET /packages/large-1.0-py3-none-any.whl HTTP/1.1\r\nHost: index\r\n\r\n"
        connection.sendall(request)
        assert connection.recv(10)
        assert gone.wait(20)
    assert not caplog.records


@pytest.mark.parametrize(
    ("head", "answered"),
    [(b"POST /RPC2 HTTP/1.1\r\n" + AUTHORIZATION, False), (b"GET /health HTTP/1.1\r\n", True)],
    ids=["read by a route", "answered without it"],
)
def test_a_body_that_trickles_ends(tmp_path: Path, head: bytes, answered: bool) -> None:  # noqa: FBT001
    with serving(tmp_path, stalled_upload=0.3) as (address, _), socket.create_connection(address, timeout=20) as slow:
        slow.sendall(head + b"Host: index\r\nContent-Length: 1000\r\n\r\n")
        if answered:
            assert b" 200 OK" in slow.recv(65536)
        slow.settimeout(0.02)
        for _ in range(999):  # far longer than the look for slow clients, which comes once a second
            try:
                slow.sendall(b"x")
                received = slow.recv(65536)
            except TimeoutError:
                continue
            except (BrokenPipeError, ConnectionResetError):
                received = b""
            if not received:
                break
        else:
            pytest.fail("the body may trickle for ever")
        with socket.create_connection(address, timeout=20) as other:
            other.sendall(REQUEST)
            assert b" 200 OK" in other.recv(65536)
