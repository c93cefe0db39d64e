"""An index's answer, as the modules that judge it see it, whichever HTTP client has received it."""

from typing import Any, Protocol, overload
from urllib.parse import urljoin, urlsplit


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
