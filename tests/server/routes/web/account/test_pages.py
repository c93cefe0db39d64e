"""Account pages without an index: which page answers, where a browser goes on to, and how passwords change."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlencode

import pytest

from publisher.server.auth.errors import CredentialsRefusedError
from publisher.server.auth.sessions.sessions import Session, Sessions
from publisher.server.http.messages import HttpError, Message, Request, Response
from publisher.server.routes.web.account.api_calls import ApiCalls
from publisher.server.routes.web.account.pages import AccountPages
from publisher.server.routes.web.pages import WebPages

SESSION = Session("ada", "1", 0.0, 0.0, "key")


class _Index(ApiCalls):
    """Sessions, API and pages: notes what is asked for; the password is ``correct horse``."""

    def __init__(self) -> None:
        self.is_possible = True
        self.refusal: Exception | None = None
        self.calls: list[tuple[Any, ...]] = []
        self.pages: list[tuple[str, Any, int, Any]] = []

    async def fresh_page(
        self, _request: Request, template: str, values: Any, status: int, headers: Any = None
    ) -> Response:
        self.pages.append((template, values, status, headers))
        return Response(status, template.encode(), list(headers or []))

    async def form_token(self, _of: str) -> str:
        return "token"

    async def is_form_token(self, token: str, _of: str) -> bool:
        return token == "token"

    async def sign_in(self, username: str, password: str, address: Any) -> str:
        await self.verify(username, password, address)
        return "new"

    async def verify(self, username: str, password: str, address: Any) -> None:
        self.calls.append(("verify", username, address))
        if password != "correct horse":
            raise CredentialsRefusedError("Wrong name or password.")

    async def go_on(self, _session: Session) -> str:
        return "renewed"

    async def _call(self, request: Request, method: str, path: str, found: Any) -> Any:  # noqa: ARG002
        if method != "GET":
            self.calls.append((method, path, found))
        if self.refusal is not None and method != "GET":
            raise self.refusal
        return {"grants": [{"rights": ["read"], "projects": "*"}]} if path == "whoami" else None


class _Releases:
    async def refresh(self) -> None:
        """Do nothing."""

    async def read_scope(self, _request: Request) -> Any:
        return self

    async def maintained_by(self, _account: str) -> frozenset[str]:
        return frozenset()

    async def require_right(self, _request: Request, _right: Any, _name: str) -> None:
        """Allow everything."""

    async def find(self, name: str) -> str:
        return name

    async def of(self, _project: str) -> list[Any]:
        return [SimpleNamespace(version="1.0")]

    async def may_change(self, _request: Request, _name: str) -> bool:
        return True

    def published_by(self, _account: str) -> list[str]:
        return []


def _pages(index: _Index) -> AccountPages:
    parts = dict.fromkeys(("overviews", "authorization", "catalog", "releases"), _Releases())
    site = SimpleNamespace(fresh_page=index.fresh_page, **parts)
    return AccountPages(cast("Any", site), cast("Sessions", index), index)


def _request(
    path: str = "/", fields: dict[str, str] | None = None, *, query: str = "", session: bool = True, cookie: bool = True
) -> Request:
    body = urlencode({"token": "token", **(fields or {})}).encode()

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", b"application/x-www-form-urlencoded"), (b"host", b"pypi.acme.example")]
    headers += [(b"cookie", b"pypi-publish-form=1")] if cookie else []
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "root_path": "/python"}
    found: dict[str, Any] = {**scope, "query_string": query.encode(), "client": ("192.0.2.1", 7)}
    if session:
        found["publisher.session"] = SESSION
    return Request(found, receive)


def _location(answer: Response) -> tuple[int, str]:
    return answer.status, dict(answer.headers)[b"location"].decode()


def _act(index: _Index, path: str, fields: dict[str, str] | None = None, **others: Any) -> Response:
    return asyncio.run(_pages(index).act(_request(f"/python/-/account/{path}", fields, **others), path))


def _show(index: _Index, path: str, **others: Any) -> Response:
    return asyncio.run(_pages(index).show(_request(f"/python/-/account/{path}", **others), path))


def test_an_index_without_accounts_has_no_account_pages() -> None:
    index = _Index()
    index.is_possible = False
    for ask in (_show, _act):
        with pytest.raises(HttpError, match="no accounts") as refused:
            ask(index, "sign-in")
        assert refused.value.status == 404


def test_a_visitor_is_led_to_the_form_to_sign_in_and_back() -> None:
    index = _Index()
    answer = _show(index, "projects/acme/1.0/", session=False)
    asked = urlencode({"next": "/-/account/projects/acme/1.0/"})
    assert _location(answer) == (303, f"/python/-/account/sign-in?{asked}")
    assert dict(answer.headers)[b"cache-control"] == b"no-store"
    assert _location(_act(index, "password", session=False)) == (303, "/python/-/account/sign-in")
    _show(index, "sign-in", session=False, query=asked)
    ((template, values, status, headers),) = index.pages
    assert (template, status, values["token"], values["status"]) == ("sign_in.html", 200, "token", 200)
    assert (values["asked_for"], values["name"], values["problem"]) == ("/-/account/projects/acme/1.0/", "", "")
    assert [name for name, _ in headers] == [b"set-cookie"]


@pytest.mark.parametrize("path", ["", "unknown", "tokens/", "sign-in/x"])
def test_there_is_no_other_form(path: str) -> None:
    index = _Index()
    with pytest.raises(HttpError, match="no such page") as refused:
        _act(index, path)
    assert (refused.value.status, index.calls) == (404, [])


def test_signing_in_sets_a_cookie_and_goes_on() -> None:
    index = _Index()
    fields = {"username": "ada", "password": "correct horse", "next": "/projects/"}
    answer = _act(index, "sign-in", fields, session=False)
    assert _location(answer) == (303, "/python/projects/")
    assert b"pypi-publish-session=new;" in dict(answer.headers)[b"set-cookie"]
    assert index.calls[0][:2] == ("verify", "ada")
    assert _location(_act(index, "sign-in", {**fields, "next": "//evil.example"}, session=False)) == (303, "/python/")


def test_a_wrong_password_shows_the_form_again() -> None:
    index = _Index()
    fields = {"username": "a" * 101, "password": "wrong", "next": "/x"}
    assert _act(index, "sign-in", fields, session=False).status == 401
    ((template, values, _, _),) = index.pages
    assert (template, values["name"], values["asked_for"], values["status"]) == ("sign_in.html", "a" * 100, "/x", 401)
    assert values["problem"]


@pytest.mark.parametrize(
    ("others", "fields"), [({"cookie": False, "session": False}, {}), ({"session": False}, {"token": "x"})]
)
def test_a_form_of_another_page_is_refused_for_signing_in(others: dict[str, bool], fields: dict[str, str]) -> None:
    index = _Index()
    with pytest.raises(HttpError, match="not of this index") as refused:
        _act(index, "sign-in", {"username": "ada", "password": "correct horse", **fields}, **others)
    assert (refused.value.status, index.calls) == (403, [])


def test_signing_out_takes_the_cookie_away_here_or_everywhere() -> None:
    for path, calls in (("sign-out", []), ("sign-out-everywhere", [("DELETE", "-/sessions", None)])):
        index = _Index()
        answer = _act(index, path)
        assert _location(answer) == (303, "/python/")
        assert b"pypi-publish-session=;" in dict(answer.headers)[b"set-cookie"]
        assert index.calls == calls


PASSWORDS = {"password": "correct horse", "new": "another one", "again": "another one"}


def test_a_password_is_changed_and_the_session_goes_on() -> None:
    index = _Index()
    answer = _act(index, "password", PASSWORDS)
    assert _location(answer) == (303, "/python/-/account/?done=password")
    assert b"pypi-publish-session=renewed;" in dict(answer.headers)[b"set-cookie"]
    assert index.calls[0][:2] == ("verify", "ada")
    assert index.calls[1:] == [("POST", "password", {"password": "another one"})]


@pytest.mark.parametrize(
    ("wrong", "refusal", "problem", "calls"),
    [
        ({"again": "another"}, None, "The new passwords don't match.", 0),
        ({"password": "wrong"}, None, "The current password is wrong.", 1),
        ({}, HttpError(422, "It is too short."), "It is too short.", 2),
    ],
)
def test_a_password_that_is_not_changed_says_why(
    wrong: dict[str, str], refusal: Exception | None, problem: str, calls: int
) -> None:
    index = _Index()
    index.refusal = refusal
    answer = _act(index, "password", {**PASSWORDS, **wrong})
    ((template, values, status, _),) = index.pages
    assert (answer.status, template, status) == (422, "account.html", 422)
    assert (values["refused"].form, values["refused"].problem, values["refused"].fields) == ("password", problem, {})
    assert len(index.calls) == calls


def test_another_failure_of_a_password_has_a_page_of_its_own() -> None:
    index = _Index()
    index.refusal = HttpError(503, "Not now.")
    with pytest.raises(HttpError, match="Not now"):
        _act(index, "password", PASSWORDS)


def test_the_account_says_what_was_done_and_what_it_may() -> None:
    index = _Index()
    assert _show(index, "", query="done=revoked").status == 200
    ((template, values, _, _),) = index.pages
    assert (template, values["done"], values["refused"], values["new_token"]) == ("account.html", "revoked", None, "")
    assert (values["token"], values["grants"], values["tokens"], values["trust"]) == (
        "token",
        [(["read"], "*")],
        None,
        None,
    )


RELEASE = {"name": "acme", "version": "1.0"}


@pytest.mark.parametrize(
    ("path", "fields", "place"),
    [
        ("tokens/revoke", {"name": "ci", "typed": "ci"}, "?done=revoked"),
        ("trust", {"project": "acme"}, "?done=trusted"),
        ("trust/remove", {"name": "ci", "typed": "ci"}, "?done=distrusted"),
        ("yank", RELEASE, "projects/acme/1.0/?done=yanked"),
        ("unyank", RELEASE, "projects/acme/1.0/?done=unyanked"),
        ("delete", {**RELEASE, "typed": "acme"}, "?done=deleted"),
    ],
)
def test_a_form_that_was_followed_goes_back_to_its_page(path: str, fields: dict[str, str], place: str) -> None:
    index = _Index()
    assert _location(_act(index, path, fields)) == (303, f"/python/-/account/{place}")
    assert len(index.calls) == 1


@pytest.mark.parametrize("path", ["tokens", "tokens/revoke", "trust", "trust/remove"])
def test_a_form_that_was_refused_is_shown_with_the_reason(path: str) -> None:
    index = _Index()
    index.refusal = HttpError(403, "Not yours.")
    fields = {"name": "ci", "typed": "ci", "can": "read"}
    assert _act(index, path, fields).status == 403
    ((template, values, _, _),) = index.pages
    assert (template, values["refused"].form, values["refused"].problem) == ("account.html", path, "Not yours.")
    assert values["refused"].fields == fields


@pytest.mark.parametrize("path", ["yank", "unyank", "delete"])
def test_a_form_of_a_release_that_was_refused_is_shown_on_its_page(path: str) -> None:
    index = _Index()
    index.refusal = HttpError(409, "Not now.")
    fields = {**RELEASE, "typed": "acme", "reason": "broken"}
    assert _act(index, path, fields).status == 409
    ((template, values, _, _),) = index.pages
    assert (template, values["name"], values["release"].version) == ("manage.html", "acme", "1.0")
    assert (values["refused"].form, values["refused"].problem) == (path, "Not now.")
    assert (values["refused"].fields, values["token"], values["done"]) == (fields, "token", "")


def test_a_release_has_a_page_with_its_forms() -> None:
    index = _Index()
    assert _show(index, "projects/acme/1.0.0/", query="done=yanked").status == 200
    ((template, values, _, _),) = index.pages
    assert (template, values["release"].version, values["done"], values["refused"]) == (
        "manage.html",
        "1.0",
        "yanked",
        None,
    )
    with pytest.raises(HttpError, match=r"no release 2\.0 of acme") as refused:
        _show(index, "projects/acme/2.0/")
    assert refused.value.status == 404


@pytest.mark.parametrize(
    ("possible", "status", "header", "is_form"),
    [(True, 401, False, True), (False, 401, False, False), (True, 403, False, False), (True, 401, True, False)],
)
def test_a_person_without_credentials_gets_the_form(
    *, possible: bool, status: int, header: bool, is_form: bool
) -> None:
    index = _Index()
    index.is_possible = possible
    site = SimpleNamespace(fresh_page=index.fresh_page)
    web = WebPages(cast("Any", site), cast("Sessions", index), index)
    request = _request("/python/projects/acme/")
    if header:
        request.headers = {**request.headers, b"authorization": b"Basic x"}
    answer = asyncio.run(web.refuse(request, HttpError(status, "The reason.")))
    assert answer.status == status
    assert bool(index.pages) == is_form
    if is_form:
        assert index.pages[0][1]["asked_for"] == "/projects/acme/"
    else:
        assert b"The reason." in answer.body
