import asyncio
import hashlib
import os
import shutil
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from publisher.server.settings import UpstreamSource
from publisher.server.upstream.errors import (
    NotUpstreamError,
    UpstreamError,
    UpstreamUnavailableError,
    WrongContentError,
)
from publisher.server.upstream.files.downloads import Download
from publisher.server.upstream.files.flights import Flights, LocalFailureError
from publisher.server.upstream.files.wanted import Wanted
from tests.helpers.passing_on import QUICK, find, page, passing_on, read, settings_for
from tests.helpers.upstream import FakeUpstream, PublicFile
from tests.helpers.waiting import eventually_async

if TYPE_CHECKING:
    from publisher.server.upstream.client import FileReply


def big(fake: FakeUpstream, folder: Path, size: int = 3 * 2**20) -> PublicFile:
    return fake.add(folder, "foo", data=os.urandom(size))


def test_ten_readers_share_one_download_and_none_waits_for_its_end(fake: FakeUpstream, tmp_path: Path) -> None:
    file = big(fake, tmp_path)
    fake.gate.clear()

    async def scenario() -> None:
        async with passing_on(settings_for(fake, tmp_path)) as upstream:
            found = await find(upstream, file.path)
            downloads = [await upstream.open(found) for _ in range(10)]
            for download in downloads:
                assert isinstance(download, Download)
                assert await download.read(0, None) == file.data[: len(await download.read(0, None))]
                assert not download.done
            fake.gate.set()
            assert await asyncio.gather(*(read(upstream, file.path) for _ in range(3))) == [file.data] * 3
            for download in downloads:
                assert isinstance(download, Download)
                upstream.leave(download)
            assert fake.count("file") == 1

    asyncio.run(scenario())


def test_a_reader_may_begin_in_the_middle(fake: FakeUpstream, tmp_path: Path) -> None:
    file = big(fake, tmp_path)
    fake.gate.clear()

    async def scenario() -> None:
        async with passing_on(settings_for(fake, tmp_path)) as upstream:
            download = await upstream.open(await find(upstream, file.path))
            assert isinstance(download, Download)
            await download.read(0, None)
            offset = len(file.data) // 2 + 1000
            late = asyncio.create_task(download.read(offset, offset + 10))
            await asyncio.sleep(0)
            assert not late.done()
            fake.gate.set()
            assert await late == file.data[offset : offset + 10]
            upstream.leave(download)

    asyncio.run(scenario())


