"""Sending files: ranges, conditions and content types, from memory and in pieces."""

import asyncio
import io
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from publisher.server.http.messages import ZERO_COPY, Message, Request, Response
from publisher.server.routes import sending
from publisher.server.routes.sending import (
    CHUNK,
    CopiedFile,
    LargeFile,
    content_type,
    open_file,
    ranged,
    wanted,
)

PIECE = 100
"""Bytes up to which a part of a volume's file is read by itself, in the test of that."""

BODY = b"0123456789"
HEADERS = [(b"etag", b'"tag"'), (b"last-modified", b"Mon, 21 Sep 2026 14:13:20 GMT")]


def _request(*headers: tuple[bytes, bytes], method: str = "GET", **scope: Any) -> Request:
    async def receive() -> Message:
        raise AssertionError

    return Request({"type": "http", "method": method, "path": "/", "headers": list(headers), **scope}, receive)


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("a-1.0-py3-none-any.whl", b"application/zip"),
        ("a-1.0.zip", b"application/zip"),
        ("a-1.0.egg", b"application/zip"),
        ("a-1.0.tar.gz", b"application/gzip"),
        ("a-1.0.tgz", b"application/gzip"),
        ("a-1.0.tar.gz.asc", b"text/plain"),
        ("a-1.0.gz", b"application/octet-stream"),
        ("a-1.0.tar", b"application/octet-stream"),
        ("whl", b"application/octet-stream"),
    ],
)
def test_a_file_has_the_type_of_its_name(filename: str, expected: bytes) -> None:
    assert content_type(filename) == expected


RANGES: list[tuple[str, int, bytes, bytes | None]] = [
    ("bytes=0-", 206, BODY, b"bytes 0-9/10"),
    ("bytes=2-4", 206, b"234", b"bytes 2-4/10"),
    ("bytes=9-", 206, b"9", b"bytes 9-9/10"),
    ("bytes=8-99", 206, b"89", b"bytes 8-9/10"),
    ("bytes=-3", 206, b"789", b"bytes 7-9/10"),
    ("bytes=10-", 416, b"", b"bytes */10"),
    ("bytes=1-2,4-5", 200, BODY, None),
    ("lines=1-2", 200, BODY, None),
    ("", 200, BODY, None),
]


@pytest.mark.parametrize(("header", "status", "body", "content_range"), RANGES)
def test_a_range_of_an_answer_is_cut_out(header: str, status: int, body: bytes, content_range: bytes | None) -> None:
    request = _request((b"range", header.encode()))
    answer = ranged(request, Response(200, BODY, HEADERS))
    assert (answer.status, answer.body) == (status, body)
    assert dict(answer.headers).get(b"content-range") == content_range
    assert (dict(answer.headers).get(b"etag") == b'"tag"') == (status != 416)
    first, end = wanted(request, len(BODY), HEADERS)
    assert BODY[first:end] == body


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([], 200),
        ([(b"if-none-match", b'"tag"')], 304),
        ([(b"if-none-match", b'"other"')], 200),
        ([(b"if-none-match", b'"other", "tag"')], 304),
        ([(b"if-modified-since", b"Mon, 21 Sep 2026 14:13:20 GMT")], 304),
        ([(b"if-modified-since", b"Mon, 21 Sep 2026 14:13:19 GMT")], 200),
        ([(b"if-none-match", b'"tag"'), (b"range", b"bytes=0-1")], 304),
        ([(b"if-range", b'"tag"'), (b"range", b"bytes=0-1")], 206),
        ([(b"if-range", b'"other"'), (b"range", b"bytes=0-1")], 200),
    ],
)
def test_conditions_decide_between_all_a_part_and_nothing(headers: list[tuple[bytes, bytes]], status: int) -> None:
    answer = ranged(_request(*headers), Response(200, BODY, HEADERS))
    assert answer.status == status
    assert len(answer.body) == {200: 10, 206: 2, 304: 0}[status]
    first, end = wanted(_request(*headers), 10, HEADERS)
    assert end - first == len(answer.body)


def test_only_get_has_ranges_and_bodies() -> None:
    head = _request((b"range", b"bytes=0-1"), method="HEAD")
    assert ranged(head, Response(200, BODY, HEADERS)).status == 200
    assert wanted(head, 10, HEADERS) == (0, 0)


