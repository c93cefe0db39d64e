"""An index's answer, as the modules that judge it see it, whichever HTTP client has received it."""

from http import HTTPStatus
from typing import Any, Protocol, overload
from urllib.parse import urljoin, urlsplit

from publisher.errors import IndexUnavailableError
from publisher.secret import mask_urls

WORTH_ANOTHER_TRY = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS, *range(500, 600)}
    - {HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.HTTP_VERSION_NOT_SUPPORTED}
)
"""The statuses of failures that pass: RFC 9110, RFC 6585 and RFC 8470."""


class Headers(Protocol):
    """Headers, whose names are in any case."""

    @overload
    def get(self, name: str, /) -> str | None: ...

    @overload
    def get(self, name: str, default: str, /) -> str: ...

    def __getitem__(self, name: str, /) -> str:
        """Return a header's value; raises KeyError without one."""


class IndexResponse(Protocol):
    """The part of `requests.Response` that counts."""

    @property
    def status_code(self) -> int:
        """The HTTP status."""

    @property
    def reason(self) -> str:
        """The words behind the status."""

    @property
    def url(self) -> str:
        """The URL that answered."""

    @property
    def headers(self) -> Headers:
        """The headers."""

    @property
    def content(self) -> bytes:
        """The body."""

    @property
    def text(self) -> str:
        """The body as text."""

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""

    @property
    def is_redirect(self) -> bool:
        """Whether the answer names another URL to ask."""

    def json(self) -> Any:
        """Return the JSON of the body; raises ValueError when it is something else."""


def parse_json(response: IndexResponse) -> Any:
    """Return the JSON of an answer; None when it is something else."""
    try:
        return response.json()
    except (ValueError, RecursionError):
        return None


def redirect_target(response: IndexResponse) -> str | None:
    """Return the URL that an answer redirects to; None when it is not a redirect to a valid one."""
    if not response.is_redirect:
        return None
    try:
        target = urljoin(response.url, response.headers["Location"])
        urlsplit(target)
    except ValueError:
        return None
    return target


def refuse_downgrade(url: str, response: IndexResponse) -> None:
    """Raise IndexUnavailableError if an answer redirects from https to http on the same host."""
    target = redirect_target(response)
    if target is None or urlsplit(url).scheme != "https" or urlsplit(target).scheme != "http":
        return
    if urlsplit(url).hostname == urlsplit(target).hostname:
        raise IndexUnavailableError(
            f"{mask_urls(url)} redirects from https to {mask_urls(target)}, which is not encrypted; "
            "the redirect was not followed.",
            hint="The index's administrator has to correct the proxy in front of it: it hides that clients use https "
            "(X-Forwarded-Proto).",
        )
