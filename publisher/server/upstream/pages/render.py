"""Public pages as this index answers them: withheld files left out, URLs below ``/-/public/``, in JSON and HTML."""

import hashlib
import html
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from packaging.version import InvalidVersion, Version

from publisher.server.upstream.pages.gzips import decompress
from publisher.server.upstream.pages.json_text import encode
from publisher.server.upstream.pages.learned import LearnedFacts
from publisher.server.upstream.pages.listing import Listing, ParsedPage
from publisher.server.upstream.policy.decision import ALLOWED, ProjectPolicy

PREFIX = "/-/public"

ZIPPED_FROM = 1024
"""Bytes from which a page is sent zipped."""

_METADATA_KEYS = ("core-metadata", "dist-info-metadata", "data-dist-info-metadata")


class RenderedPage(NamedTuple):
    """
    A page's body, the number of its files, and the time in seconds since 1970 until which it is right.

    ``zipped`` is the body compressed by gzip, where that is done already; ``plain`` may be empty then. ``tag`` is the
    same for equal bodies alone.
    """

    plain: bytes
    files: int
    until: float
    zipped: bytes = b""
    tag: str = ""

    @property
    def body(self) -> bytes:
        """The page."""
        return self.plain or decompress(self.zipped)


def render(
    parsed: ParsedPage, policy: ProjectPolicy, root_path: str, learned: LearnedFacts, *, as_json: bool
) -> RenderedPage:
    """Return a project's page with the files that are passed on now, and learned facts about them."""
    bare = learned.without_metadata(parsed.listing.name)
    begin = f"{root_path}{PREFIX}/"
    files: list[dict[str, Any]] = []
    hidden: set[str] = set()
    until = math.inf
    listed = parsed.listing.files
    for entry, file, path in zip(parsed.page["files"], listed.values(), parsed.paths, strict=True):
        verdict = policy.verdict(file)
        if verdict is not ALLOWED:
            until = min(until, verdict.until)
            if verdict.reason:
                hidden.add(file.version)
                continue
        shown = {**entry, "url": begin + path}
        if bare and file.filename in bare:
            for key in _METADATA_KEYS:
                shown.pop(key, None)
        if not file.hashes and (digest := learned.digest(file.url)):
            shown["hashes"] = {"sha256": digest}
        files.append(shown)
    page = {key: value for key, value in parsed.page.items() if key != "alternate-locations"}
    page["meta"] = {
        key: value for key, value in parsed.page["meta"].items() if key != "tracks"
    }  # upstream's operator's
    page["files"] = files
    if hidden and isinstance(page.get("versions"), list):
        left = {listed[entry["filename"]].version for entry in files}
        page["versions"] = _without(page["versions"], hidden - left, left)
    body = encode(page) if as_json else _html(parsed.listing, page)
    return RenderedPage(body, len(files), until, tag=hashlib.sha256(body).hexdigest()[:32])


def _without(versions: list[Any], hidden: set[str], shown: set[str]) -> list[Any]:
    """Return the versions that still have a file, compared as versions."""
    gone = {_canonical(version) for version in hidden} - {_canonical(version) for version in shown}
    return [version for version in versions if _canonical(str(version)) not in gone]


def _canonical(version: str) -> Version | str:
    try:
        return Version(version)
    except InvalidVersion:
        return version


def _html(listing: Listing, page: Mapping[str, Any]) -> bytes:
    title = html.escape(f"Links for {listing.name}")
    listed_status = listing.status if listing.status != "active" else ""
    version = html.escape(str(page["meta"]["api-version"]))
    status = f'<meta name="pypi:project-status" content="{html.escape(listed_status)}">\n' if listed_status else ""
    links = "\n".join(_anchor(entry) for entry in page["files"])
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="pypi:repository-version" content="{version}">
{status}<title>{title}</title>
</head>
<body>
<h1>{title}</h1>
{links}
</body>
</html>
""".encode("utf-8", "replace")


def _anchor(entry: Mapping[str, Any]) -> str:
    hashes: Mapping[str, str] = entry.get("hashes") or {}
    best = next((name for name in ("sha256", "sha512", "sha384", "sha1", "md5") if name in hashes), None)
    attributes = {"href": entry["url"] + (f"#{best}={hashes[best]}" if best else "")}
    if isinstance(entry.get("requires-python"), str):
        attributes["data-requires-python"] = entry["requires-python"]
    yanked = entry.get("yanked")
    if yanked:
        attributes["data-yanked"] = yanked if isinstance(yanked, str) else ""
    metadata = next((entry[key] for key in _METADATA_KEYS if entry.get(key)), None)
    if metadata:
        digest = metadata.get("sha256") if isinstance(metadata, Mapping) else None
        text = f"sha256={digest}" if digest else "true"
        attributes["data-core-metadata"] = attributes["data-dist-info-metadata"] = text
    if isinstance(entry.get("provenance"), str):
        attributes["data-provenance"] = entry["provenance"]
    written = " ".join(f'{name}="{html.escape(str(value))}"' for name, value in attributes.items())
    return f"<a {written}>{html.escape(str(entry['filename']))}</a><br>"