def test_a_download_that_all_leave_ends_and_is_not_held_against_the_file(
    fake: FakeUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = big(fake, tmp_path, 40 * 2**20)
    monkeypatch.setattr("publisher.server.upstream.files.downloads.ABANDONED_AFTER", 0.01)

    async def scenario() -> None:
        settings = settings_for(fake, tmp_path)
        async with passing_on(settings) as upstream:
            download = await upstream.open(await find(upstream, file.path))
            assert isinstance(download, Download)
            upstream.leave(download)
            await eventually_async(lambda: download.done)
            assert download.error is not None
            assert not list((settings.cache / "tmp").iterdir())
            assert hashlib.sha256(await read(upstream, file.path)).hexdigest() == file.sha256

    asyncio.run(scenario())


def test_a_failure_is_remembered_and_nothing_wrong_is_stored(fake: FakeUpstream, tmp_path: Path) -> None:
    file = big(fake, tmp_path)
    fake.faults["file"] = "wrong digest"
    settings = settings_for(fake, tmp_path)

    async def scenario() -> None:
        async with passing_on(settings) as upstream:
            assert len(await read(upstream, file.path)) == len(file.data)  # the client's own check names the reason
            for _ in range(5):
                with pytest.raises(WrongContentError, match="sha256"):
                    await read(upstream, file.path)
            assert fake.count("file") == 1
            assert not [path for path in (settings.cache / "files").rglob("*") if path.is_file()]
            assert not list((settings.cache / "tmp").iterdir())

    asyncio.run(scenario())


def test_the_metadata_of_a_wheel_has_its_own_digest(fake: FakeUpstream, tmp_path: Path) -> None:
    file = big(fake, tmp_path)

    async def scenario() -> None:
        async with passing_on(settings_for(fake, tmp_path)) as upstream:
            found = await find(upstream, file.path)
            assert await upstream.metadata(found) == file.metadata
            fake.faults["metadata"] = "500"
            assert await upstream.metadata(found) == file.metadata

    asyncio.run(scenario())


def test_metadata_that_upstream_lost_comes_from_the_wheel_or_is_not_announced_again(
    fake: FakeUpstream, tmp_path: Path
) -> None:
    file = big(fake, tmp_path)
    fake.faults["metadata"] = "404"

    async def scenario() -> None:
        async with passing_on(settings_for(fake, tmp_path)) as upstream:
            answer = await upstream.page("foo", "", as_json=True)
            assert b"core-metadata" in answer.rendered.body
            found = await find(upstream, file.path)
            with pytest.raises(NotUpstreamError):
                await upstream.metadata(found)
            assert not upstream.is_right(answer.basis)
            assert b"core-metadata" not in (await upstream.page("foo", "", as_json=True)).rendered.body
        async with passing_on(settings_for(fake, tmp_path)) as upstream:
            await read(upstream, file.path)
            await eventually_async(partial(upstream.blobs.has, file.sha256))
            assert await upstream.metadata(await find(upstream, file.path)) == file.metadata

    asyncio.run(scenario())


def test_a_file_is_found_only_under_the_path_that_its_page_gives_it(fake: FakeUpstream, tmp_path: Path) -> None:
    file = big(fake, tmp_path)

    async def scenario() -> None:
        async with passing_on(settings_for(fake, tmp_path)) as upstream:
            for tail, filename in [("other", file.filename), ("aa/bb", "foo-9.0-py3-none-any.whl"), ("", "nonsense")]:
                with pytest.raises(NotUpstreamError):
                    await upstream.find(tail, filename)

    asyncio.run(scenario())


def test_the_least_used_files_make_room_and_pinned_ones_stay(fake: FakeUpstream, tmp_path: Path) -> None:
    files = [fake.add(tmp_path, "foo", f"{number}.0", data=os.urandom(100_000)) for number in range(6)]
    settings = settings_for(fake, tmp_path, cache_size=320_000)

    async def scenario() -> None:
        async with passing_on(settings) as upstream:
            upstream.blobs.pin("keep", {files[0].sha256})
            for age, file in enumerate(files):
                await read(upstream, file.path)
                await eventually_async(partial(upstream.blobs.has, file.sha256))
                used = 1_000_000 + age
                os.utime(upstream.blobs.path(file.sha256), (used, used))
            kept = [file for file in files if upstream.blobs.has(file.sha256)]
            assert files[0] in kept
            assert files[-1] in kept
            assert files[1] not in kept
            assert sum(len(file.data) for file in kept) <= settings.cache_size

    asyncio.run(scenario())


def test_a_file_that_finds_no_room_is_passed_on_all_the_same(fake: FakeUpstream, tmp_path: Path) -> None:
    file = big(fake, tmp_path)
    settings = settings_for(fake, tmp_path, cache_size=1000)

    async def scenario() -> None:
        async with passing_on(settings) as upstream:
            assert await read(upstream, file.path) == file.data
            await eventually_async(lambda: not list((settings.cache / "tmp").iterdir()))
            assert not upstream.blobs.has(file.sha256)

    asyncio.run(scenario())


def test_a_damaged_file_is_downloaded_again(fake: FakeUpstream, tmp_path: Path) -> None:
    file = big(fake, tmp_path)

    async def scenario() -> None:
        async with passing_on(settings_for(fake, tmp_path)) as upstream:
            await read(upstream, file.path)
            await eventually_async(lambda: not upstream.files._downloads._running)
            upstream.blobs.path(file.sha256).write_bytes(b"short")
            assert await read(upstream, file.path) == file.data

    asyncio.run(scenario())


def test_upstream_breaks_off(fake: FakeUpstream, tmp_path: Path) -> None:
    file = big(fake, tmp_path)
    fake.faults["file"] = "truncated"

    async def scenario() -> None:
        async with passing_on(settings_for(fake, tmp_path)) as upstream:
            with pytest.raises(UpstreamUnavailableError, match="connection to upstream failed"):
                await read(upstream, file.path)

    asyncio.run(scenario())


@pytest.mark.parametrize("size", [1000, 3 * 2**20])
@pytest.mark.parametrize("hashes", [{}, {"crc32c": "0"}], ids=["none", "unknown"])
def test_a_file_without_a_digest_is_announced_with_that_of_its_first_bytes(
    fake: FakeUpstream, tmp_path: Path, size: int, hashes: dict[str, str]
) -> None:
    file = fake.add(tmp_path, "foo", data=os.urandom(size), extra={"hashes": hashes})
    path, first = file.path, file.sha256
    file.fixed_path = path
    settings = settings_for(fake, tmp_path)

    async def scenario() -> None:
        async with passing_on(settings) as upstream:
            before = await upstream.page("foo", "", as_json=True)
            assert first.encode() not in before.rendered.body
            assert await read(upstream, path) == file.data
            await eventually_async(lambda: not upstream.is_right(before.basis))
            assert first.encode() in (await upstream.page("foo", "", as_json=True)).rendered.body
            assert f"#sha256={first}".encode() in (await upstream.page("foo", "", as_json=False)).rendered.body
        shutil.rmtree(settings.cache / "files")
        file.data = file.data[:-1] + bytes([file.data[-1] ^ 1])
        async with passing_on(settings) as upstream:
            assert (await page(upstream, "foo"))["files"][0]["hashes"]["sha256"] == first
            if size < settings.limits.small_file:
                with pytest.raises(WrongContentError):
                    await read(upstream, path)
            else:
                assert await read(upstream, path)  # whose digest the client checks
            assert not list((settings.cache / "files").rglob("url-*"))

    asyncio.run(scenario())


def test_failures_of_files_are_remembered_up_to_a_number_and_count_only_where_upstream_is_at_fault(
    fake: FakeUpstream, tmp_path: Path
) -> None:
    settings = settings_for(fake, tmp_path, limits=QUICK._replace(remembered_files=2))

    async def scenario() -> None:
        async with passing_on(settings) as upstream:
            flights, source = Flights(upstream.context), settings.sources[0]
            breaker = upstream.context.breakers.of(fake.url)

            def end(key: str, error: UpstreamError | None) -> None:
                flights.ended(Wanted(source, fake.url, f"{key}-1.0.tar.gz", key, {}, None, 1000), error)

            end("a", UpstreamUnavailableError("refused"))
            end("b", UpstreamUnavailableError("refused again"))
            end("c", LocalFailureError("the disk is full"))
            assert breaker.last_failure == "refused again"
            assert [flights.has_failed(key) for key in "abc"] == [True, True, False]
            end("d", NotUpstreamError("no such file"))
            assert not breaker.last_failure
            assert [flights.has_failed(key) for key in "abd"] == [False, True, True]

    asyncio.run(scenario())


@pytest.mark.parametrize(("announced", "sent", "expected"), [(7, None, 7), (None, 7, 7), (7, 7, 7), (None, None, None)])
def test_the_length_of_a_file_is_what_the_page_or_the_answer_says(
    announced: int | None, sent: int | None, expected: int | None
) -> None:
    wanted = Wanted(UpstreamSource("https://acme.example/"), "", "a-1.0.tar.gz", "", {}, announced, 7)
    reply = cast("FileReply", SimpleNamespace(status=200, length=sent))
    assert wanted.length_in(reply) == expected
    if expected is not None:
        with pytest.raises(UpstreamUnavailableError, match="larger than the 6 bytes"):
            wanted._replace(limit=6).length_in(reply)
