"""Upstream's pages on the disk: the body as received, and its state, in one file for each project."""

import hashlib
import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from publisher.server.upstream.disk import put_file
from publisher.server.upstream.pages.gzips import compress, decompress


class PageFacts(NamedTuple):
    """
    The state of a page; times in seconds since 1970.

    ``source`` is the upstream's URL, ``url`` that of the page, ``fetched`` when its body came, ``max_age`` how long it
    is fresh. ``gone`` is since when upstream says that there is no such project, 0.0 while there is one.
    """

    source: str
    url: str
    etag: str
    fetched: float
    max_age: float
    digest: str = ""
    gone: float = 0.0


class PageStore:
    """The folder ``pages`` of a cache; a file's time is when upstream last confirmed the page."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._folder = cache / "pages"
        self._folder.mkdir(parents=True, exist_ok=True)

    def has(self, name: str) -> bool:
        """Return whether a page is stored, maybe damaged."""
        return self._path(name).exists()

    def load(self, name: str) -> tuple[PageFacts, float] | None:
        """Return the state of a page and the time of its confirmation; None when it was never seen, or is damaged."""
        try:
            with self._path(name).open("rb") as file:
                facts = PageFacts(**json.loads(file.readline(2**16)))
                return facts, os.fstat(file.fileno()).st_mtime
        except (OSError, ValueError, TypeError):
            return None

    def body(self, name: str, digest: str = "") -> bytes | None:
        """Return a page's body, or None when it is absent, damaged, or not that of ``digest``."""
        try:
            head, _, packed = self._path(name).read_bytes().partition(b"\n")
            body = decompress(packed)
            found = hashlib.sha256(body).hexdigest()
            return body if found == json.loads(head)["digest"] == (digest or found) else None
        except (OSError, ValueError, KeyError, TypeError, zlib.error):
            return None

    def save(
        self, name: str, facts: PageFacts, body: bytes, confirmed: float, packed: bytes | None = None
    ) -> PageFacts:
        """
        Store a page in one step and return its facts with the body's digest; raises OSError.

        ``packed`` is the body compressed, where upstream did that.
        """
        facts = facts._replace(digest=hashlib.sha256(body).hexdigest())
        data = json.dumps(facts._asdict()).encode() + b"\n" + (packed or compress(body))
        put_file(self._cache, self._path(name), data, modified=confirmed)
        return facts

    def confirm(self, name: str, confirmed: float) -> None:
        """Note that upstream confirmed a page; raises OSError."""
        os.utime(self._path(name), (confirmed, confirmed))

    def remove(self, name: str) -> bool:
        """Remove a page; return whether there was one."""
        self.rendering(name).unlink(missing_ok=True)
        try:
            self._path(name).unlink()
        except FileNotFoundError:
            return False
        return True

    def names(self) -> Iterator[str]:
        """Yield the names of all stored pages."""
        for path in sorted(self._folder.glob("*.page")):
            yield path.stem

    def rendering(self, name: str) -> Path:
        """Return the path of what was made from a page (`RenderingStore`), which goes with it."""
        return self._folder / f"{name}.rendered"

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.page"
