"""Records of public pages, downloads and failures in memory, and their eviction."""

import asyncio
import gc
import threading
from pathlib import Path
from typing import cast

import pytest

from publisher.limits import UpstreamLimits
from publisher.server.settings import UpstreamSource
from publisher.server.upstream.context import UpstreamContext
from publisher.server.upstream.errors import NotUpstreamError
from publisher.server.upstream.files.downloads import Download, Downloads
from publisher.server.upstream.files.flights import LocalFailureError
from publisher.server.upstream.files.wanted import Wanted
from publisher.server.upstream.pages.learned import LearnedFacts
from publisher.server.upstream.pages.listing import ListedFile, Listing
from publisher.server.upstream.pages.recent import EarlyPages, RecentListings, RenderedEarly, pack
from publisher.server.upstream.pages.render import RenderedPage
from tests.helpers.passing_on import QUICK, filenames, passing_on, settings_for
from tests.helpers.upstream import FakeUpstream


def listing(name: str, count: int = 2) -> Listing:
    files = [
        ListedFile(f"{name}-{number}.tar.gz", str(number), "https://x.example/", {"sha256": "a"}, 1, 2.0, None)
        for number in range(count)
    ]
    return Listing(name, "archived", {file.filename: file for file in files})


def test_a_listing_is_that_of_its_revision() -> None:
    kept = RecentListings(UpstreamLimits())
    kept.keep("foo", 1, pack(listing("foo")))
    assert kept.whole("foo", 1) == listing("foo")
    assert (kept.whole("foo", 2), kept.whole("bar", 1)) == (None, None)
    found = kept.with_file("foo", 1, "foo-1.tar.gz")
    assert found == listing("foo")
    assert kept.with_file("foo", 2, "foo-1.tar.gz") is None
    kept.forget("foo")
    kept.forget("foo")
    assert kept.whole("foo", 1) is None
    alone = kept.with_file("foo", 1, "foo-1.tar.gz")
    assert alone is not None
    assert (alone.status, list(alone.files)) == ("archived", ["foo-1.tar.gz"])
    assert kept.with_file("foo", 1, "foo-0.tar.gz") is None


@pytest.mark.parametrize(("room", "left"), [(0, ["c"]), (1, ["c"]), (2, ["b", "c"]), (3, ["a", "b", "c"])])
def test_the_oldest_listings_give_way_but_never_the_newest(room: int, left: list[str]) -> None:
    size = len(pack(listing("a")))
    kept = RecentListings(UpstreamLimits()._replace(listings=room * size))
    for name in ("a", "a", "b", "c"):
        kept.keep(name, 1, pack(listing(name)))
    assert [name for name in "abc" if kept.whole(name, 1) is not None] == left


def test_a_bounded_number_of_single_files_is_kept() -> None:
    kept = RecentListings(UpstreamLimits()._replace(found_files=2))
    for number in range(3):
        kept.keep_file(1, listing("foo", 3), f"foo-{number}.tar.gz")
    kept.keep_file(1, listing("foo"), "absent")
    assert [kept.with_file("foo", 1, f"foo-{number}.tar.gz") is not None for number in range(3)] == [False, True, True]


def early(size: int, rules: str = "") -> RenderedEarly:
    return RenderedEarly(RenderedPage(b"x" * size, 1, 0.0, b"y" * size), 1, None, rules)


def test_a_page_that_was_rendered_early_is_taken_once_and_only_for_its_revision() -> None:
    pages = EarlyPages(UpstreamLimits())
    page = early(1)
    pages.keep("foo", 1, page)
    assert pages.take("foo", 2) is None
    assert pages.take("foo", 1) is None  # another body came meanwhile
    pages.keep("foo", 1, page)
    assert pages.take("foo", 1) is page
    assert pages.take("foo", 1) is None


@pytest.mark.parametrize(("room", "left"), [(39, ["c"]), (40, ["b", "c"]), (59, ["b", "c"]), (60, ["a", "b", "c"])])
def test_the_oldest_early_pages_give_way(room: int, left: list[str]) -> None:
    pages = EarlyPages(UpstreamLimits()._replace(recent_pages=room))
    for name in ("a", "a", "b", "c"):
        pages.keep(name, 1, early(10))
    assert [name for name in "abc" if pages.take(name, 1) is not None] == left


