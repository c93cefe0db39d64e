"""Index pages in HTML, read into the form of the JSON pages (PEP 503, 592, 658, 714)."""

import re
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from publisher.html_tags import start_tags
from publisher.limits import LIMITS
from publisher.server.names.filenames import guess
from publisher.server.upstream.errors import NotAnIndexPageError

_DIGEST = re.compile(r"(md5|sha1|sha224|sha256|sha384|sha512)=([0-9a-fA-F]+)")


class _Anchors:
    """A page's anchors, its base, and the marks by which an index page is known."""

    def __init__(self, page: str) -> None:
        self.base = ""
        self.version = ""
        self.status = ""
        self.anchors: list[dict[str, str | None]] = []
        for tag in start_tags(page):
            found = tag.attributes
            if tag.name == "a" and found.get("href") and len(self.anchors) <= LIMITS.upstream.page_entries:
                self.anchors.append(found)
            elif tag.name == "base":
                self.base = self.base or found.get("href") or ""
            elif tag.name == "meta" and found.get("name") == "pypi:repository-version":
                self.version = found.get("content") or ""
            elif tag.name == "meta" and found.get("name") == "pypi:project-status":
                self.status = found.get("content") or ""


def page_of_html(body: bytes, url: str, name: str) -> dict[str, Any]:
    """
    Return an HTML page in the form of a JSON one.

    Raises NotAnIndexPageError for a page that neither names the repository's version nor links a file of the project,
    such as a sign-in page.
    """
    try:
        parser = _Anchors(body.decode("utf-8", "replace"))
        base = urljoin(url, parser.base)
        entries = [_entry(anchor, base) for anchor in parser.anchors]
    except ValueError as error:
        raise NotAnIndexPageError(str(error)) from None
    ours = any((guessed := guess(entry["filename"])) is not None and guessed.project == name for entry in entries)
    if not ours and not parser.version.startswith("1."):
        raise NotAnIndexPageError("it is not an index page")
    version = parser.version if parser.version.startswith("1.") else "1.0"
    page: dict[str, Any] = {"meta": {"api-version": version}, "name": name, "files": entries}
    if parser.status:
        page["project-status"] = {"status": parser.status}
    return page


def _entry(anchor: dict[str, str | None], base: str) -> dict[str, Any]:
    link, fragment = urldefrag(urljoin(base, anchor["href"] or ""))
    digest = _DIGEST.fullmatch(fragment)
    entry: dict[str, Any] = {
        "filename": unquote(urlsplit(link).path.rpartition("/")[2]),
        "url": link,
        "hashes": {digest[1]: digest[2].lower()} if digest else {},
    }
    if anchor.get("data-requires-python"):
        entry["requires-python"] = anchor["data-requires-python"]
    if "data-yanked" in anchor:
        entry["yanked"] = anchor["data-yanked"] or True
    announced = anchor.get("data-core-metadata") or anchor.get("data-dist-info-metadata")
    if announced:
        found = _DIGEST.fullmatch(announced)
        entry["core-metadata"] = {found[1]: found[2].lower()} if found else True
    return entry