@pytest.mark.parametrize(("size", "is_read"), [(0, True), (4, True), (5, False)])
def test_a_small_file_is_read_when_it_is_opened(tmp_path: Path, size: int, *, is_read: bool) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * size)
    opened = open_file(str(path), 4)
    try:
        assert (opened.file.closed, opened.body) == (is_read, b"x" * size if is_read else b"")
        assert opened.status.st_size == size
    finally:
        opened.file.close()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_with_the_name_of_a_file_blocks_no_thread(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    opened = open_file(str(tmp_path / "pipe"), 4)
    assert (opened.file.closed, opened.body) == (True, b"")
    assert stat.S_ISFIFO(opened.status.st_mode)


def _sent(path: Path, request: Request, size: int | None = None) -> tuple[int, list[Message], bool]:
    """Return the bytes that a file says it sent, the messages, and whether it is closed."""
    sent: list[Message] = []

    async def in_thread(work: Callable[[], Any]) -> Any:
        return work()

    async def send(message: Message) -> None:
        sent.append(message)

    opened = open_file(str(path), 0)
    file = LargeFile(opened.file, size or opened.status.st_size, HEADERS, in_thread)
    try:
        return asyncio.run(file.send(request, send)), sent, opened.file.closed
    finally:
        assert opened.file.closed


@pytest.mark.parametrize(("header", "status", "body", "content_range"), RANGES)
def test_a_range_of_a_file_is_sent_alone(
    tmp_path: Path, header: str, status: int, body: bytes, content_range: bytes | None
) -> None:
    path = tmp_path / "file"
    path.write_bytes(BODY)
    size, sent, _ = _sent(path, _request((b"range", header.encode())))
    assert (size, sent[0]["status"]) == (len(body), status)
    assert dict(sent[0]["headers"]).get(b"content-range") == content_range
    assert b"".join(message.get("body", b"") for message in sent[1:]) == body
    if status != 416:
        assert dict(sent[0]["headers"])[b"content-length"] == b"%d" % len(body)


def test_a_large_file_is_sent_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "file"
    body = os.urandom(2 * CHUNK + 1)
    path.write_bytes(body)
    size, sent, _ = _sent(path, _request())
    assert size == len(body)
    assert [(len(message["body"]), message["more_body"]) for message in sent[1:]] == [
        (CHUNK, True),
        (CHUNK, True),
        (1, False),
    ]
    assert b"".join(message["body"] for message in sent[1:]) == body


def test_the_kernel_sends_a_file_where_the_server_offers_that(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(BODY)
    size, sent, _ = _sent(path, _request((b"range", b"bytes=2-4"), extensions={ZERO_COPY: {}}))
    assert size == 3
    assert (sent[1]["type"], sent[1]["offset"], sent[1]["count"]) == (ZERO_COPY, 2, 3)


@pytest.mark.parametrize(
    ("request_", "status"), [(_request(method="HEAD"), 200), (_request((b"if-none-match", b'"tag"')), 304)]
)
def test_a_file_is_closed_without_being_read_for_an_answer_without_a_body(
    tmp_path: Path, request_: Request, status: int
) -> None:
    path = tmp_path / "file"
    path.write_bytes(BODY)
    size, sent, _ = _sent(path, request_)
    assert (size, sent[0]["status"]) == (0, status)
    assert not any(message.get("body") for message in sent)


def test_a_file_that_became_shorter_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(BODY)
    with pytest.raises(OSError, match="became shorter"):
        _sent(path, _request(), size=11)


class _Copies:
    """Copies of a volume's files, which are counted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.calls: list[tuple[object, ...]] = []

    async def open(self, path: str, _stamp: object) -> io.FileIO:
        self.calls.append(("open", path))
        return io.FileIO(self.path)

    async def read(self, path: str, _stamp: object, first: int, length: int) -> bytes:
        self.calls.append(("read", path, first, length))
        return self.path.read_bytes()[first : first + length]


@pytest.mark.parametrize(
    ("headers", "method", "status", "first", "length", "call"),
    [
        ([], "GET", 200, 0, PIECE + 10, ("open", "x")),
        ([(b"range", b"bytes=5-")], "GET", 206, 5, PIECE + 5, ("open", "x")),
        ([(b"range", b"bytes=10-")], "GET", 206, 10, PIECE, ("read", "x", 10, PIECE)),
        ([(b"range", b"bytes=2-4")], "GET", 206, 2, 3, ("read", "x", 2, 3)),
        ([(b"if-none-match", b'"tag"')], "GET", 304, 0, 0, None),
        ([], "HEAD", 200, 0, 0, None),
    ],
)
def test_a_file_of_a_volume_is_copied_for_more_than_a_piece(  # noqa: PLR0917 - a row
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    headers: list[tuple[bytes, bytes]],
    method: str,
    status: int,
    first: int,
    length: int,
    call: tuple[object, ...] | None,
) -> None:
    path = tmp_path / "file"
    body = bytes(range(PIECE + 10))
    path.write_bytes(body)
    monkeypatch.setattr(sending, "PIECE", PIECE)
    copies, sent = _Copies(path), list[Message]()

    async def in_thread(work: Callable[[], Any]) -> Any:
        return work()

    async def send(message: Message) -> None:
        sent.append(message)

    stamp: Any = (1, PIECE + 10, 3)
    file = CopiedFile(cast("Any", copies), "x", stamp, HEADERS, in_thread)
    assert asyncio.run(file.send(_request(*headers, method=method), send)) == length
    assert (sent[0]["status"], copies.calls) == (status, [call] if call else [])
    assert b"".join(message.get("body", b"") for message in sent) == body[first : first + length]
