"""Pages of an upstream: the checks of a body, and the files that it lists (PEP 503, 691, 700, 792)."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import algorithms_guaranteed
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urldefrag, urljoin, urlsplit

from publisher.limits import LIMITS
from publisher.server.names.filenames import guess, normalize
from publisher.server.upstream.errors import NotAnIndexPageError
from publisher.server.upstream.pages.anchors import page_of_html
from publisher.server.upstream.pages.json_text import decode

LONGEST_NAME = 255
"""Characters of a file's name."""

_PLAIN_NAME = re.compile(r"[A-Za-z0-9._+!-]{1,255}")
_PLAIN_FILE = re.compile(r"([A-Za-z0-9._]+)-(\d[\d.]*)(?:\.tar\.gz|-[A-Za-z0-9._-]+\.whl)", re.ASCII)
"""The names of most files: where it matches, it finds the project and version that `guess` does."""

_PLAIN_URL = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?/[A-Za-z0-9/._+!~-]*")
_HASHED_URL = re.compile(
    r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?/packages/([0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{60})/[A-Za-z0-9._+!~-]+"
)
"""The URLs of most files: plain ones, with the tail that `tail_of` finds."""

_COMPUTED = {name for name in algorithms_guaranteed if not name.startswith("shake")}
"""The digests that can be verified; a file for which upstream has only others is one without a digest."""

_NULLABLE = {"requires-python", "provenance"}
"""The keys of a file that uv accepts as null."""


class ListedFile(NamedTuple):
    """
    A file as upstream's page lists it; a page may have thousands.

    ``uploaded`` is in seconds since 1970, None where upstream does not say. ``hashes`` has the digests that can be
    verified, ``metadata`` those of the metadata file, None where there is none.
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


class Listing(NamedTuple):
    """The files of a project by name, and its status (PEP 792)."""

    name: str
    status: str
    files: Mapping[str, ListedFile]


class ParsedPage(NamedTuple):
    """
    A page that is believed: its JSON as upstream sent it, and the listing that was read from it.

    ``paths`` has the quoted paths below ``/-/public/``, in the order of ``page["files"]`` and of the listing's files.
    ``size`` is the number of bytes that upstream sent.
    """

    page: Mapping[str, Any]
    listing: Listing
    paths: Sequence[str]
    size: int


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
    reader = _EntryReader(name, url)
    kept: list[dict[str, Any]] = []
    paths: list[str] = []
    files: dict[str, ListedFile] = {}
    for entry in entries:
        found = reader.read(entry) if isinstance(entry, dict) else None
        if found is not None and found[0].filename not in files:
            file, path = found
            files[file.filename] = file
            paths.append(path)
            kept.append(_without_null(entry))
    return ParsedPage({**page, "files": kept}, Listing(name, _status(page), files), paths, len(body))


def _json_page(body: bytes, name: str) -> dict[str, Any]:
    try:
        page = decode(body)
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


class _EntryReader:
    """Reads the entries of one page: most need two patterns, and only the others all questions."""

    def __init__(self, name: str, base: str) -> None:
        self._name = name
        self._base = base
        self._base_is_https = base.startswith("https:")
        self._spellings: set[str] = set()
        """The spellings of the project's name that were found to be its own."""

    def read(self, entry: Mapping[str, Any]) -> tuple[ListedFile, str] | None:
        """Return the file of an entry and its path below ``/-/public/``, None for one that is not passed on."""
        filename, link = entry.get("filename"), entry.get("url")
        if not isinstance(filename, str) or not isinstance(link, str):
            return None
        plain = _PLAIN_FILE.fullmatch(filename)
        version = plain[2] if plain and plain[1] in self._spellings else self._version_of(filename, plain)
        if version is None or len(filename) > LONGEST_NAME:
            return None
        hashed = _HASHED_URL.fullmatch(link)
        url = link if hashed or _PLAIN_URL.fullmatch(link) else _absolute(link, self._base)
        if url is None or (self._base_is_https and url.startswith("http:")):
            return None
        size = entry.get("size")
        file = ListedFile(
            filename,
            version,
            url,
            _digests(entry.get("hashes")) or {},
            size if type(size) is int and size >= 0 else None,
            _time(entry.get("upload-time")),
            _metadata_digests(entry),
        )
        return file, f"{hashed[1]}/{filename}" if hashed and plain else path_of(file)

    def _version_of(self, filename: str, plain: re.Match[str] | None) -> str | None:
        """Return the version in a file's name, None for names that are not safe or of another project."""
        guessed = guess(filename)
        if guessed is None or guessed.project != self._name or not is_safe(filename):
            return None
        if plain:
            self._spellings.add(plain[1])
        return guessed.version


def _absolute(link: str, base: str) -> str | None:
    """Return a link as an absolute http(s) URL without a fragment, or None if it can't be one."""
    try:
        url = urldefrag(link if link.startswith(("https://", "http://")) else urljoin(base, link)).url
        parts = urlsplit(url)
    except ValueError:
        return None
    valid = parts.scheme in {"http", "https"} and parts.hostname and parts.username is None
    return url if valid else None


def is_safe(filename: str) -> bool:
    """Return whether a file name is a single, printable segment of a path."""
    if _PLAIN_NAME.fullmatch(filename):
        return True
    return filename.isprintable() and not set(filename) & set("/\\?#%") and len(filename) <= LONGEST_NAME


def _digests(found: Any) -> dict[str, str] | None:
    if not isinstance(found, dict):
        return None
    if len(found) == 1 and isinstance(sha256 := found.get("sha256"), str):
        return {"sha256": sha256.lower()}
    return {name: value.lower() for name, value in found.items() if name in _COMPUTED and isinstance(value, str)}


def _metadata_digests(entry: Mapping[str, Any]) -> Mapping[str, str] | None:
    found = (
        entry.get("core-metadata") or entry.get("dist-info-metadata") or entry.get("data-dist-info-metadata") or None
    )
    return found if found is None else _digests(found) or {}


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
    accepted = (entry.get("requires-python", "") is None) + (entry.get("provenance", "") is None)
    if list(entry.values()).count(None) > accepted or "gpg-sig" in entry:
        return {
            key: value for key, value in entry.items() if (value is not None or key in _NULLABLE) and key != "gpg-sig"
        }
    return entry


def path_of(file: ListedFile) -> str:
    """Return the path below ``/-/public/`` under which a file is passed on, quoted."""
    return quote(f"{tail_of(file)}/{file.filename}", safe="/+!~")


def tail_of(file: ListedFile) -> str:
    """
    Return the path below ``/-/public/`` under which a file is passed on, without the file's name.

    It is the path of upstream's URL after its last ``/packages/``, else a digest, so it never changes its meaning.
    """
    url = file.url
    path = url if _PLAIN_URL.fullmatch(url) else unquote(urlsplit(url).path)
    _, found, below = path.rpartition("/packages/")
    folder = below.rpartition("/")[0] if found else ""
    if folder and folder.isprintable() and not {"", ".", ".."} & set(folder.split("/")):
        return folder
    return f"sha256/{file.key}" if file.key else "unverified"
