"""One running download, without its upstream: what its readers get at each stage, and what they never get."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from publisher.server.upstream.errors import UpstreamError, UpstreamUnavailableError, WrongContentError
from publisher.server.upstream.files.downloads import Download
from tests.helpers.memory_bucket import running

LOST: UpstreamError = UpstreamUnavailableError("Upstream broke off.")
WRONG: UpstreamError = WrongContentError("Upstream's bytes differ.")


class Digest:
    """A digest that keeps what it was given."""

    def __init__(self) -> None:
        self.data = b""

    def update(self, part: bytes) -> None:
        self.data += part


@pytest.fixture
def download(tmp_path: Path) -> Download:
    wanted: Any = type("Wanted", (), {"size": None})()
    made = Download(wanted, tmp_path / "file")
    made.open()
    made.readers = 1
    return made


def receive(download: Download, *parts: bytes) -> None:
    download.advance(download.write(list(parts), []))


def leave(download: Download) -> None:
    download.readers = 0
    download.finish(download.error)


def test_received_bytes_are_hashed_and_written_one_after_the_other(download: Download) -> None:
    digests = [Digest(), Digest()]
    assert download.write([b"ab", b"c"], digests) == 3
    download.advance(3)
    assert download.write([b"de"], digests) == 2
    assert [digest.data for digest in digests] == [b"abcde"] * 2
    assert download.path.read_bytes() == b"abcde"
    leave(download)


@running
async def test_a_download_begins_with_its_first_bytes_whatever_comes_later(download: Download) -> None:
    receive(download, b"abc")
    await download.begin()
    download.finish(LOST)
    await download.begin()
    leave(download)


@running
async def test_a_download_that_gets_no_bytes_does_not_begin(download: Download) -> None:
    download.finish(LOST)
    with pytest.raises(UpstreamError, match="broke off"):
        await download.begin()
    leave(download)


@running
async def test_an_empty_file_begins_and_ends(download: Download) -> None:
    download.verify()
    await download.begin()
    assert await download.read(0, None) == b""
    leave(download)


@running
async def test_a_reader_gets_what_there_is_and_waits_for_more(download: Download) -> None:
    receive(download, b"abcdef")
    assert await download.read(0, None) == b"abcdef"
    assert await download.read(4, None) == b"ef"
    assert await download.read(1, 3) == b"bc"
    more = asyncio.create_task(download.read(6, None))
    await asyncio.sleep(0)
    assert not more.done()
    receive(download, b"g")
    assert await more == b"g"
    end = asyncio.create_task(download.read(7, None))
    await asyncio.sleep(0)
    download.verify()
    assert await end == b""
    leave(download)


@running
async def test_a_reader_learns_that_upstream_broke_off_after_the_bytes_that_came(download: Download) -> None:
    receive(download, b"abc")
    waiting = asyncio.create_task(download.read(3, None))
    await asyncio.sleep(0)
    download.finish(LOST)
    with pytest.raises(UpstreamError, match="broke off"):
        await waiting
    assert await download.read(0, None) == b"abc"
    leave(download)


@running
async def test_wrong_bytes_end_without_a_word_for_those_who_have_them_all(download: Download) -> None:
    receive(download, b"abc")
    download.finish(WRONG)
    assert await download.read(3, None) == b""
    leave(download)


@running
async def test_the_file_is_closed_after_the_end_and_the_last_reader(download: Download) -> None:
    receive(download, b"abc")
    download.close()
    assert await download.read(0, None) == b"abc"  # it still comes
    download.finish(None)
    assert await download.read(0, None) == b"abc"  # it is still read
    download.readers = 0
    download.close()
    with pytest.raises(AssertionError):
        download.write([b"d"], [])
