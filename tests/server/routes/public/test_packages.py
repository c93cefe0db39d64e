"""Public packages over an upstream of the test's choice: what is kept in memory, and what is asked for again."""

import asyncio
import gzip
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from publisher.server.http.messages import ClientGoneError, HttpError, Message, Request, Response
from publisher.server.routes.page_memory import HTML, JSON
from publisher.server.routes.public.packages import JoinedDownload, PublicRoutes
from publisher.server.routes.sending import LargeFile
from publisher.server.upstream.errors import NotUpstreamError, UpstreamUnavailableError
from publisher.server.upstream.files.public_files import StoredPublicFile
from publisher.server.upstream.pages.listing import ListedFile
from publisher.server.upstream.pages.render import ZIPPED_FROM, RenderedPage
from publisher.server.upstream.service import Basis, FoundFile, PublicPage

BASIS = Basis("acme", 1, 1, 9e9)
DIGEST = hashlib.sha256(b"a wheel").hexdigest()
WHEEL = "acme-1.0-py3-none-any.whl"
PATH = f"ab/{WHEEL}"
ZIP = (b"accept-encoding", b"gzip")


class _Upstream:
    """Answers as a test says, and notes the questions."""

    def __init__(self, *, kept_file: int = 100) -> None:
        limits = SimpleNamespace(page_memory=100_000, file_memory=100_000, kept_file=kept_file)
        self.settings = SimpleNamespace(limits=limits)
        self.context = SimpleNamespace(in_thread=self._in_thread)
        self.right = True
        self.body = b"{}"
        self.zipped = b""
        self.first_from = ""
        self.opened: list[Any] = []
        self.described: bytes | Exception = b"Name: acme\n"
        self.owned = False
        self.asked: list[Any] = []
        self.left: list[Any] = []

    async def _in_thread(self, work: Callable[[], Any]) -> Any:
        return work()

    async def source_of(self, name: str) -> None:
        self.asked.append(("source", name))
        if self.owned:
            raise NotUpstreamError("It is published here now.")

    def is_right(self, basis: Basis) -> bool:
        assert basis == BASIS
        return self.right

    async def page(self, name: str, root_path: str, *, as_json: bool) -> PublicPage:
        self.asked.append(("page", name, root_path, as_json))
        rendered = RenderedPage(self.body, 1, 9e9, self.zipped, hashlib.sha256(self.body).hexdigest())
        return PublicPage(rendered, BASIS, self.first_from)

    async def find(self, tail: str, filename: str) -> FoundFile:
        self.asked.append(("find", tail, filename))
        file = ListedFile(filename, "1.0", "https://files.example/x", {"sha256": DIGEST}, 7, None, None)
        return FoundFile(file, cast("Any", None), BASIS, self.first_from)

    async def metadata(self, found: FoundFile) -> bytes:
        self.asked.append(("metadata", found.file.filename))
        if isinstance(self.described, Exception):
            raise self.described
        return self.described

    async def open(self, found: FoundFile) -> Any:
        self.asked.append(("open", found.file.filename))
        return self.opened.pop(0)

    def leave(self, download: Any) -> None:
        self.left.append(download)


class _FirstUses:
    def __init__(self) -> None:
        self.noted: list[tuple[str, str]] = []

    def note(self, _request: Request, project: str, upstream: str) -> None:
        self.noted.append((project, upstream))


def _request(*headers: tuple[bytes, bytes], method: str = "GET", root_path: str = "", gone: bool = False) -> Request:
    async def receive() -> Message:
        if not gone:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    scope = {"type": "http", "method": method, "path": "/", "root_path": root_path}
    return Request({**scope, "headers": list(headers)}, receive)


def _routes(upstream: _Upstream) -> tuple[PublicRoutes, _FirstUses]:
    uses = _FirstUses()
    return PublicRoutes(cast("Any", upstream), cast("Any", uses)), uses


def _run(work: Awaitable[Any]) -> Any:
    async def run() -> Any:
        return await work

    return asyncio.run(run())


def _questions(upstream: _Upstream) -> list[str]:
    return [each[0] for each in upstream.asked]


