"""Public files and their metadata: from the cache, whole from upstream, or as a download; and under which keys."""

import asyncio
import hashlib
import zipfile
from collections.abc import Awaitable, Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from publisher.server.settings import UpstreamSource
from publisher.server.upstream.context import UpstreamContext
from publisher.server.upstream.errors import NotUpstreamError, UpstreamUnavailableError, WrongContentError
from publisher.server.upstream.files.blobs import BlobStore
from publisher.server.upstream.files.downloads import Download
from publisher.server.upstream.files.public_files import PublicFiles, StoredPublicFile, key_of
from publisher.server.upstream.pages.learned import LearnedFacts
from publisher.server.upstream.pages.listing import ListedFile
from tests.helpers.passing_on import QUICK
from tests.helpers.scripted_upstream import ScriptedClient, ScriptedFile

SOURCE = UpstreamSource("https://up.example/simple/")
URL = "https://up.example/packages/foo-1.0-py3-none-any.whl"
METADATA = b"Metadata-Version: 2.1\nName: foo\nVersion: 1.0\n"


def _wheel() -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("foo-1.0.dist-info/METADATA", METADATA)
    return buffer.getvalue()


BODY = _wheel()
DIGEST = hashlib.sha256(BODY).hexdigest()
METADATA_DIGEST = hashlib.sha256(METADATA).hexdigest()


def listed(**changes: Any) -> ListedFile:
    found = ListedFile(
        "foo-1.0-py3-none-any.whl", "1.0", URL, {"sha256": DIGEST}, len(BODY), None, {"sha256": METADATA_DIGEST}
    )
    return found._replace(**changes)


class Room:
    """The public files of a cache, whose upstream is scripted."""

    def __init__(self, folder: Path, *answers: ScriptedFile | Exception, **limits: Any) -> None:
        self.context = UpstreamContext(QUICK._replace(**limits))
        self.client = self.context.client = ScriptedClient(*answers)
        self.blobs = BlobStore(folder / "cache", 10**6)
        self.learned = LearnedFacts(folder / "cache")
        self.files = PublicFiles(self.context, self.blobs, self.learned)


