"""A log that is never read, or can't be written, never stops the index."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from publisher.server.auth.principal import Principal, PrincipalKind
from publisher.server.http.access_log import AccessLog, log_time
from publisher.server.http.log_writer import LogWriter, logging_through
from publisher.server.http.messages import Request
from tests.helpers.http import Client
from tests.helpers.waiting import eventually


def test_lines_arrive_in_order_and_a_full_queue_counts_dropped_ones() -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    writer = LogWriter(writing, limit=5000)
    long = "x" * 1000
    for number in range(20_000):  # far more than the pipe holds
        writer.write(f"{number} {long}")
    found = b""

    def all_read() -> bool:
        nonlocal found
        try:
            while data := os.read(reading, 2**20):
                found += data
        except BlockingIOError:
            pass
        return b"were dropped" in found

    assert eventually(all_read, step=0.001)
    writer.write("the last")
    assert eventually(lambda: all_read() and found.endswith(b"the last\n"))
    lines = found.decode().splitlines()
    numbers = [int(line.split()[0]) for line in lines if line.endswith(long)]
    assert numbers == sorted(numbers)
    dropped = sum(int(line.split()[0]) for line in lines if "were dropped" in line)
    assert len(numbers) + dropped == 20_000
    os.close(writing)
    os.close(reading)


def test_request_lines_are_written_in_batches_and_flush_writes_the_rest() -> None:
    reading, writing = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)  # each write is a datagram
    with reading, writing:
        reading.settimeout(10)
        writer = LogWriter(writing.fileno())
        for number in range(300):
            writer.write_soon(str(number))
        writer.flush(10)
        writer.write_soon("the last")
        writer.flush(10)
        found = [reading.recv(2**16)]
        while not found[-1].endswith(b"the last\n"):
            found.append(reading.recv(2**16))
    assert b"".join(found).decode().splitlines() == [*map(str, range(300)), "the last"]
    assert len(found) < 30


def test_log_records_of_the_program_go_the_same_way(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    writer = LogWriter()
    monkeypatch.setattr(writer, "write", lines.append)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    with logging_through(writer):
        logging.getLogger("publisher.test").warning("logged %s", "once")
    assert lines == ["logged once"]
    assert not logging.getLogger().handlers


def lines_of(form: Any, path: str, user: str | None) -> list[str]:
    """Return the lines that are logged for one request, which took two seconds."""
    lines: list[str] = []

    class Kept(LogWriter):
        def write_soon(self, line: str) -> None:
            lines.append(line)

    scope = {"type": "http", "method": "GET", "path": path, "headers": [], "client": ("192.0.2.7", 1)}
    request = Request(scope, None)  # type: ignore[arg-type]
    if user is not None:
        request.principal = Principal(user, PrincipalKind.ACCOUNT)
    AccessLog(form, Kept()).log(request, 206, 17, time.perf_counter() - 2.0)
    return lines


@pytest.mark.parametrize("form", ["text", "json"])
def test_names_in_the_log_are_one_line(form: Any) -> None:
    lines = lines_of(form, '/a"\n\x1b[2J\u202e', 'al "ice\u202e\n')
    assert len(lines) == 1
    assert lines[0].isprintable()


@pytest.mark.parametrize(
    ("user", "shown"), [("ada", "ada"), ("a b", "a%20b"), ('a"b', "a%22b"), ("a\nb", "'a\\nb'"), (None, "-")]
)
def test_a_line_of_text_has_each_field_once(user: str | None, shown: str) -> None:
    lines = lines_of("text", '/a "b"/', user)
    begin, _, took = lines[0].rpartition(" ")
    assert begin == f'192.0.2.7 {shown} "GET /a %22b%22/" 206 17'
    assert float(took.removesuffix("ms")) >= 2000
    assert lines_of("none", "/", user) == []


@pytest.mark.parametrize("user", [None, "ada", 'a"\\b', "\u00e4\u202e", "\udcff"])
def test_a_line_in_json_has_each_field(user: str | None) -> None:
    began = datetime.now(UTC) - timedelta(milliseconds=1)
    fields = json.loads(lines_of("json", '/a "b"/', user)[0])
    ended = datetime.now(UTC)
    assert began <= datetime.fromisoformat(fields.pop("time")) <= ended
    assert fields.pop("ms") >= 2000
    assert fields == {
        "client": "192.0.2.7",
        "user": user,
        "method": "GET",
        "path": '/a "b"/',
        "status": 206,
        "bytes": 17,
    }


def test_times_in_the_log_have_milliseconds() -> None:
    times = [log_time(each) for each in (0, 1, 999, 1000, 1_795_788_896_007, 1000)]
    assert times == [
        "1970-01-01T00:00:00.000+00:00",
        "1970-01-01T00:00:00.001+00:00",
        "1970-01-01T00:00:00.999+00:00",
        "1970-01-01T00:00:01.000+00:00",
        "2026-11-27T14:14:56.007+00:00",
        "1970-01-01T00:00:01.000+00:00",
    ]


def start(folder: Path, stderr: int, port: int = 0) -> "subprocess.Popen[bytes]":
    command = [
        sys.executable,
        "-m",
        "publisher.cli.main",
        "serve",
        "--port",
        str(port),
        "-a",
        ".",
        "--root",
        str(folder),
    ]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=stderr, cwd=folder)


def test_an_index_whose_log_is_not_read_answers_and_ends(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    process = start(tmp_path, writing)
    os.close(writing)
    line = b""
    while not (line.startswith(b"Serving ") and line.endswith(b"\n")):
        line = (b"" if line.endswith(b"\n") else line) + os.read(reading, 1)
    client = Client(line.decode().rpartition(" on ")[2].strip(), None)
    path = "simple/" + "x" * 4000 + "/"
    answered = 0

    def ask() -> None:
        nonlocal answered
        for _ in range(40):  # 160 kB of log; a pipe holds 64
            answered += client.get(path).status_code == 404

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join(60)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert answered == 40
    os.close(reading)


def test_an_index_whose_log_is_full_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    full = os.open("/dev/full", os.O_WRONLY)
    process = start(tmp_path, full, port)
    os.close(full)

    def answers() -> bool:
        try:
            return Client(f"http://127.0.0.1:{port}/", None).get("health").ok
        except requests.ConnectionError:
            return process.poll() is not None

    assert eventually(answers)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