def test_a_page_that_is_still_right_is_not_asked_for_again() -> None:
    upstream = _Upstream()
    routes, _ = _routes(upstream)
    assert routes.page_from_memory(_request(), "acme", JSON) is None
    first = _run(routes.page(_request(), "acme", JSON))
    assert (first.status, first.body) == (200, b"{}")
    upstream.body = b"[]"
    assert _run(routes.page(_request(), "acme", JSON)).body == b"{}"
    memory = routes.page_from_memory(_request(), "acme", JSON)
    assert memory is not None
    assert memory.response.body == b"{}"
    assert memory.is_right is not None
    assert memory.is_right()
    assert upstream.asked == [("page", "acme", "", True), ("source", "acme")]
    upstream.right = False
    assert not memory.is_right()
    assert routes.page_from_memory(_request(), "acme", JSON) is None
    assert _run(routes.page(_request(), "acme", JSON)).body == b"[]"
    upstream.right, upstream.owned = True, True
    with pytest.raises(NotUpstreamError):
        _run(routes.page(_request(), "acme", JSON))


@pytest.mark.parametrize(
    ("request_of", "name", "kind", "asked"),
    [
        (_request, "other", JSON, ("other", "", True)),
        (_request, "acme", HTML, ("acme", "", False)),
        (lambda: _request(root_path="/python"), "acme", JSON, ("acme", "/python", True)),
        (lambda: _request(ZIP), "acme", JSON, ("acme", "", True)),
    ],
)
def test_other_requests_have_other_pages(
    request_of: Callable[[], Request], name: str, kind: str, asked: tuple[Any, ...]
) -> None:
    upstream = _Upstream()
    routes, _ = _routes(upstream)
    _run(routes.page(_request(), "acme", JSON))
    assert routes.page_from_memory(request_of(), name, kind) is None
    _run(routes.page(request_of(), name, kind))
    assert upstream.asked[1:] == [("page", *asked)]


@pytest.mark.parametrize(
    ("size", "done", "zip_header", "is_zipped"),
    [
        (ZIPPED_FROM - 1, False, True, False),
        (ZIPPED_FROM, False, True, True),
        (ZIPPED_FROM, False, False, False),
        (10, True, True, True),
        (10, True, False, False),
    ],
)
def test_a_page_is_zipped_for_those_who_take_it(size: int, *, done: bool, zip_header: bool, is_zipped: bool) -> None:
    upstream = _Upstream()
    upstream.body = b"x" * size
    upstream.zipped = gzip.compress(upstream.body) if done else b""
    routes, _ = _routes(upstream)
    answer = _run(routes.page(_request(*([ZIP] if zip_header else [])), "acme", JSON))
    assert (b"content-encoding" in dict(answer.headers)) == is_zipped
    assert (gzip.decompress(answer.body) if is_zipped else answer.body) == upstream.body
    if done and is_zipped:
        assert answer.body == upstream.zipped


def test_a_first_use_is_noted_with_its_upstream() -> None:
    upstream = _Upstream()
    upstream.opened = [b"a wheel"] * 2
    routes, uses = _routes(upstream)
    _run(routes.page(_request(), "acme", JSON))
    _run(routes.file(_request(), PATH))
    assert uses.noted == []
    upstream.first_from, upstream.right = "https://index.example/", False
    _run(routes.page(_request(), "other", JSON))
    _run(routes.file(_request(), PATH))
    assert uses.noted == [("other", "https://index.example/"), ("acme", "https://index.example/")]


@pytest.mark.parametrize(("kept_file", "is_kept"), [(7, True), (6, False)])
def test_a_small_file_is_kept_while_it_may_be_passed_on(kept_file: int, *, is_kept: bool) -> None:
    upstream = _Upstream(kept_file=kept_file)
    upstream.opened = [b"a wheel"] * 2
    routes, _ = _routes(upstream)
    answer = _run(routes.file(_request(), PATH))
    headers = dict(answer.headers)
    assert (answer.status, answer.body) == (200, b"a wheel")
    assert headers[b"content-type"] == b"application/zip"
    assert headers[b"etag"] == f'"{DIGEST}"'.encode()
    assert b"immutable" in headers[b"cache-control"]
    assert upstream.asked == [("find", "ab", WHEEL), ("open", WHEEL)]
    memory = routes.file_from_memory(_request((b"range", b"bytes=2-3")), PATH)
    assert (memory is not None) == is_kept
    if memory is not None:
        assert (memory.response.status, memory.response.body) == (206, b"wh")
        assert memory.is_right is not None
        assert memory.is_right()
    asked = len(upstream.asked)
    again = _run(routes.file(_request((b"range", b"bytes=0-0")), PATH))
    assert (again.status, again.body) == (206, b"a")
    assert _questions(upstream)[asked:] == (["source"] if is_kept else ["find", "open"])
    assert is_kept == (upstream.asked[-1] == ("source", "acme"))
    upstream.right = False
    assert routes.file_from_memory(_request(), PATH) is None
    assert memory is None or (memory.is_right is not None and not memory.is_right())


