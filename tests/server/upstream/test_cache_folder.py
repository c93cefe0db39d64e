"""The cache's folder as an operator may find it: shared, full, made smaller, left behind, under a wrong clock."""

import asyncio
import errno
import os
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from publisher.server.routes.public import packages
from publisher.server.routes.sending import open_file
from publisher.server.settings import Activity
from publisher.server.upstream.files import blobs
from publisher.server.upstream.pages import page_store
from tests.helpers.http import Client
from tests.helpers.inside import serving_app
from tests.helpers.passing_on import QUICK, Clock, filenames, passing_on, read, settings_for
from tests.helpers.upstream import FakeUpstream
from tests.helpers.waiting import eventually_async


class _Usage(NamedTuple):
    total: int
    used: int
    free: int


def _no_space(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_two_processes_download_one_file(fake: FakeUpstream, tmp_path: Path) -> None:
    small, large = fake.add(tmp_path, "foo"), fake.add(tmp_path, "bar", data=os.urandom(3 * 2**20))
    settings = settings_for(fake, tmp_path)

    async def scenario() -> None:
        async with passing_on(settings) as one, passing_on(settings) as two:
            for file in (small, large):
                found = await asyncio.gather(*(read(each, file.path) for each in (one, two, one, two)))
                assert set(found) == {file.data}
                assert len([path for path in fake.requests if path == file.path]) <= 2
                await eventually_async(lambda: one.blobs.has(file.sha256))  # noqa: B023 - ends before the next turn
                assert one.blobs.path(file.sha256).read_bytes() == file.data
            await eventually_async(lambda: not list((settings.cache / "tmp").iterdir()))

    asyncio.run(scenario())


def test_two_processes_keep_to_one_size(fake: FakeUpstream, tmp_path: Path) -> None:
    files = [fake.add(tmp_path, "foo", f"{number}.0", data=os.urandom(50_000)) for number in range(12)]
    settings = settings_for(fake, tmp_path, cache_size=300_000)

    async def scenario() -> None:
        async with passing_on(settings) as one, passing_on(settings) as two:
            for number, file in enumerate(files):
                upstream = (one, two)[number % 2]
                assert await read(upstream, file.path) == file.data
                await upstream.files._small._behind.stop()
            assert sum(blob.size for blob in one.blobs.scan()) <= settings.cache_size

    asyncio.run(scenario())


def test_another_processs_newer_page_is_used_with_its_state(fake: FakeUpstream, tmp_path: Path) -> None:
    first = fake.add(tmp_path, "foo", "1.0")
    settings = settings_for(fake, tmp_path)

    async def scenario() -> None:
        async with passing_on(settings) as one, passing_on(settings) as two:
            assert await filenames(one, "foo") == [first.filename]
            await one.pages.saved("foo")
            second = fake.add(tmp_path, "foo", "2.0")
            await two.pages.refresh("foo", settings.sources[0])
            await two.pages.saved("foo")
            page = await one.page("foo", "/prefix", as_json=True)
            assert second.filename.encode() in page.rendered.body
            state = await one.pages.get("foo", settings.sources[0])
            assert state.facts == (await two.pages.get("foo", settings.sources[0])).facts

    asyncio.run(scenario())


def test_a_file_that_another_process_removed_just_now_is_downloaded_again(
    fake: FakeUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = fake.add(tmp_path, "foo", data=os.urandom(100_000))

    def remove_and_open(path: str, small: int) -> object:
        monkeypatch.setattr(packages, "open_file", open_file)
        Path(path).unlink()
        return open_file(path, small)

    changes = {"upstream": settings_for(fake, tmp_path), "authenticate": frozenset({Activity.UPDATE})}
    with serving_app(tmp_path, changes) as (url, app):
        path = "-/public/" + file.path.removeprefix("/packages/")
        assert Client(url, None).get(path).content == file.data
        assert app.upstream is not None
        while not app.upstream.blobs.has(file.sha256):
            assert Client(url, None).get(path).content == file.data
        monkeypatch.setattr(packages, "open_file", remove_and_open)
        assert Client(url, None).get(path).content == file.data
        assert fake.count("file") == 2


def test_a_smaller_cache_is_made_smaller_at_the_start(fake: FakeUpstream, tmp_path: Path) -> None:
    files = [fake.add(tmp_path, "foo", f"{number}.0", data=os.urandom(50_000)) for number in range(6)]

    async def scenario() -> None:
        async with passing_on(settings_for(fake, tmp_path)) as upstream:
            for file in files:
                await read(upstream, file.path)
        async with passing_on(settings_for(fake, tmp_path, cache_size=120_000)) as upstream:
            await eventually_async(lambda: sum(blob.size for blob in upstream.blobs.scan()) <= 120_000)
            assert await read(upstream, files[0].path) == files[0].data

    asyncio.run(scenario())


def test_nothing_is_removed_for_a_disk_that_others_filled(
    fake: FakeUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    old, new = fake.add(tmp_path, "foo", "1.0"), fake.add(tmp_path, "foo", "2.0")

    async def scenario() -> None:
        async with passing_on(settings_for(fake, tmp_path)) as upstream:
            await read(upstream, old.path)
            await eventually_async(lambda: upstream.blobs.has(old.sha256))
            monkeypatch.setattr(shutil, "disk_usage", lambda _: _Usage(10**12, 10**12 - 10**6, 10**6))
            assert await read(upstream, new.path) == new.data
            await upstream.files._small._behind.stop()
            assert upstream.blobs.has(old.sha256)
            assert not upstream.blobs.has(new.sha256)

    asyncio.run(scenario())
    assert caplog.text.count("no room in the cache of public packages") == 1


@pytest.mark.parametrize("size", [10, 2_000_000])
def test_a_full_disk_fails_no_page_and_no_small_file(
    fake: FakeUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    files = [fake.add(tmp_path, f"foo{number}", data=os.urandom(1000)) for number in range(4)]
    monkeypatch.setattr(blobs, "put_file", _no_space)
    monkeypatch.setattr(page_store, "put_file", _no_space)
    limits = QUICK._replace(unsaved_pages=size)

    async def scenario() -> None:
        async with passing_on(settings_for(fake, tmp_path, limits=limits)) as upstream:
            for _ in range(2):
                for file in files:
                    name = file.filename.split("-")[0]
                    assert await filenames(upstream, name) == [file.filename]
                    await upstream.pages.saved(name)
                    assert b"<a href" in (await upstream.page(name, "", as_json=False)).rendered.body
                    assert await read(upstream, file.path) == file.data
            kept = [state for state in upstream.pages._states.values() if state.body is not None]
            assert len(kept) == (1 if size == 10 else len(files))

    asyncio.run(scenario())


def test_leftovers_of_a_killed_process_go_after_a_day(fake: FakeUpstream, tmp_path: Path) -> None:
    settings = settings_for(fake, tmp_path)
    (settings.cache / "tmp").mkdir(parents=True)
    old, young = (settings.cache / "tmp" / name for name in ("old", "young"))
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (1, 1))

    async def scenario() -> None:
        async with passing_on(settings):
            assert not old.exists()
            assert young.exists()

    asyncio.run(scenario())


@pytest.mark.parametrize("shift", [-365 * 86400.0, 8 * 86400.0])
def test_a_page_from_under_a_wrong_clock_is_asked_for_again(fake: FakeUpstream, tmp_path: Path, shift: float) -> None:
    clock = Clock()
    fake.add(tmp_path, "foo", "1.0")

    async def scenario() -> None:
        async with passing_on(settings_for(fake, tmp_path), clock=clock) as upstream:
            await filenames(upstream, "foo")
            clock.now += shift
            fake.add(tmp_path, "foo", "2.0")
            await filenames(upstream, "foo")
            await eventually_async(lambda: fake.count("page") == 2 and not upstream.pages.is_refreshing("foo"))
            assert len(await filenames(upstream, "foo")) == 2
            assert len(await filenames(upstream, "foo")) == 2
            assert fake.count("page") == 2

    asyncio.run(scenario())


def test_the_times_of_use_take_a_bounded_part_of_the_memory(tmp_path: Path) -> None:
    store = blobs.BlobStore(tmp_path, 1000)
    store._marked.update((str(number), 0.0) for number in range(100_001))
    store.mark("new")
    assert len(store._marked) == 1
