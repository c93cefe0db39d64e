"""Sessions of requests and tokens of forms: what counts as a person's own, and what is refused."""

import asyncio
from typing import cast

import pytest

from publisher.server.auth.sessions.sessions import Session, Sessions
from publisher.server.http.messages import HttpError, Message, Request
from publisher.server.routes.web.account.cookies import recognize, renewed_cookie, session_of, session_principal
from publisher.server.routes.web.account.forms import OwnForms

SESSION = Session("ada", "1", 0.0, 0.0, "key")


class _Sessions:
    """Knows one cookie, and one token for each number of a form."""

    async def recall(self, cookie: str) -> Session | None:
        assert cookie
        return SESSION if cookie == "known" else None

    async def principal(self, session: Session) -> str:
        return f"principal of {session.username}"

    async def renew(self, cookie: str) -> str | None:
        return "renewed" if cookie == "known" else None

    async def form_token(self, of: str) -> str:
        return f"token of {of}"

    async def is_form_token(self, token: str, of: str) -> bool:
        return token == f"token of {of}"


SESSIONS = cast("Sessions", _Sessions())


def _request(cookie: str = "", body: bytes = b"", kind: str = "application/x-www-form-urlencoded") -> Request:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", kind.encode())] + ([(b"cookie", cookie.encode())] if cookie else [])
    return Request({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive)


@pytest.mark.parametrize(
    ("cookie", "is_known"),
    [
        ("pypi-publish-session=known", True),
        ("a=b; pypi-publish-session=known", True),
        ("pypi-publish-session=other", False),
        ("pypi-publish-session=", False),
        ("pypi-publish-form=known", False),
        ("", False),
    ],
)
def test_a_session_is_recognized_by_its_cookie(cookie: str, *, is_known: bool) -> None:
    request = _request(cookie)
    assert (session_of(request), session_principal(request)) == (None, None)
    asyncio.run(recognize(request, SESSIONS))
    assert session_of(request) is (SESSION if is_known else None)
    assert session_principal(request) == ("principal of ada" if is_known else None)
    assert asyncio.run(renewed_cookie(request, SESSIONS)) == ("renewed" if is_known else None)


def test_a_visitor_keeps_the_number_of_its_form() -> None:
    token, (name, value) = asyncio.run(OwnForms(SESSIONS).guest_token(_request("pypi-publish-form=abc")))
    assert (token, name) == ("token of abc", b"set-cookie")
    assert value.startswith(b"pypi-publish-form=abc; Path=/; Max-Age=3600;")
    first, (_, one) = asyncio.run(OwnForms(SESSIONS).guest_token(_request()))
    second, (_, other) = asyncio.run(OwnForms(SESSIONS).guest_token(_request()))
    assert first != second
    assert one != other
    assert first.removeprefix("token of ").encode() in one
    assert len(first.removeprefix("token of ")) == 16
    assert asyncio.run(OwnForms(SESSIONS).token(SESSION)) == "token of 1"


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "Application/X-WWW-form-urlencoded; charset=x"])
def test_an_own_form_is_read_without_its_token(kind: str) -> None:
    body = b"token=token+of+1&name=%C3%A9&empty="
    assert asyncio.run(OwnForms(SESSIONS).read(_request("", body, kind), SESSION)) == {"name": "é", "empty": ""}
    visitor = _request("pypi-publish-form=abc", b"token=token+of+abc&a=b")
    assert asyncio.run(OwnForms(SESSIONS).read(visitor, None)) == {"a": "b"}


def _fields(count: int) -> bytes:
    return b"&".join([b"token=token+of+1", *(b"a%d=b" % number for number in range(count - 1))])


@pytest.mark.parametrize(
    ("body", "kind", "session", "status"),
    [
        (_fields(50), "application/x-www-form-urlencoded", SESSION, 200),
        (_fields(51), "application/x-www-form-urlencoded", SESSION, 400),
        (b"a=\xff", "application/x-www-form-urlencoded", SESSION, 400),
        (_fields(2), "multipart/form-data", SESSION, 415),
        (_fields(2), "", SESSION, 415),
        (b"token=token+of+2", "application/x-www-form-urlencoded", SESSION, 403),
        (b"a=b", "application/x-www-form-urlencoded", SESSION, 403),
        (b"token=token+of+", "application/x-www-form-urlencoded", None, 403),
        (_fields(2), "application/x-www-form-urlencoded", None, 403),
    ],
)
def test_a_form_that_is_not_of_this_index_is_refused(
    body: bytes, kind: str, session: Session | None, status: int
) -> None:
    work = OwnForms(SESSIONS).read(_request("", body, kind), session)
    if status == 200:
        assert len(asyncio.run(work)) == 49
        return
    with pytest.raises(HttpError) as refused:
        asyncio.run(work)
    assert refused.value.status == status