def test_a_kept_file_that_may_be_passed_on_no_longer_is_looked_for_again() -> None:
    upstream = _Upstream()
    upstream.opened = [b"a wheel", b"another"]
    routes, _ = _routes(upstream)
    _run(routes.file(_request(), PATH))
    upstream.right = False
    assert _run(routes.file(_request(), PATH)).body == b"another"
    assert _questions(upstream) == ["find", "open", "source", "find", "open"]


def test_metadata_is_a_text_with_a_tag_of_its_own() -> None:
    upstream = _Upstream()
    routes, _ = _routes(upstream)
    answer = _run(routes.file(_request(), f"{PATH}.metadata"))
    headers = dict(answer.headers)
    assert (answer.status, answer.body) == (200, b"Name: acme\n")
    assert headers[b"content-type"] == b"text/plain; charset=utf-8"
    assert headers[b"etag"] == f'"{hashlib.sha256(answer.body).hexdigest()}"'.encode()
    assert upstream.asked == [("find", "ab", WHEEL), ("metadata", WHEEL)]
    kept = routes.file_from_memory(_request(), f"{PATH}.metadata")
    assert kept is not None
    assert kept.response.body == b"Name: acme\n"
    assert routes.file_from_memory(_request(), PATH) is None


def test_a_file_in_the_cache_is_sent_from_there(tmp_path: Path) -> None:
    path = tmp_path / "cached"
    path.write_bytes(b"a wheel")
    for kept_file, kind in ((7, Response), (6, LargeFile)):
        upstream = _Upstream(kept_file=kept_file)
        upstream.opened = [StoredPublicFile(path, DIGEST)]
        routes, _ = _routes(upstream)
        answer = _run(routes.file(_request(), PATH))
        assert isinstance(answer, kind)
        sent = _sent(answer)
        assert dict(sent[0]["headers"])[b"etag"] == f'"{DIGEST}"'.encode()
        assert dict(sent[0]["headers"])[b"content-type"] == b"application/zip"
        assert b"".join(message["body"] for message in sent[1:]) == b"a wheel"
        assert (routes.file_from_memory(_request(), PATH) is not None) == (kind is Response)


def test_a_file_that_just_left_the_cache_is_asked_for_again(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"a wheel")
    gone, there = StoredPublicFile(tmp_path / "gone", DIGEST), StoredPublicFile(tmp_path / "there", DIGEST)
    for opened in ([gone, there], [gone, b"a wheel"], [gone, gone, b"a wheel"]):
        upstream = _Upstream()
        upstream.opened = list(opened)
        assert _run(_routes(upstream)[0].file(_request(), PATH)).body == b"a wheel"
        assert upstream.opened == []
    upstream = _Upstream()
    upstream.opened = [gone] * 4
    with pytest.raises(HttpError, match="try again") as refused:
        _run(_routes(upstream)[0].file(_request(), PATH))
    assert (refused.value.status, dict(refused.value.headers)[b"retry-after"]) == (503, b"1")
    assert len(upstream.opened) == 1


class _Download:
    """A download that comes in pieces, and may end early with an error."""

    def __init__(self, *pieces: bytes, length: int | None, error: Exception | None = None) -> None:
        self.wanted = SimpleNamespace(key=DIGEST)
        self.body = b"".join(pieces)
        self.size = max(map(len, pieces), default=0)
        self.length = length
        self.failure = error
        self.error: Exception | None = None
        self.reads: list[tuple[int, int | None]] = []

    async def read(self, offset: int, end: int | None) -> bytes:
        self.reads.append((offset, end))
        found = self.body[offset : offset + self.size][: None if end is None else end - offset]
        if not found and self.failure is not None:
            raise self.failure
        await asyncio.sleep(0)
        return found