Open = Callable[..., Room]
Run = Callable[[Callable[[Open], Awaitable[None]]], None]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a function that runs a piece of a test, which opens rooms over one cache."""

    def run(work: Callable[[Open], Awaitable[None]]) -> None:
        async def main() -> None:
            opened: list[Room] = []

            def open_room(*answers: ScriptedFile | Exception, **limits: Any) -> Room:
                opened.append(Room(tmp_path, *answers, **limits))
                return opened[-1]

            try:
                await work(open_room)
            finally:
                for each in opened:
                    await each.files.stop()
                    await each.context.close()

        asyncio.run(main())

    return run


@pytest.mark.parametrize(
    ("hashes", "is_digest"),
    [
        ({"sha256": DIGEST}, True),
        ({"sha256": DIGEST, "md5": "1"}, True),
        ({"sha256": DIGEST[:-1]}, False),
        ({"sha256": f"{DIGEST}0"}, False),
        ({"sha256": "g" * 64}, False),
        ({"sha256": DIGEST.upper()}, False),
        ({"sha256": "../" + "a" * 61}, False),
        ({"sha512": DIGEST}, False),
        ({}, False),
    ],
)
def test_a_file_is_kept_under_its_digest_or_its_url(hashes: dict[str, str], *, is_digest: bool) -> None:
    by_url = f"url-{hashlib.sha256(URL.encode()).hexdigest()}"
    assert key_of(listed(hashes=hashes)) == (DIGEST if is_digest else by_url)


def test_the_keys_of_a_file_are_its_own_and_that_of_its_metadata(run: Run) -> None:
    async def work(open_room: Open) -> None:
        files = open_room().files
        by_url = f"meta-{hashlib.sha256(URL.encode()).hexdigest()}"
        assert files.keys(listed()) == {DIGEST, METADATA_DIGEST}
        assert files.keys(listed(metadata=None)) == {DIGEST}
        for digests in ({}, {"sha256": "x" * 64}, {"sha256": "a" * 63}, {"md5": "1"}):
            assert files.keys(listed(metadata=digests)) == {DIGEST, by_url}

    run(work)


@pytest.mark.parametrize(
    ("size", "limit", "whole"), [(True, len(BODY), True), (True, len(BODY) - 1, False), (False, len(BODY), False)]
)
def test_a_small_file_comes_whole_and_others_while_they_are_read(
    run: Run, limit: int, *, size: bool, whole: bool
) -> None:
    file = listed() if size else listed(size=None)

    async def work(open_room: Open) -> None:
        room = open_room(ScriptedFile([BODY]), small_file=limit)
        found = await room.files.get(file, SOURCE)
        if whole:
            assert found == BODY
        else:
            assert isinstance(found, Download)
            assert await found.read(0, None) == BODY
            assert await found.read(len(BODY), None) == b""
            room.files.leave(found)
        await room.files.stop()
        assert room.client.asked == [URL]
        stored = await room.files.get(file, SOURCE)
        assert stored == StoredPublicFile(room.blobs.path(DIGEST), DIGEST)
        assert room.client.asked == [URL]

    run(work)


def test_a_stored_file_of_another_size_is_fetched_again(run: Run) -> None:
    async def work(open_room: Open) -> None:
        room = open_room(ScriptedFile([BODY]))
        assert room.files.stored(listed()) is None
        room.blobs.store(DIGEST, BODY[:-1])
        assert room.files.stored(listed(size=None)) is not None
        assert room.files.stored(listed()) is None
        assert not room.blobs.has(DIGEST)
        assert await room.files.get(listed(), SOURCE) == BODY

    run(work)


@pytest.mark.parametrize("limit", [0, 10**6])
def test_a_file_is_fetched_into_the_cache(run: Run, limit: int) -> None:
    async def work(open_room: Open) -> None:
        room = open_room(ScriptedFile([BODY[:9], BODY[9:]]), small_file=limit)
        assert await room.files.fetch(listed(), SOURCE) == DIGEST
        assert await room.files.fetch(listed(), SOURCE) == DIGEST
        assert room.client.asked == [URL]

    run(work)


@pytest.mark.parametrize("limit", [0, 10**6])
def test_a_file_that_can_not_be_fetched_is_a_failure(run: Run, limit: int) -> None:
    async def work(open_room: Open) -> None:
        room = open_room(ScriptedFile([BODY[:9], UpstreamUnavailableError("cut")]), small_file=limit)
        with pytest.raises(UpstreamUnavailableError, match="cut"):
            await room.files.fetch(listed(), SOURCE)
        assert not room.blobs.has(DIGEST)

    run(work)


@pytest.mark.parametrize("limit", [0, 10**6])
def test_the_first_bytes_of_a_file_without_a_digest_decide(run: Run, limit: int) -> None:
    file = listed(hashes={})

    async def work(open_room: Open) -> None:
        room = open_room(ScriptedFile([BODY]), small_file=limit)
        assert await room.files.fetch(file, SOURCE) == key_of(file)
        await room.files.stop()
        assert room.learned.digest(URL) == DIGEST
        assert room.learned.revision("foo") == 1
        room.blobs.remove(key_of(file))
        later = open_room(ScriptedFile([BODY[:-1] + b"x"]), small_file=limit)
        with pytest.raises(Exception, match="another sha256"):
            await later.files.fetch(file, SOURCE)

    run(work)


def test_a_digest_that_is_announced_is_not_learned(run: Run) -> None:
    async def work(open_room: Open) -> None:
        room = open_room(ScriptedFile([BODY]))
        await room.files.fetch(listed(), SOURCE)
        await room.files.stop()
        assert (room.learned.digest(URL), room.learned.revision("foo")) == ("", 0)

    run(work)


def test_metadata_is_asked_for_once_and_stored(run: Run) -> None:
    async def work(open_room: Open) -> None:
        room = open_room(ScriptedFile([METADATA]))
        room.files.expect_metadata(listed(), SOURCE)
        assert await room.files.metadata(listed(), SOURCE) == METADATA
        await room.files.stop()
        assert room.client.asked == [f"{URL}.metadata"]
        later = open_room()
        later.files.expect_metadata(listed(), SOURCE)
        assert await later.files.metadata(listed(), SOURCE) == METADATA
        await asyncio.sleep(0)
        assert later.client.asked == []

    run(work)


def test_metadata_that_is_not_announced_is_not_asked_for(run: Run) -> None:
    async def work(open_room: Open) -> None:
        room = open_room()
        with pytest.raises(NotUpstreamError, match=r"foo-1\.0-py3-none-any\.whl has no metadata file"):
            await room.files.metadata(listed(metadata=None), SOURCE)

    run(work)


def test_metadata_that_upstream_does_not_have_is_that_of_the_wheel(run: Run) -> None:
    async def work(open_room: Open) -> None:
        room = open_room(ScriptedFile([], 404), ScriptedFile([], 404), ScriptedFile([], 500), remembered=0.0)
        with pytest.raises(NotUpstreamError, match="Upstream has no file"):
            await room.files.metadata(listed(), SOURCE)
        room.blobs.store(DIGEST, BODY)
        assert await room.files.metadata(listed(), SOURCE) == METADATA
        with pytest.raises(UpstreamUnavailableError):
            await room.files.metadata(listed(), SOURCE)

    run(work)


@pytest.mark.parametrize(("limit", "fits"), [(len(METADATA), True), (len(METADATA) - 1, False)])
def test_metadata_is_as_large_as_its_limit_allows(run: Run, limit: int, *, fits: bool) -> None:
    async def work(open_room: Open) -> None:
        room = open_room(ScriptedFile([METADATA]), metadata_size=limit)
        if fits:
            assert await room.files.metadata(listed(metadata={}), SOURCE) == METADATA
        else:
            with pytest.raises(Exception, match="more bytes"):
                await room.files.metadata(listed(metadata={}), SOURCE)

    run(work)


@pytest.mark.parametrize(("size", "limit"), [(len(BODY), 10**6), (None, len(BODY))])
def test_a_download_ends_at_its_first_byte_too_many(run: Run, size: int | None, limit: int) -> None:
    """An upstream that sends without end fills no disk."""

    async def work(open_room: Open) -> None:
        endless = ScriptedFile([BODY, b"x", UpstreamUnavailableError("more was asked for")])
        room = open_room(endless, small_file=0, file_size=limit)
        with pytest.raises(WrongContentError, match="more bytes"):
            await room.files.fetch(listed(size=size), SOURCE)
        assert not room.blobs.has(DIGEST)

    run(work)
