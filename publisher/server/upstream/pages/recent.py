"""Pages that are kept in memory for requests that follow soon; others are read from the disk again."""

import marshal
from collections import OrderedDict
from typing import NamedTuple

from publisher.limits import UpstreamLimits
from publisher.server.upstream.pages.listing import ListedFile, Listing
from publisher.server.upstream.pages.render import RenderedPage


class RecentListings:
    """
    Whole listings that were parsed a moment ago, and of older ones the files that were asked for.

    A whole listing is kept as one block of bytes: thousands of small objects among those of the next page would keep
    memory from being given back.
    """

    def __init__(self, limits: UpstreamLimits) -> None:
        self._limits = limits
        self._whole: OrderedDict[str, tuple[int, bytes]] = OrderedDict()
        self._files: OrderedDict[tuple[str, str], tuple[int, Listing]] = OrderedDict()
        self._size = 0

    def whole(self, name: str, revision: int) -> Listing | None:
        """Return the listing of a page's revision."""
        kept = self._whole.get(name)
        if kept is None or kept[0] != revision:
            return None
        status, files = marshal.loads(kept[1])  # noqa: S302 - written by this process
        return Listing(name, status, {file[0]: ListedFile(*file) for file in files})

    def with_file(self, name: str, revision: int, filename: str) -> Listing | None:
        """Return a listing that has a file if the page's revision has it, or None where that is not known."""
        kept = self._files.get((name, filename))
        if kept is not None and kept[0] == revision:
            return kept[1]
        whole = self.whole(name, revision)
        if whole is not None:
            self.keep_file(revision, whole, filename)
        return whole

    def keep(self, name: str, revision: int, packed: bytes) -> None:
        """Keep a listing, which `pack` made one block of, as the one that was used last."""
        self.forget(name)
        self._whole[name] = revision, packed
        self._size += len(packed)
        while self._size > self._limits.listings and len(self._whole) > 1:
            _, (_, oldest) = self._whole.popitem(last=False)
            self._size -= len(oldest)

    def keep_file(self, revision: int, listing: Listing, filename: str) -> None:
        """Keep one file of a listing."""
        file = listing.files.get(filename)
        if file is not None:
            alone = listing if len(listing.files) == 1 else Listing(listing.name, listing.status, {filename: file})
            self._files[listing.name, filename] = revision, alone
            while len(self._files) > self._limits.found_files:
                self._files.popitem(last=False)

    def forget(self, name: str) -> None:
        """Drop a listing."""
        dropped = self._whole.pop(name, None)
        self._size -= len(dropped[1]) if dropped else 0


def pack(listing: Listing) -> bytes:
    """Return a listing as one block of bytes."""
    return marshal.dumps((listing.status, [tuple(file) for file in listing.files.values()]))


class RenderedEarly(NamedTuple):
    """
    A page that was rendered when it came, its other dependencies, and the requests that likely follow.

    ``rules`` is the fingerprint of the policy, empty for a page that holds for this process alone, and ``made`` is in
    seconds since 1970.
    """

    page: RenderedPage
    basis: int
    next: Listing | None
    rules: str = ""
    made: float = 0.0

    def for_disk(self) -> "RenderedEarly | None":
        """Return what is worth storing, without the plain page, which would wait in memory; None where nothing is."""
        return self._replace(page=self.page._replace(plain=b"")) if self.rules else None


class EarlyPages:
    """Pages that were rendered when they came, each until it is asked for."""

    def __init__(self, limits: UpstreamLimits) -> None:
        self._limits = limits
        self._pages: OrderedDict[str, tuple[int, RenderedEarly]] = OrderedDict()
        self._size = 0

    def keep(self, name: str, revision: int, page: RenderedEarly) -> None:
        """Keep a page."""
        self.forget(name)
        self._pages[name] = revision, page
        self._size += _size_of(page)
        while len(self._pages) > 1 and self._size > self._limits.recent_pages:
            _, (_, dropped) = self._pages.popitem(last=False)
            self._size -= _size_of(dropped)

    def take(self, name: str, revision: int) -> RenderedEarly | None:
        """Return the page of a revision, once."""
        kept = self._pages.get(name)
        self.forget(name)
        return kept[1] if kept is not None and kept[0] == revision else None

    def forget(self, name: str) -> None:
        """Drop a page."""
        dropped = self._pages.pop(name, None)
        self._size -= _size_of(dropped[1]) if dropped else 0


def _size_of(early: RenderedEarly) -> int:
    return len(early.page.plain) + len(early.page.zipped)