def _sent(answer: Any, request: Request | None = None) -> list[Message]:
    """Return the messages of an answer, whose bytes are as many as it says."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def run() -> int:
        size = await answer.send(request or _request(), send)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}  # nothing waits for the client any more
        return int(size)

    assert asyncio.run(run()) == sum(len(message.get("body", b"")) for message in sent)
    return sent


def _joined(download: _Download) -> tuple[JoinedDownload, _Upstream]:
    upstream = _Upstream()
    upstream.opened = [download]
    joined = _run(_routes(upstream)[0].file(_request(), PATH))
    assert isinstance(joined, JoinedDownload)
    return joined, upstream


def test_a_download_is_sent_as_it_comes() -> None:
    download = _Download(b"a ", b"wh", b"ee", b"l", length=7)
    joined, upstream = _joined(download)
    sent = _sent(joined)
    head = dict(sent[0]["headers"])
    assert (sent[0]["status"], head[b"content-length"], head[b"etag"]) == (200, b"7", f'"{DIGEST}"'.encode())
    assert head[b"content-type"] == b"application/zip"
    pieces = [(message["body"], message["more_body"]) for message in sent[1:]]
    assert pieces == [(b"a ", True), (b"wh", True), (b"ee", True), (b"l", False)]
    assert download.reads == [(0, 7), (2, 7), (4, 7), (6, 7)]
    assert upstream.left == [download]


def test_a_download_of_unknown_length_ends_with_an_empty_piece() -> None:
    joined, upstream = _joined(_Download(b"a ", b"wh", length=None))
    sent = _sent(joined)
    assert (sent[0]["status"], b"content-length" in dict(sent[0]["headers"])) == (200, False)
    assert [message["body"] for message in sent[1:]] == [b"a ", b"wh", b""]
    assert [message["type"] for message in sent] == ["http.response.start", *["http.response.body"] * 3]
    assert [message.get("more_body", False) for message in sent[1:]] == [True, True, False]
    assert len(upstream.left) == 1


def test_a_range_of_a_download_is_sent_alone() -> None:
    joined, _ = _joined(_Download(b"a ", b"wh", b"ee", b"l", length=7))
    sent = _sent(joined, _request((b"range", b"bytes=3-5")))
    assert (sent[0]["status"], dict(sent[0]["headers"])[b"content-range"]) == (206, b"bytes 3-5/7")
    assert [(message["body"], message["more_body"]) for message in sent[1:]] == [(b"he", True), (b"e", False)]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (_request(method="HEAD"), 200),
        (_request((b"if-none-match", f'"{DIGEST}"'.encode())), 304),
        (_request((b"range", b"bytes=7-")), 416),
    ],
)
def test_no_byte_of_a_download_is_read_for_an_answer_without_a_body(request_: Request, status: int) -> None:
    download = _Download(b"a wheel", length=7)
    joined, upstream = _joined(download)
    sent = _sent(joined, request_)
    assert (sent[0]["status"], download.reads) == (status, [])
    assert upstream.left == [download]


@pytest.mark.parametrize(
    "download",
    [
        lambda: _Download(b"a ", b"wh", length=7),
        lambda: _Download(b"a ", b"wh", length=7, error=UpstreamUnavailableError("cut off")),
        lambda: _Download(b"a ", b"wh", length=None, error=UpstreamUnavailableError("cut off")),
    ],
)
def test_a_download_that_ends_early_cuts_the_answer_off(download: Callable[[], _Download]) -> None:
    joined, upstream = _joined(download())
    with pytest.raises(ClientGoneError):
        _sent(joined)
    assert len(upstream.left) == 1


def test_a_failed_download_of_unknown_length_does_not_look_complete() -> None:
    download = _Download(b"a ", length=None)
    download.error = UpstreamUnavailableError("cut off")
    joined, _ = _joined(download)
    with pytest.raises(ClientGoneError):
        _sent(joined)


def test_a_client_that_is_gone_gets_nothing_more() -> None:
    download = _Download(b"a ", b"wh", b"ee", b"l", length=7)
    joined, upstream = _joined(download)
    with pytest.raises(ClientGoneError):
        _sent(joined, _request(gone=True))
    assert len(download.reads) < 4
    assert upstream.left == [download]
