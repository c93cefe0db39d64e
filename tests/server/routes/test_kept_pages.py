"""Pages in memory: how often they are made, and which page a request gets."""

import asyncio

import pytest

from publisher.server.routes.kept_pages import KeptPages
from publisher.server.routes.page_memory import JSON, Page, make_page
from publisher.server.storage.errors import StorageUnavailableError

KEY = ("acme", JSON, "")


class Maker:
    """Makes numbered pages once a test allows it."""

    def __init__(self) -> None:
        self.runs = 0
        self.goes_on = asyncio.Event()
        self.failure: Exception | None = None
        self.is_gone = False

    async def make(self) -> Page | None:
        self.runs += 1
        number = self.runs
        await self.goes_on.wait()
        if self.failure is not None:
            raise self.failure
        return None if self.is_gone else make_page(b"%d" % number, JSON, number)


def body(page: Page | None) -> bytes | None:
    return page.plain.body if page is not None else None


def test_requests_that_arrive_while_a_page_is_made_share_the_next_one() -> None:
    async def ask() -> None:
        pages, maker = KeptPages(1000), Maker()
        first = asyncio.create_task(pages.make(KEY, maker.make))
        await asyncio.sleep(0.01)
        later = [asyncio.create_task(pages.make(KEY, maker.make)) for _ in range(7)]
        other = asyncio.create_task(pages.make(("other", JSON, ""), maker.make))
        await asyncio.sleep(0.01)
        assert maker.runs == 2  # one for each key; the seven later requests still wait
        maker.goes_on.set()
        assert body(await first) == b"1"
        assert {body(await each) for each in later} == {b"3"}
        assert body(await other) == b"2"
        assert body(await pages.make(KEY, maker.make)) == b"4"
        assert not pages._making

    asyncio.run(ask())


def test_all_waiting_requests_get_a_failure_and_the_next_request_tries_again() -> None:
    async def ask() -> None:
        pages, maker = KeptPages(1000), Maker()
        maker.goes_on.set()
        maker.failure = StorageUnavailableError()
        both = await asyncio.gather(*(pages.make(KEY, maker.make) for _ in range(2)), return_exceptions=True)
        assert [type(each) for each in both] == [StorageUnavailableError] * 2
        maker.failure, maker.is_gone = None, True
        assert await pages.make(KEY, maker.make) is None
        assert (maker.runs, pages._making) == (2, {})

    asyncio.run(ask())


@pytest.mark.parametrize(("revision", "found"), [(1, True), (2, False)])
def test_only_a_page_of_the_current_revision_is_recalled(revision: int, *, found: bool) -> None:
    async def ask() -> None:
        pages, maker = KeptPages(1000), Maker()
        maker.goes_on.set()
        assert pages.last(KEY) is pages.recall(KEY, 1) is None
        page = await pages.make(KEY, maker.make)
        assert pages.last(KEY) is page
        assert (pages.recall(KEY, revision) is page) is found

    asyncio.run(ask())
