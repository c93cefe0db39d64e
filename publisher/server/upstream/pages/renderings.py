"""Rendered pages on the disk: after a start they are answered without a look at the pages that they were made from."""

import hashlib
import json
import math
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from publisher.server.upstream.disk import put_file
from publisher.server.upstream.pages.listing import ListedFile, Listing
from publisher.server.upstream.pages.page_store import PageStore
from publisher.server.upstream.pages.recent import RenderedEarly
from publisher.server.upstream.pages.render import RenderedPage

_LONGEST_HEAD = 2**16


class RenderingStore:
    """
    One file beside each stored page: a line of facts, and the page zipped.

    ``basis`` names all that a page was made from, except the time; a rendering with another basis, from later than now,
    or damaged, does not count. Whether its time is over is its reader's question, as for every rendered page.
    """

    def __init__(self, cache: Path, pages: PageStore) -> None:
        self._cache = cache
        self._pages = pages

    def load(self, name: str, basis: str, now: float, revision: int) -> RenderedEarly | None:
        """Return a page as it was rendered, for the policy's ``revision``, or None; ``now`` in seconds since 1970."""
        with suppress(OSError, ValueError, TypeError, KeyError):
            with self._pages.rendering(name).open("rb") as file:
                facts, zipped = json.loads(file.readline(_LONGEST_HEAD)), file.read()
            until = math.inf if facts["until"] is None else facts["until"]
            right = facts["basis"] == basis and facts["made"] <= now
            if right and facts["digest"] == hashlib.sha256(zipped).hexdigest():
                page = RenderedPage(b"", facts["files"], until, zipped, facts["tag"])
                return RenderedEarly(page, revision, _listing(name, facts["next"]))
        return None

    def save(self, name: str, basis: str, early: RenderedEarly) -> None:
        """Store a zipped page; raises OSError."""
        page, following = early.page, early.next
        facts = {
            "basis": basis,
            "made": early.made,
            "until": page.until if math.isfinite(page.until) else None,
            "files": page.files,
            "tag": page.tag,
            "digest": hashlib.sha256(page.zipped).hexdigest(),
            "next": [following.status, *map(list, following.files.values())] if following is not None else None,
        }
        head = json.dumps(facts).encode()
        if len(head) < _LONGEST_HEAD:
            put_file(self._cache, self._pages.rendering(name), head + b"\n" + page.zipped)


def _listing(name: str, found: Iterable[object] | None) -> Listing | None:
    """Return the listing that was stored as its status and the fields of its files."""
    if found is None:
        return None
    status, *fields = found
    files = [ListedFile(*each) for each in fields]  # type: ignore[misc]
    return Listing(name, str(status), {file.filename: file for file in files})
