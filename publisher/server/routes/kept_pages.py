"""Pages of the simple API in memory; each is made by one run at a time, for all who wait for it."""

from collections.abc import Awaitable, Callable

from publisher.server.http.memory import Memory
from publisher.server.routes.page_memory import Page
from publisher.server.storage.coalesce import Coalesced

PageKey = tuple[str, str, str]
"""The normalized name of a project (empty for the list of all), the content type, and the prefix of URLs."""

MakePage = Callable[[], Awaitable[Page | None]]
"""Returns a page as it is now, None where there is nothing to show any more."""


class KeptPages:
    """
    The pages that were asked for last, as far as memory allows.

    Without one run at a time, each client of a project that is being published to would make a page of its own, and
    all of them would take turns with the event loop.
    """

    def __init__(self, limit: int) -> None:
        self._pages: Memory[PageKey, Page] = Memory(limit, lambda page: page.size)
        self._making: dict[PageKey, Coalesced[Page | None]] = {}

    def last(self, key: PageKey) -> Page | None:
        """Return the newest page of a key, which may be old."""
        return self._pages.get(key)

    def recall(self, key: PageKey, revision: int) -> Page | None:
        """Return the page of a key, if it was made of this revision."""
        page = self._pages.get(key)
        return page if page is not None and page.revision == revision else None

    def keep(self, key: PageKey, page: Page) -> None:
        """Keep a page as the newest one of its key."""
        self._pages.keep(key, page)

    async def made(self, key: PageKey, make: MakePage) -> Page | None:
        """Return the page that a run makes which begins after this call, of all calls for the key that wait for it."""
        making = self._making.get(key)
        if making is None:
            making = self._making[key] = Coalesced(make)
        try:
            return await making()
        finally:
            if making.is_idle and self._making.get(key) is making:
                del self._making[key]
