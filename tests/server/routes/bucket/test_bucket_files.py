"""Files of a bucket as answers: from memory, whole, in parts, or by a redirect, and nothing that no record lists."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from publisher.server.http.messages import HttpError, Request, Response
from publisher.server.routes.bucket.files import BucketFileRoutes
from publisher.server.routes.bucket.signed_urls import SignedUrl
from publisher.server.routes.bucket.streamed import StreamedFile
from publisher.server.routes.sending import SMALL
from publisher.server.storage.errors import StorageUnavailableError
from publisher.server.store.projects import StoredFile
from tests.helpers.dists import make_sdist, make_wheel
from tests.helpers.memory_bucket import Process, memory_index, metadata_of, running

WHEEL = "acme-1.0-py3-none-any.whl"


def _request(method: str = "GET", **headers: str) -> Request:
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": method, "path": "/", "headers": given}, _nothing)


async def _nothing() -> Any:
    raise AssertionError("there is no body")


class Served:
    """The routes of one process, and a store that signs without one."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.routes = BucketFileRoutes(process.settings, process.catalog, process.storage)
        self.routes._signed.sign = self._sign  # type: ignore[method-assign]
        self.signed = 0

    def _sign(self, key: str) -> SignedUrl:
        self.signed += 1
        return SignedUrl(f"https://store/{key}?{self.signed}", time.monotonic() + 60.9)

    async def answer(self, path: str, request: Request | None = None) -> Any:
        return await self.routes.answer(request or _request(), path)

    async def status(self, path: str) -> int:
        try:
            return int((await self.answer(path)).status)
        except HttpError as error:
            return error.status


async def _served(tmp_path: Path, size: int = 100, **settings: Any) -> tuple[Served, StoredFile]:
    """Publish a wheel of about so many bytes, and return its routes in another process."""
    process = memory_index(**settings)
    wheel = make_wheel(tmp_path, "acme", members={"data": os.urandom(size)})
    file = await process.upload(wheel, b"signature")
    return Served(process.another(**settings)), file


@running
async def test_a_small_file_is_read_once_and_then_in_memory(tmp_path: Path) -> None:
    served, file = await _served(tmp_path)
    request = _request()
    assert served.routes.from_memory(request, WHEEL) is None
    first = await served.answer(WHEEL)
    assert (first.status, first.body) == (200, (tmp_path / WHEEL).read_bytes())
    headers = dict(first.headers)
    assert headers[b"content-type"] == b"application/zip"
    assert headers[b"etag"] == f'"{file.metadata.sha256}"'.encode()
    assert headers[b"last-modified"].endswith(b" GMT")
    assert b"immutable" in headers[b"cache-control"]
    served.process.orders.take()
    assert await served.answer(WHEEL) is first
    remembered = served.routes.from_memory(request, WHEEL)
    assert remembered is not None
    assert remembered.response is first
    assert remembered.is_right is not None
    assert remembered.is_right()
    assert served.process.orders.take() == []
    served.process.age(3)
    assert not remembered.is_right()
    assert served.routes.from_memory(request, WHEEL) is None  # it may have been deleted meanwhile
    assert await served.answer(WHEEL) is first
    assert served.process.orders.take() == ["read index.json", "read projects/acme.json"]


@running
async def test_metadata_and_signature_are_beside_their_file(tmp_path: Path) -> None:
    served, file = await _served(tmp_path)
    metadata, signature = await served.answer(f"{WHEEL}.metadata"), await served.answer(f"{WHEEL}.asc")
    assert metadata.body.startswith(b"Metadata-Version")
    assert dict(metadata.headers)[b"content-type"] == b"text/plain; charset=utf-8"
    assert dict(metadata.headers)[b"etag"] == f'"{file.metadata.metadata_sha256}"'.encode()
    assert signature.body == b"signature"
    assert dict(signature.headers)[b"content-type"] == b"text/plain"
    remembered = served.routes.from_memory(_request(), f"{WHEEL}.metadata")
    assert remembered is not None
    assert remembered.response is metadata
    sdist = make_sdist(tmp_path, "acme")
    await served.process.upload(sdist)
    for ending in (".metadata", ".asc"):
        assert await served.status(sdist.name + ending) == 404


@pytest.mark.parametrize(
    "path",
    [
        "acme-2.0-py3-none-any.whl",
        "other-1.0-py3-none-any.whl",
        f"below/{WHEEL}",
        f"below/{WHEEL}.metadata",
        f"{WHEEL}.metadata.asc",
        f"{WHEEL}.sig",
        "projects/acme.json",
        "index.json",
        "",
    ],
)
@running
async def test_what_no_record_lists_is_not_found(tmp_path: Path, path: str) -> None:
    served, _ = await _served(tmp_path)
    await served.answer(WHEEL)
    assert await served.status(path) == 404
    assert served.routes.from_memory(_request(), path) is None


@running
async def test_a_listed_file_that_is_missing_is_a_failure_of_the_store(tmp_path: Path) -> None:
    served, file = await _served(tmp_path)
    for ending in ("", ".metadata", ".asc"):
        served.process.objects.remove(f"{file.path}{ending}")
    with pytest.raises(StorageUnavailableError, match="missing"):
        await served.answer(WHEEL)
    for ending in (".metadata", ".asc"):
        assert await served.status(WHEEL + ending) == 404


