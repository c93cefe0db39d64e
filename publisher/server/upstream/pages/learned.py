"""Facts about public files that upstream's pages lack: digests, and missing metadata."""

import hashlib
import re
from pathlib import Path

from publisher.server.upstream.disk import put_file

_SHA256 = re.compile(r"[0-9a-f]{64}")


class LearnedFacts:
    """
    Digests of files that upstream lists without any, by URL in the cache, and files whose announced metadata is absent.

    The first bytes that were stored decide: later ones with another digest are refused.
    """

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._folder = cache / "digests"
        self._without_metadata: dict[str, set[str]] = {}
        self._revisions: dict[str, int] = {}

    def revision(self, name: str) -> int:
        """Return a number that grows with everything that is learned about a project."""
        return self._revisions.get(name, 0)

    def without_metadata(self, name: str) -> frozenset[str]:
        """Return the files of a project for which upstream has no metadata, although its page says so."""
        return frozenset(self._without_metadata.get(name, ()))

    def note_without_metadata(self, name: str, filename: str) -> None:
        """Note that upstream has no metadata of a file."""
        self._without_metadata.setdefault(name, set()).add(filename)
        self._revisions[name] = self.revision(name) + 1

    def digest(self, url: str) -> str:
        """Return the SHA-256 digest of the file that was stored first, empty when there was none."""
        try:
            text = self._path(url).read_text("ascii")
        except (OSError, ValueError):
            return ""
        return text if _SHA256.fullmatch(text) else ""

    def note_digest(self, name: str, url: str, sha256: str) -> None:
        """Note the digest of a stored file; raises OSError."""
        put_file(self._cache, self._path(url), sha256.encode(), durable=True)
        self._revisions[name] = self.revision(name) + 1

    def forget_digest(self, url: str) -> None:
        """Let the next bytes of a file decide."""
        self._path(url).unlink(missing_ok=True)

    def _path(self, url: str) -> Path:
        return self._folder / hashlib.sha256(url.encode()).hexdigest()
