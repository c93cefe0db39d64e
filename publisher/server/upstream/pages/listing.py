"""Pages of an upstream: what a body must be to be believed, and the files that it lists (PEP 503, 691, 700, 792)."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from publisher.limits import LIMITS
from publisher.server.names.filenames import guess, normalize
from publisher.server.upstream.errors import NotAnIndexPageError
from publisher.server.upstream.pages.anchors import page_of_html

_PLAIN_NAME = re.compile(r"[A-Za-z0-9._+!-]{1,255}")
_PLAIN_URL = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?/[A-Za-z0-9/._+!~-]*")
"""Most of a page's hundreds or thousands of entries need no more than this look."""

_NULLABLE = {"requires-python", "provenance"}
"""The keys of a file that uv accepts as null."""


class ListedFile(NamedTuple):
    """
    A file as upstream's page lists it; a page may have thousands.

    ``uploaded`` is in seconds since 1970, None where upstream does not say. ``metadata`` has the digests of the
    metadata file, None where there is none.
    """

    filename: str
    version: str
    url: str
    hashes: Mapping[str, str]
    size: int | None
    uploaded: float | None
    metadata: Mapping[str, str] | None

    @property
    def key(self) -> str | None:
        """The SHA-256 digest, None where the page has none."""
        return self.hashes.get("sha256")


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a project by name, and its status (PEP 792)."""

    name: str
    status: str
    files: Mapping[str, ListedFile]


@dataclass(frozen=True, slots=True)
class ParsedPage:
    """A page that is believed: its JSON as upstream sent it, and the listing that was read from it."""

    page: Mapping[str, Any]
    listing: Listing


def parse_page(body: bytes, url: str, name: str) -> ParsedPage:
    """
    Return a project's page; the body decides whether it is JSON or HTML, because proxies change Content-Type.

    Files whose names belong to another project are dropped: a page may speak for its own project only.
    Raises NotAnIndexPageError.
    """
    page = _json_page(body, name) if body.lstrip()[:1] == b"{" else page_of_html(body, url, name)
    entries = page.get("files")
    if not isinstance(entries, list) or len(entries) > LIMITS.upstream.page_entries:
        raise NotAnIndexPageError("its list of files is missing or too long")
    found = list(_files(entries, url, name))
    kept = [_without_null(entry) for entry, _ in found]
    listing = Listing(name, _status(page), {file.filename: file for _, file in found})
    return ParsedPage({**page, "files": kept}, listing)


def _json_page(body: bytes, name: str) -> dict[str, Any]:
    try:
        page = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotAnIndexPageError(f"it is not valid JSON ({error})") from None
    meta, named = page.get("meta"), page.get("name")
    if not isinstance(meta, dict) or not str(meta.get("api-version", "")).startswith("1."):
        raise NotAnIndexPageError("it has no api-version 1.x")
    if not isinstance(named, str) or normalize(named) != name:
        raise NotAnIndexPageError(f"it is the page of {str(named)[:80]!r}")
    return dict(page)


def _status(page: Mapping[str, Any]) -> str:
    status = page.get("project-status")
    if isinstance(status, Mapping):
        status = status.get("status")
    return status if isinstance(status, str) else "active"


def _files(entries: list[Any], url: str, name: str) -> Iterator[tuple[dict[str, Any], ListedFile]]:
    seen: set[str] = set()
    for entry in entries:
        if not isinstance(entry, dict):
            continue
        file = _listed_file(entry, url, name)
        if file is not None and file.filename not in seen:
            seen.add(file.filename)
            yield entry, file


def _listed_file(entry: Mapping[str, Any], base: str, name: str) -> ListedFile | None:
    filename, link = entry.get("filename"), entry.get("url")
    if not isinstance(filename, str) or not isinstance(link, str):
        return None
    guessed = guess(filename)
    if guessed is None or guessed.project != name or not is_safe(filename):
        return None
    url = link if _PLAIN_URL.fullmatch(link) else _absolute(link, base)
    if url is None or (url.startswith("http:") and base.startswith("https:")):
        return None
    size = entry.get("size")
    return ListedFile(
        filename,
        guessed.version,
        url,
        _digests(entry.get("hashes")) or {},
        size if type(size) is int and size >= 0 else None,
        _time(entry.get("upload-time")),
        _metadata_digests(entry),
    )


def _absolute(link: str, base: str) -> str | None:
    """Return a link as an absolute http(s) URL without a fragment, None when it is none."""
    try:
        url = urldefrag(link if link.startswith(("https://", "http://")) else urljoin(base, link)).url
        parts = urlsplit(url)
    except ValueError:
        return None
    valid = parts.scheme in {"http", "https"} and parts.hostname and parts.username is None
    return url if valid else None


def is_safe(filename: str) -> bool:
    """Tell whether a file name is a single, printable segment of a path."""
    if _PLAIN_NAME.fullmatch(filename):
        return True
    return filename.isprintable() and not set(filename) & set("/\\?#%") and len(filename) <= 255


def _digests(found: Any) -> dict[str, str] | None:
    if not isinstance(found, dict):
        return None
    return {name: value.lower() for name, value in found.items() if isinstance(value, str)}


def _metadata_digests(entry: Mapping[str, Any]) -> Mapping[str, str] | None:
    for key in ("core-metadata", "dist-info-metadata", "data-dist-info-metadata"):
        found = entry.get(key)
        if found:
            return _digests(found) or {}
    return None


def _time(text: Any) -> float | None:
    """Return a time of RFC 3339 in seconds since 1970; None for anything else, also one without a zone."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo is not None else None


def _without_null(entry: dict[str, Any]) -> dict[str, Any]:
    """Return an entry without nulls that make uv reject the whole page, and without links to signatures."""
    if None in entry.values() or "gpg-sig" in entry:
        return {
            key: value for key, value in entry.items() if (value is not None or key in _NULLABLE) and key != "gpg-sig"
        }
    return entry


def tail_of(file: ListedFile) -> str:
    """
    Return the path below ``/-/public/`` under which a file is passed on, without the file's name.

    It is the path of upstream's URL after its last ``/packages/``, else a digest, so it never changes its meaning.
    """
    path = file.url if _PLAIN_URL.fullmatch(file.url) else unquote(urlsplit(file.url).path)
    _, found, below = path.rpartition("/packages/")
    folder = below.rpartition("/")[0] if found else ""
    if folder and folder.isprintable() and not {"", ".", ".."} & set(folder.split("/")):
        return folder
    return f"sha256/{file.key}" if file.key else "unverified"
