"""Pages of the simple API, kept in memory; requests that wait for the same page share it."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from publisher.server.http.memory import Memory
from publisher.server.routes.page_memory import Page
from publisher.server.storage.coalesce import Coalesced

PageKey = tuple[str, str, str]
"""Normalized project name (empty for the list of projects), content type, and URL prefix."""

_Made = TypeVar("_Made", bound=Page | None)


class KeptPages:
    """
    The most recently used pages, up to a number of bytes.

    If each request made its own page while a large project changes, the threads that make them would compete with the
    event loop.
    """

    def __init__(self, limit: int) -> None:
        self._pages: Memory[PageKey, Page] = Memory(limit, lambda page: page.size)
        self._making: dict[PageKey, Coalesced[Any]] = {}

    def last(self, key: PageKey) -> Page | None:
        """Return the newest page of a key, which may be out of date."""
        return self._pages.get(key)

    def recall(self, key: PageKey, revision: int) -> Page | None:
        """Return the page of a key if it was made from this revision."""
        page = self._pages.get(key)
        return page if page is not None and page.revision == revision else None

    async def make(self, key: PageKey, work: Callable[[], Awaitable[_Made]]) -> _Made:
        """Make and keep a page; requests that arrive before the work begins share its result."""
        making = self._making.get(key)
        if making is None:

            async def run() -> _Made:
                page = await work()
                if page is not None:
                    self._pages.keep(key, page)
                return page

            making = self._making[key] = Coalesced(run)
        try:
            return cast("_Made", await making())
        finally:
            if making.is_idle and self._making.get(key) is making:
                del self._making[key]
