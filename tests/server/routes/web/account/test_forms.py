"""The parts of account pages on their own: paths to go on to, cookies, and rights of new tokens."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from publisher.server.http.messages import HttpError, Message, Request
from publisher.server.routes.web.account.api_calls import ApiCalls
from publisher.server.routes.web.account.cookies import no_session_cookie, read_cookie, session_cookie
from publisher.server.routes.web.account.pages import _own_path
from publisher.server.routes.web.account.tokens import TokenForms


def request(**scope: Any) -> Request:
    async def receive() -> Message:
        raise AssertionError

    return Request({"type": "http", "method": "POST", "path": "/", "headers": [], **scope}, receive)


class Recorder(ApiCalls):
    """Notes the requests of forms, and answers each with a token."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, Mapping[str, Any]]] = []
        self.deleted: list[str] = []

    async def post(self, request: Request, path: str, found: Mapping[str, Any]) -> Mapping[str, Any] | None:  # noqa: ARG002
        self.posted.append((path, found))
        return {"token": "new"}

    async def delete(self, request: Request, path: str) -> Mapping[str, Any] | None:  # noqa: ARG002
        self.deleted.append(path)
        return {}


@pytest.mark.parametrize(
    ("can", "rights"),
    [
        ("read", ["read"]),
        ("publish", ["publish"]),
        ("manage", ["publish", "manage"]),
        ("create", ["publish", "create"]),
    ],
)
def test_a_token_gets_the_rights_that_were_chosen(can: str, rights: list[str]) -> None:
    api = Recorder()
    fields = {"name": "ci", "can": can, "projects": "acme, acme-*  docs", "days": "90"}
    assert asyncio.run(TokenForms(api).create(request(), fields)) == "new"
    wanted = {"name": "ci", "rights": rights, "projects": ["acme", "acme-*", "docs"], "expires-days": 90}
    assert api.posted == [("-/tokens", wanted)]
    asyncio.run(TokenForms(api).create(request(), {"name": "ci", "can": can, "projects": " ", "days": ""}))
    assert api.posted[1][1] == {"name": "ci", "rights": rights, "projects": [], "expires-days": None}


@pytest.mark.parametrize("wrong", [{"can": "admin"}, {"can": ""}, {"days": "-1"}, {"days": "1.5"}, {"days": "²"}])
def test_a_token_form_with_other_values_makes_nothing(wrong: dict[str, str]) -> None:
    api = Recorder()
    with pytest.raises(HttpError) as refused:
        asyncio.run(TokenForms(api).create(request(), {"name": "ci", "can": "read", "days": "1", **wrong}))
    assert (refused.value.status, api.posted) == (422, [])


def test_a_token_is_revoked_where_its_name_was_typed() -> None:
    api = Recorder()
    assert asyncio.run(TokenForms(api).revoke(request(), {"name": "a@b", "typed": "a@b"})) == "-/account/"
    for fields in ({"name": "ci", "typed": "CI"}, {"name": "ci"}, {"name": "", "typed": ""}, {}):
        with pytest.raises(HttpError):
            asyncio.run(TokenForms(api).revoke(request(), fields))
    assert api.deleted == ["-/tokens/a%40b"]


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ("/", ""),
        ("/projects/acme/", "projects/acme/"),
        ("/?q=a", "?q=a"),
        ("/" + "x" * 498, "x" * 498),
        ("/" + "x" * 499, ""),
        ("", ""),
        ("projects/", ""),
        ("//evil.example/", ""),
        ("///evil.example/", ""),
        ("/\\evil.example/", ""),
        ("/a\\b", ""),
        ("/a\nb", ""),
        ("https://evil.example/", ""),
    ],
)
def test_signing_in_goes_on_to_a_path_of_the_index_alone(asked: str, path: str) -> None:
    assert _own_path(asked) == path


@pytest.mark.parametrize(
    ("scope", "start", "end"),
    [
        ({}, "pypi-publish-session=v; Path=/;", "SameSite=Lax"),
        ({"scheme": "https"}, "__Host-pypi-publish-session=v; Path=/;", "; Secure"),
        ({"scheme": "https", "root_path": "/p"}, "__Secure-pypi-publish-session=v; Path=/p;", "; Secure"),
    ],
)
def test_a_cookie_is_for_the_index_alone(scope: dict[str, Any], start: str, end: str) -> None:
    name, value = session_cookie(request(**scope), "v")
    text = value.decode()
    assert (name, text.startswith(start), text.endswith(end)) == (b"set-cookie", True, True)
    assert "; Max-Age=604800; HttpOnly; SameSite=Lax" in text
    assert "session=; " in no_session_cookie(request(**scope))[1].decode()
    assert "; Max-Age=0;" in no_session_cookie(request(**scope))[1].decode()


@pytest.mark.parametrize(
    ("header", "scheme", "found"),
    [
        ("", "http", ""),
        ("session=1", "http", "1"),
        ("a=b; session=1; c=d", "http", "1"),
        ("a=b;session=x=y", "http", "x=y"),
        ("my-session=1", "http", ""),
        ("session=1", "https", ""),
        ("__Host-session=2; session=1", "https", "2"),
        ("session", "http", ""),
    ],
)
def test_a_cookie_is_read_by_its_whole_name(header: str, scheme: str, found: str) -> None:
    assert read_cookie(request(headers=[(b"cookie", header.encode())], scheme=scheme), "session") == found
