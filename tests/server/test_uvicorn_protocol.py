"""The parts of uvicorn that our protocol uses, and its behavior if a version lacks them."""

import atexit
import gc
import logging
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from publisher.server import run
from publisher.server.http import kernel_sending
from publisher.server.http.kernel_sending import send_some
from publisher.server.http.multipart import FormParser
from publisher.server.store.spool import Spool
from publisher.server.uvicorn_protocol import IndexProtocol, missing_internals
from tests.helpers.dists import make_wheel
from tests.helpers.http import Client
from tests.helpers.inside import serving, serving_app
from tests.helpers.waiting import eventually


def test_uvicorn_has_the_parts_that_our_protocol_uses() -> None:
    assert missing_internals() == []


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (HttpToolsProtocol, "on_message_complete"),
        (HttpToolsProtocol, "send_400_response"),
        (RequestResponseCycle, "send"),
        (RequestResponseCycle, "__init__"),
    ],
)
def test_missing_parts_are_named(monkeypatch: pytest.MonkeyPatch, kind: type, name: str) -> None:
    monkeypatch.delattr(kind, name)
    assert missing_internals()


def test_another_uvicorn_serves_without_our_protocol(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(run, "missing_internals", lambda: ["HttpToolsProtocol.on_body"])
    with caplog.at_level(logging.WARNING), serving_app(tmp_path) as (url, app):
        monkeypatch.setattr(app, "quick", None)  # must not be used
        client = Client(url, ("ada", "correct horse"))
        wheel = make_wheel(tmp_path / "packages", "plain", members={"plain/data": bytes(2**21)})
        wheel.write_bytes(wheel.read_bytes() + bytes(2**21))  # too large to be kept in memory
        assert client.upload(make_wheel(tmp_path, "other")).status_code == 200
        assert client.filenames("other") == ["other-1.0-py3-none-any.whl"]
        assert client.get(f"packages/{wheel.name}").content == wheel.read_bytes()
        assert client.upload(make_wheel(tmp_path, "other", members={"more": b""})).status_code == 409
    warnings = [record.message for record in caplog.records if "without our protocol" in record.message]
    assert len(warnings) == 1
    assert "HttpToolsProtocol.on_body" in warnings[0]


def test_a_python_without_an_end_of_threads_still_ends_the_server(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    registered: list[Any] = []
    monkeypatch.delattr(threading, "_register_atexit")
    monkeypatch.setattr(atexit, "register", registered.append)
    run._before_threads_end(print)
    assert registered == [print]
    assert "may be cut off" in caplog.text


def test_this_python_has_an_end_of_threads() -> None:
    assert callable(threading._register_atexit)  # type: ignore[attr-defined]


def test_a_refusal_tells_its_reason_in_the_first_line(tmp_path: Path) -> None:
    with serving(tmp_path) as (address, _):
        client = Client(f"http://{address[0]}:{address[1]}/", ("ada", "correct horse"))
        assert client.upload(make_wheel(tmp_path, "explained")).status_code == 200
        refused = client.upload(make_wheel(tmp_path, "explained", members={"more": b""}))
    assert refused.status_code == 409
    assert refused.reason.startswith("Conflict: File already exists: explained-1.0")
    assert refused.text.startswith("File already exists")
    assert refused.headers["Content-Length"] == str(len(refused.content))


def test_answered_requests_leave_nothing_for_the_garbage_collector(tmp_path: Path) -> None:
    def alive(*kinds: type) -> int:
        return sum(isinstance(each, kinds) for each in gc.get_objects())

    with serving(tmp_path) as (address, _):
        client = Client(f"http://{address[0]}:{address[1]}/", ("ada", "correct horse"))
        gc.collect()
        gc.disable()
        try:
            for number in range(5):
                wheel = make_wheel(tmp_path, "clean", f"{number}.0")
                assert client.upload(wheel).status_code == 200
                assert client.filenames("clean")
                assert client.get(f"packages/{wheel.name}").content == wheel.read_bytes()
                assert client.get(f"packages/{wheel.name}", headers={"Range": "bytes=0-9"}).status_code == 206
                assert client.get("", headers={"Accept": "text/html"}).status_code == 200
            # a connection that stays open keeps its last request
            assert eventually(lambda: alive(RequestResponseCycle) <= 1 and not alive(FormParser, Spool))
        finally:
            gc.enable()


@pytest.fixture
def connection() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A connection as the server and its client have it."""
    server, client = socket.socketpair()
    server.settimeout(0)
    with server, client:
        yield server, client


def test_a_client_that_takes_a_file_gets_it_in_one_visit_to_a_thread(
    tmp_path: Path, connection: tuple[socket.socket, socket.socket]
) -> None:
    server, client = connection
    size = 2**23
    (tmp_path / "file").write_bytes(bytes(size))
    taken: list[int] = []

    def take() -> None:
        while sum(taken) < size:
            taken.append(len(client.recv(2**16)))

    taker = threading.Thread(target=take)
    taker.start()
    with (tmp_path / "file").open("rb") as file:
        assert send_some(server.fileno(), file.fileno(), 0, size, 60.0) == size
    taker.join()
    assert sum(taken) == size


@pytest.mark.parametrize(("patience", "threads"), [(0.0, 1), (0.01, 1), (3600.0, 0)])
def test_a_client_that_takes_nothing_holds_a_thread_for_a_moment_at_most(
    tmp_path: Path,
    connection: tuple[socket.socket, socket.socket],
    monkeypatch: pytest.MonkeyPatch,
    patience: float,
    threads: int,
) -> None:
    waiting = threading.Semaphore(threads)
    monkeypatch.setattr(kernel_sending, "_WAITING", waiting)
    (tmp_path / "file").write_bytes(bytes(2**23))
    with (tmp_path / "file").open("rb") as file:
        assert 0 < send_some(connection[0].fileno(), file.fileno(), 0, 2**23, patience) < 2**23
    assert waiting.acquire(blocking=False) is bool(threads)


@pytest.mark.parametrize(
    ("cycle", "done"),
    [
        (None, "refused"),
        ({"response_complete": True, "more_body": True, "response_started": True}, "refused"),
        ({"response_complete": True, "more_body": False, "response_started": True}, "refused"),
        ({"response_complete": False, "more_body": True, "response_started": False}, "refused"),
        ({"response_complete": False, "more_body": True, "response_started": True}, "aborted"),
        ({"response_complete": False, "more_body": False, "response_started": False}, "last"),
        ({"response_complete": False, "more_body": False, "response_started": True}, "last"),
    ],
)
def test_bytes_that_are_no_request_are_answered_between_answers_alone(
    monkeypatch: pytest.MonkeyPatch, cycle: dict[str, bool] | None, done: str
) -> None:
    found: list[str] = []
    monkeypatch.setattr(HttpToolsProtocol, "send_400_response", lambda *_: found.append("refused"))
    protocol: Any = IndexProtocol.__new__(IndexProtocol)
    protocol.cycle = None if cycle is None else SimpleNamespace(keep_alive=True, **cycle)
    protocol.transport = SimpleNamespace(abort=lambda: found.append("aborted"))
    protocol.flow = SimpleNamespace(pause_reading=lambda: found.append("last"))
    protocol.send_400_response("no request")
    assert found == [done]
    assert cycle is None or protocol.cycle.keep_alive is (done != "last")
