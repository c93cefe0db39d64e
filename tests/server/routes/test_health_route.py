"""The handler of /health over parts of the test's choice: its answers to those with an account, and to others."""

import asyncio
import errno
import json
import logging
from types import SimpleNamespace
from typing import Any, cast

import pytest

from publisher.server.auth.errors import AccountsUnavailableError
from publisher.server.http.messages import Message, Request, Response
from publisher.server.routes.health import HealthRoute

WELL = {"status": "ok", "reading": "ok", "accounts": "ok", "uploading": "ok"}


class _Parts:
    """A catalog and accounts, each well or not."""

    def __init__(
        self, *, reading: str | None = None, writing: OSError | None = None, accounts: bool = True, known: bool = True
    ) -> None:
        self.reading, self.writing, self.accounts, self.known = reading, writing, accounts, known
        self.tried = 0

    async def read_failure(self) -> str | None:
        return self.reading

    async def write_failure(self) -> OSError | None:
        self.tried += 1
        return self.writing

    async def require_accounts(self) -> None:
        if not self.accounts:
            raise AccountsUnavailableError

    async def is_known(self, _request: Request) -> bool:
        return self.known


def _route(parts: _Parts, upstream: Any = None, revision: str = "") -> HealthRoute:
    each = cast("Any", parts)
    return HealthRoute(each, each, upstream, revision, parts.is_known)


def _ask(route: HealthRoute, accept: str = "", **scope: Any) -> Response:
    async def receive() -> Message:
        raise AssertionError

    headers = [(b"accept", accept.encode())] if accept else []
    return asyncio.run(
        route.answer(Request({"type": "http", "method": "GET", "path": "/", "headers": headers, **scope}, receive))
    )


FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("parts", "status", "expected"),
    [
        (_Parts(), 200, WELL),
        (_Parts(known=False), 200, WELL),
        (_Parts(writing=OSError(errno.EROFS, "Read-only file system")), 200, {**WELL, "uploading": "read-only"}),
        (
            _Parts(writing=FULL),
            503,
            {
                **WELL,
                "status": "unavailable",
                "reason": "the package folder can't be written: No space left on device",
                "uploading": "the package folder can't be written: No space left on device",
            },
        ),
        (_Parts(writing=FULL, known=False), 503, {**WELL, "status": "unavailable", "uploading": "unavailable"}),
        (
            _Parts(reading="the folder is gone"),
            503,
            {
                **WELL,
                "status": "unavailable",
                "reason": "the folder is gone",
                "reading": "the folder is gone",
                "uploading": "the folder is gone",
            },
        ),
        (
            _Parts(accounts=False),
            503,
            {
                **WELL,
                "status": "unavailable",
                "reason": "the accounts can't be read",
                "accounts": "the accounts can't be read",
            },
        ),
    ],
)
def test_each_part_says_how_it_does(parts: _Parts, status: int, expected: dict[str, str]) -> None:
    answer = _ask(_route(parts))
    assert (answer.status, json.loads(answer.body)) == (status, expected)


def test_writing_is_not_tried_where_nothing_can_be_read() -> None:
    parts = _Parts(reading="the folder is gone")
    _ask(_route(parts))
    assert parts.tried == 0


@pytest.mark.parametrize(
    ("parts", "status", "text"),
    [
        (_Parts(), 200, b"OK"),
        (_Parts(reading="the folder is gone"), 503, b"the folder is gone"),
        (_Parts(reading="the folder is gone", known=False), 503, b"unavailable"),
    ],
)
def test_a_text_is_one_word_or_the_reason(parts: _Parts, status: int, text: bytes) -> None:
    answer = _ask(_route(parts), "text/plain, */*")
    assert (answer.status, answer.body) == (status, text)
    assert dict(answer.headers)[b"cache-control"] == b"no-store"
    assert dict(answer.headers)[b"content-type"].startswith(b"text/plain")
    assert _ask(_route(parts), "*/*, text/plain").body.startswith(b"{")


def test_upstreams_say_how_they_do_and_their_addresses_to_accounts_alone() -> None:
    states = [{"url": "https://index.example/", "status": "failing", "reason": "timeout"}]
    upstream = SimpleNamespace(state=lambda: states)
    assert json.loads(_ask(_route(_Parts(), upstream)).body)["upstream"] == states
    answer = _ask(_route(_Parts(known=False), upstream))
    assert (answer.status, json.loads(answer.body)["upstream"]) == (200, [{"status": "failing"}])


def test_a_deployment_names_its_revision() -> None:
    assert json.loads(_ask(_route(_Parts(), revision="abc")).body) == {**WELL, "revision": "abc"}


def test_trouble_is_logged_when_it_comes_and_goes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    parts = _Parts()
    route = _route(parts)
    for reading in (None, "one", "one", "two", None, None):
        parts.reading = reading
        _ask(route)
    assert [
        (record.levelname, record.getMessage()) for record in caplog.records if "healthy" in record.getMessage()
    ] == [
        ("WARNING", "the index is not healthy: one"),
        ("WARNING", "the index is not healthy: two"),
        ("INFO", "the index is healthy again"),
    ]