@pytest.mark.parametrize(("more", "redirected"), [(1, False), (0, True), (-1, True)])
@running
async def test_a_file_is_fetched_from_the_store_from_a_size_on(tmp_path: Path, more: int, *, redirected: bool) -> None:
    process = memory_index()
    file = await process.upload(make_wheel(tmp_path, "acme"), b"signature")
    served = Served(process.another(signed_from=file.metadata.size + more))
    answer = await served.answer(WHEEL)
    assert answer.status == (302 if redirected else 200)
    assert (await served.answer(WHEEL, _request("HEAD"))).status == 200
    for ending in (".metadata", ".asc"):
        assert (await served.answer(WHEEL + ending)).status == 200


@running
async def test_a_redirect_is_the_same_while_its_url_is_kept(tmp_path: Path) -> None:
    served, file = await _served(tmp_path, signed_from=1)
    assert served.routes.from_memory(_request(), WHEEL) is None
    answers = [await served.answer(WHEEL) for _ in range(3)]
    remembered = served.routes.from_memory(_request(), WHEEL)
    assert remembered is not None
    assert remembered.is_right is None, "the time for which it may be kept ends with the URL's"
    for answer in (*answers, remembered.response):
        assert isinstance(answer, Response)
        assert (answer.status, answer.body) == (302, b"")
        headers = dict(answer.headers)
        assert headers[b"location"] == f"https://store/{file.path}?1".encode()
        assert headers[b"cache-control"] == b"private, max-age=60"
        assert headers[b"x-content-type-options"] == b"nosniff"
    assert served.routes.from_memory(_request("HEAD"), WHEEL) is None
    assert served.routes.from_memory(_request(), f"{WHEEL}.metadata") is None
    served.process.age(3)
    assert served.routes.from_memory(_request(), WHEEL) is None


@running
async def test_without_signed_urls_every_file_passes_through(tmp_path: Path) -> None:
    served, _ = await _served(tmp_path, 2 * SMALL, signed_from=None)
    answer = await served.answer(WHEEL)
    assert isinstance(answer, StreamedFile)
    assert served.routes.from_memory(_request(), WHEEL) is None
    assert served.signed == 0


@pytest.mark.parametrize(("more", "streamed"), [(0, False), (1, True)])
@running
async def test_a_file_is_streamed_from_a_megabyte_on(more: int, *, streamed: bool) -> None:
    process = memory_index(signed_from=None)
    await process.changes.upload(bytes(SMALL + more), "acme-1.0.tar.gz", metadata_of(SMALL + more))
    answer = await Served(process).answer("acme-1.0.tar.gz")
    assert isinstance(answer, StreamedFile) is streamed


@running
async def test_a_range_of_a_small_file_comes_alone(tmp_path: Path) -> None:
    served, file = await _served(tmp_path)
    whole = (tmp_path / WHEEL).read_bytes()
    for _ in range(2):  # read, and from memory
        part = await served.answer(WHEEL, _request(range="bytes=3-9"))
        assert (part.status, part.body) == (206, whole[3:10])
    unchanged = await served.answer(WHEEL, _request(if_none_match=f'"{file.metadata.sha256}"'))
    assert (unchanged.status, unchanged.body) == (304, b"")


async def _send(file: StreamedFile, request: Request) -> tuple[int, dict[bytes, bytes], list[bytes], int]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    count = await file.send(request, send)
    bodies = [each for each in sent if each["type"] == "http.response.body"]
    assert [each.get("more_body", False) for each in bodies] == [True] * (len(bodies) - 1) + [False]
    return sent[0]["status"], dict(sent[0]["headers"]), [each["body"] for each in bodies], count


@pytest.mark.parametrize(
    ("wanted", "first", "end", "status"),
    [
        (None, 0, None, 200),
        ("bytes=0-0", 0, 1, 206),
        ("bytes=1048570-1048590", 1_048_570, 1_048_591, 206),
        ("bytes=2000000-", 2_000_000, None, 206),
        ("bytes=-5", -5, None, 206),
    ],
)
@running
async def test_a_large_file_is_sent_a_piece_at_a_time(
    tmp_path: Path, wanted: str | None, first: int, end: int | None, status: int
) -> None:
    served, _ = await _served(tmp_path, 5 * SMALL // 2, signed_from=None)
    whole = (tmp_path / WHEEL).read_bytes()
    answer = await served.answer(WHEEL)
    request = _request(**({"range": wanted} if wanted else {}))
    found, headers, bodies, count = await _send(answer, request)
    expected = whole[first:end]
    assert (found, b"".join(bodies), count) == (status, expected, len(expected))
    assert headers[b"content-length"] == b"%d" % len(expected)
    assert (b"content-range" in headers) == (status == 206)


@pytest.mark.parametrize(
    ("method", "wanted", "status"), [("HEAD", None, 200), ("GET", "bytes=99999999-", 416), ("HEAD", "bytes=1-2", 200)]
)
@running
async def test_an_answer_without_a_body_takes_no_request(
    tmp_path: Path, method: str, wanted: str | None, status: int
) -> None:
    served, _ = await _served(tmp_path, 2 * SMALL, signed_from=None)
    answer = await served.answer(WHEEL, _request(method))
    request = _request(method, **({"range": wanted} if wanted else {}))
    found, _, bodies, _ = await _send(answer, request)
    assert found == status
    assert method == "GET" or b"".join(bodies) == b""


@running
async def test_a_failure_before_the_first_piece_is_no_answer_yet(tmp_path: Path) -> None:
    served, file = await _served(tmp_path, 2 * SMALL, signed_from=None)
    answer = await served.answer(WHEEL)
    served.process.objects.remove(str(file.path))
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    with pytest.raises(StorageUnavailableError, match="missing"):
        await answer.send(_request(), send)
    assert sent == []
