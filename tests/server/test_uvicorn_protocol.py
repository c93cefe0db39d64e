"""What our protocol uses of uvicorn, and what happens where a version of it lacks that."""

import atexit
import logging
import threading
from pathlib import Path
from typing import Any

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from publisher.server import run
from publisher.server.uvicorn_protocol import missing_internals
from tests.helpers.dists import make_wheel
from tests.helpers.http import Client
from tests.helpers.inside import serving, serving_app


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
        monkeypatch.setattr(app, "from_memory", None)  # nobody calls it
        client = Client(url, ("ada", "correct horse"))
        wheel = make_wheel(tmp_path / "packages", "plain", members={"plain/data": bytes(2**21)})
        wheel.write_bytes(wheel.read_bytes() + bytes(2**21))  # too large to be kept in memory
        assert client.upload(make_wheel(tmp_path, "other")).status_code == 200
        assert client.filenames("other") == ["other-1.0-py3-none-any.whl"]
        assert client.get(f"packages/{wheel.name}").content == wheel.read_bytes()
        assert client.upload(make_wheel(tmp_path, "other", members={"more": b""})).status_code == 409
    told = [record.message for record in caplog.records if "without our protocol" in record.message]
    assert len(told) == 1
    assert "HttpToolsProtocol.on_body" in told[0]


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
        assert client.upload(make_wheel(tmp_path, "told")).status_code == 200
        refused = client.upload(make_wheel(tmp_path, "told", members={"more": b""}))
    assert refused.status_code == 409
    assert refused.reason.startswith("Conflict: File already exists: told-1.0")
    assert refused.text.startswith("File already exists")
    assert refused.headers["Content-Length"] == str(len(refused.content))
