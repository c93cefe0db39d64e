"""Pages of the simple API (PEP 503, PEP 691): parsing and recognizing them."""

# By hand, because libraries cost more than they save: for JSON, mousebender is json.loads; for HTML it warns of each
# API version after 1.1 and fails on a link whose fragment is not a hash. pypi-simple takes 190 ms to import, with
# pydantic.

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import unquote, urljoin, urlsplit

from publisher.client.models import RemoteFile
from publisher.client.response import IndexResponse
from publisher.errors import IndexUnavailableError
from publisher.project.display import without_control_characters
from publisher.secret import mask_urls

if TYPE_CHECKING:
    from publisher.html_tags import StartTag

SIMPLE_ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.1"

_ARCHIVES = (".whl", ".tar.gz", ".zip", ".tar.bz2", ".egg", ".exe")
_SIGNS_OF_ANOTHER_PAGE = frozenset({"form", "script", "iframe", "frameset"})


def parse_files(response: IndexResponse) -> list[RemoteFile]:
    """Return the files on a project's page; raise IndexUnavailableError when the answer is another page."""
    try:
        if is_json(response):
            return [_file_of_json(file, response.url) for file in response.json()["files"]]
        return [_file_of_link(link, yanked) for link, yanked in _read_page(response).links]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        _refuse(response, error)


def parse_projects(response: IndexResponse) -> list[str]:
    """Return the names on the list of projects; raise IndexUnavailableError when the answer is another page."""
    try:
        if is_json(response):
            names = [project["name"] for project in response.json()["projects"]]
        else:
            links = [urlsplit(link).path for link, _ in _read_page(response).links]
            names = [unquote(path.rstrip("/").rpartition("/")[2]) for path in links]
        return [without_control_characters(str(name), keep="") for name in names]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        _refuse(response, error)


def is_project_list(response: IndexResponse) -> bool:
    """Return whether a successful answer is an index's list of projects, and no sign-in page in its place."""
    try:
        parse_projects(response)
    except IndexUnavailableError:
        return False
    return True


def is_json(response: IndexResponse) -> bool:
    """Return whether a response's content type is JSON, such as application/vnd.pypi.simple.v1+json."""
    return "json" in response.headers.get("Content-Type", "")


def is_web_page(response: IndexResponse) -> bool:
    """Return whether an answer is a page for people; an empty body labeled as HTML is not (bottle, pypiserver)."""
    start = response.content[:2000].lstrip().lower()
    return start.startswith((b"<!doctype html", b"<html")) or (
        "html" in response.headers.get("Content-Type", "") and b"<" in start
    )


def title(response: IndexResponse) -> str:
    """Return the title of a page for people; empty without one."""
    with suppress(ValueError):
        return " ".join(_Page(response).title.split())
    return ""


def _refuse(response: IndexResponse, error: Exception) -> NoReturn:
    page = f"the web page {name!r}" if is_web_page(response) and (name := title(response)) else "another page"
    reason = "" if isinstance(error, KeyError | TypeError | AttributeError) else f" ({error})"
    raise IndexUnavailableError(
        f"{mask_urls(response.url)} is {page}, not a page of a package index{reason}.",
        hint="Check the index URL: it is the root above simple/. Behind a sign-in page of your network, sign "
        "in first. `pypi-publish doctor` shows more.",
    ) from error


def _read_page(response: IndexResponse) -> "_Page":
    """Return an HTML page; raise ValueError if it is not one, or a sign-in page, an app or a home page."""
    kind = response.headers.get("Content-Type", "text/html").partition(";")[0].strip().lower()
    if "html" not in kind:
        raise ValueError(f"it is {kind or 'of no type'}")
    page = _Page(response)
    is_index = page.is_simple_page or any(urlsplit(link).path.endswith(_ARCHIVES) for link, _ in page.links)
    if not is_index and page.is_for_people:
        raise ValueError("it has a form or a script")
    return page


def _file_of_json(file: Mapping[str, Any], base: str) -> RemoteFile:
    return RemoteFile(
        without_control_characters(file["filename"], keep=""),
        urljoin(base, file["url"]),
        {algorithm: digest.lower() for algorithm, digest in file["hashes"].items()},
        bool(file.get("yanked", False)),
        datetime.fromisoformat(file["upload-time"]) if file.get("upload-time") else None,
        file.get("size"),
    )


def _file_of_link(link: str, yanked: bool) -> RemoteFile:  # noqa: FBT001 - it comes in a pair
    parts = urlsplit(link)
    algorithm, _, digest = parts.fragment.partition("=")
    return RemoteFile(
        without_control_characters(unquote(parts.path.rpartition("/")[2]), keep=""),
        parts._replace(fragment="").geturl(),
        {algorithm: digest.lower()} if digest else {},
        yanked,
    )


class _Page:
    """A parsed HTML page: its links, each with a yanked flag (PEP 592), its title, and the signs of its kind."""

    def __init__(self, response: IndexResponse) -> None:
        self.links: list[tuple[str, bool]] = []
        self.title = ""
        self.is_simple_page = False
        self.is_for_people = False
        self._base = response.url
        from publisher.html_tags import start_tags  # noqa: PLC0415 - only for pages that are not JSON

        for tag in start_tags(response.text):
            self._read(tag)

    def _read(self, tag: "StartTag") -> None:
        link = tag.attributes.get("href")
        if tag.name == "a" and link:
            self.links.append((urljoin(self._base, link), "data-yanked" in tag.attributes))
        elif tag.name == "base" and link:
            self._base = urljoin(self._base, link)
        elif tag.name == "meta":
            self.is_simple_page |= tag.attributes.get("name") == "pypi:repository-version"
            self.is_for_people |= (tag.attributes.get("http-equiv") or "").lower() == "refresh"
        elif tag.name == "title":
            from html import unescape  # noqa: PLC0415 - the same

            self.title += unescape(tag.text)
        self.is_for_people |= tag.name in _SIGNS_OF_ANOTHER_PAGE