def test_only_a_page_that_lasts_is_stored_and_without_its_plain_form() -> None:
    assert early(3).for_disk() is None
    stored = early(3, "rules").for_disk()
    assert stored is not None
    assert (stored.page.plain, stored.page.zipped, stored.rules) == (b"", b"yyy", "rules")


def test_a_page_up_to_a_size_is_read_at_once_and_a_larger_one_in_its_turn() -> None:
    async def scenario() -> None:
        context = UpstreamContext(QUICK._replace(page_at_once=10))
        here = threading.get_ident()
        assert await context.parsing(10, threading.get_ident) == here
        assert await context.parsing(11, threading.get_ident) != here
        assert await context.parsing(10, gc.isenabled)
        assert not await context.parsing(11, gc.isenabled)
        assert gc.isenabled()
        with pytest.raises(ZeroDivisionError):
            await context.parsing(11, lambda: 1 // 0)
        assert gc.isenabled()
        await context.close()

    asyncio.run(scenario())


def test_a_bounded_number_of_unknown_names_is_remembered(fake: FakeUpstream, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with passing_on(settings_for(fake, tmp_path, limits=QUICK._replace(states=2))) as upstream:
            for name in ("a", "b", "c", "c", "b", "a"):
                with pytest.raises(NotUpstreamError):
                    await filenames(upstream, name)

    asyncio.run(scenario())
    assert fake.requests == [f"/simple/{name}/" for name in "abca"]


@pytest.mark.parametrize(
    ("readers", "length", "written", "goes_on"),
    [(0, 100, 49, False), (0, 100, 50, True), (1, 100, 0, True), (0, None, 0, True), (0, 100, 100, True)],
)
def test_a_download_that_all_left_goes_on_from_its_half(
    monkeypatch: pytest.MonkeyPatch,
    readers: int,
    length: int | None,
    written: int,
    goes_on: bool,  # noqa: FBT001
) -> None:
    monkeypatch.setattr("publisher.server.upstream.files.downloads.ABANDONED_AFTER", 0.0)
    wanted = Wanted(UpstreamSource("https://x.example/"), "", "a-1.0.tar.gz", "a", {}, length, 1000)
    download = Download(wanted, Path("unused"))
    download.readers, download.written = readers, written

    async def scenario() -> None:
        await Downloads._stay_wanted(cast("Downloads", None), download)

    if goes_on:
        asyncio.run(scenario())
    else:
        with pytest.raises(LocalFailureError, match="No client waits"):
            asyncio.run(scenario())


def test_a_reader_that_comes_back_in_time_keeps_a_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("publisher.server.upstream.files.downloads.ABANDONED_AFTER", 0.01)
    wanted = Wanted(UpstreamSource("https://x.example/"), "", "a-1.0.tar.gz", "a", {}, 100, 1000)
    download = Download(wanted, tmp_path / "file")

    async def scenario() -> None:
        staying = asyncio.create_task(Downloads._stay_wanted(cast("Downloads", None), download))
        await asyncio.sleep(0)
        download.readers = 1
        await staying

    asyncio.run(scenario())


def test_facts_that_were_learned_are_of_their_file_and_their_project(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    learned, url, digest = LearnedFacts(tmp_path), "https://x.example/foo", "ab" * 32
    assert (learned.digest(url), learned.revision("foo"), learned.without_metadata("foo")) == ("", 0, frozenset())
    learned.note_digest("foo", url, digest)
    assert (learned.digest(url), learned.digest(f"{url}-2")) == (digest, "")
    assert LearnedFacts(tmp_path).digest(url) == digest
    learned.note_without_metadata("foo", "foo-1.whl")
    assert learned.without_metadata("foo") == {"foo-1.whl"}
    assert (learned.revision("foo"), learned.revision("bar")) == (2, 0)
    for damage in (b"", b"no digest", b"\xff", digest.encode() + b"0"):
        next((tmp_path / "digests").iterdir()).write_bytes(damage)
        assert learned.digest(url) == ""
    learned.forget_digest(url)
    learned.forget_digest(url)
    assert list((tmp_path / "digests").iterdir()) == []
