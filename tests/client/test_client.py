"""The client of an index: what each answer means for files, changes, passwords and the account."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

import pytest

from publisher.client.client import IndexClient
from publisher.client.url import parse_index_url
from publisher.errors import (
    ConfigurationError,
    CredentialsError,
    ForbiddenError,
    IndexUnavailableError,
    NotOfferedError,
    PublishError,
    RefusedCredentialsError,
)
from publisher.secret import Credentials, Secret
from tests.helpers.answering import Answer, Request, answering, of_json, of_text

ADA = Credentials("ada", Secret("p"), "keyring")
PAGE = b"<!doctype html><title>Welcome</title>"
Reply = Callable[[Request], Answer]


@contextmanager
def client(reply: Reply | Answer, credentials: Credentials | None = ADA) -> Iterator[tuple[IndexClient, list[Request]]]:
    """Return a client of an index with one answer, or with a test's answers, and the requests to it."""
    asked: list[Request] = []

    def answer(request: Request) -> Answer:
        asked.append(request)
        return reply if isinstance(reply, Answer) else reply(request)

    with answering(answer) as url, closing(IndexClient(parse_index_url(url), credentials)) as made:
        yield made, asked


def failure(reply: Reply | Answer, use: Callable[[IndexClient], object], who: Credentials | None = ADA) -> PublishError:
    with client(reply, who) as (made, _), pytest.raises(PublishError) as caught:
        use(made)
    return caught.value


@pytest.mark.parametrize(
    ("source", "remedy"),
    [
        ("options and environment", "Correct or unset PYPI_PUBLISH_PASSWORD"),
        ("netrc", "Correct the index's entry in your netrc file"),
        ("keyring", "Run `pypi-publish login`"),
    ],
)
@pytest.mark.parametrize("answer", [of_text(401), of_text(403, "wrong password")])
def test_the_hint_after_a_refused_password_depends_on_its_source(source: str, remedy: str, answer: Answer) -> None:
    error = failure(answer, lambda made: made.projects(), Credentials("ada", Secret("x"), source))
    assert isinstance(error, RefusedCredentialsError)
    assert error.hint is not None
    assert error.hint.startswith(remedy)


def test_the_files_of_a_project_are_asked_for_afresh_and_never_of_another_index() -> None:
    page = {"files": [{"filename": "a-1.tar.gz", "url": "f", "hashes": {}}]}
    with client(of_json(page)) as (made, asked):
        assert list(made.files("a")) == ["a-1.tar.gz"]
    (request,) = asked
    assert (request.method, request.path) == ("GET", "/simple/a/")
    assert request.headers["Cache-Control"] == "no-cache"
    assert request.headers["Prefer"] == "own-packages"
    assert request.headers["Authorization"] == "Basic YWRhOnA="


@pytest.mark.parametrize(
    ("target", "absent"),
    [
        ("https://public.example/simple/a-b/", True),
        ("https://public.example/simple/A_B", True),
        ("https://public.example/login?next=a-b", False),
        ("https://public.example/simple/other/", False),
        ("//[", False),
    ],
)
def test_a_redirect_to_the_same_project_elsewhere_means_that_the_index_has_none(target: str, absent: bool) -> None:  # noqa: FBT001
    answer = Answer(302, b"", {"Location": target})
    if absent:
        with client(answer) as (made, _):
            assert made.files("a-b") == {}
    else:
        assert isinstance(failure(answer, lambda made: made.files("a-b")), IndexUnavailableError)


def wheels(*names: str, yanked: str = "") -> list[Mapping[str, Any]]:
    return [{"filename": name, "url": f"/f/{name}", "hashes": {}, "yanked": name == yanked} for name in names]


def test_requirements_are_those_of_the_newest_wheels_that_installers_choose() -> None:
    names = ("a-2.0-py3-none-any.whl", "a-10.0-cp311-none-any.whl", "a-10.0-py3-none-any.whl", "a-11.0.tar.gz")
    yanked = "a-12.0-py3-none-any.whl"

    def reply(request: Request) -> Answer:
        if request.path == "/simple/a/":
            return of_json({"files": wheels(*names, yanked, "nonsense.whl", yanked=yanked)})
        if "cp311" in request.path:
            return Answer(404)
        described = "Metadata-Version: 2.1\nName: a\nVersion: 10.0\nRequires-Dist: x>1\nRequires-Dist: y\n"
        return Answer(200, described.encode())

    with client(reply) as (made, asked):
        assert made.requirements("a") == ["x>1", "y"]
    assert [request.path for request in asked[1:]] == [f"/f/{name}.metadata" for name in names[1:3]]
    with client(of_json({"files": []})) as (made, _):
        assert made.requirements("a") == []

    def refuse(request: Request) -> Answer:
        return of_json({"files": wheels(*names)}) if request.path == "/simple/a/" else of_text(401)

    assert isinstance(failure(refuse, lambda made: made.requirements("a")), CredentialsError)


def test_projects_are_listed() -> None:
    with client(of_json({"projects": [{"name": "b"}, {"name": "a"}]})) as (made, asked):
        assert made.projects() == ["b", "a"]
    assert asked[0].path == "/simple/"
    assert isinstance(failure(of_text(401), lambda made: made.projects()), CredentialsError)


class Form:
    """A body in pieces, whose length is known."""

    def __len__(self) -> int:
        return 6

    def __iter__(self) -> Iterator[bytes | memoryview]:
        return iter((b"one", memoryview(b"two")))


def test_a_form_is_posted_to_the_root_once_whatever_the_answer() -> None:
    with client(of_text(503)) as (made, asked):
        assert made.post(Form(), "multipart/x").status_code == 503
    (request,) = asked
    assert (request.method, request.path, request.body) == ("POST", "/", b"onetwo")
    assert request.headers["Content-Type"] == "multipart/x"


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (of_text(404, "There is no a."), ConfigurationError, "There is no a."),
        (of_text(422, "bad"), ConfigurationError, "bad"),
        (Answer(404, PAGE), NotOfferedError, "can't do this: Welcome"),
        (of_text(405), NotOfferedError, "can't do this: no"),
        (of_json([]), NotOfferedError, "can't do this"),
        (Answer(200, PAGE), NotOfferedError, "can't do this: Welcome"),
        (of_text(401), RefusedCredentialsError, "refused the password of 'ada' (from keyring)"),
        (of_text(403, "ada lacks it"), ForbiddenError, "does not allow 'ada' to do this: ada lacks it"),
        (of_text(500, "oh"), IndexUnavailableError, "answered 500: oh"),
    ],
)
def test_a_change_that_is_not_made(answer: Answer, error: type[PublishError], message: str) -> None:
    found = failure(answer, lambda made: made.change("POST", "projects/a/1/yank", {"reason": "x"}))
    assert type(found) is error
    assert message in found.message


def test_a_change_is_sent_with_its_values() -> None:
    with client(of_json({"changed": ["a"]})) as (made, asked):
        assert made.change("POST", "projects/a/1/yank", {"reason": "x"}) == {"changed": ["a"]}
        assert made.change("DELETE", "projects/a/1", None) == {"changed": ["a"]}
    assert [(request.method, request.path, request.body) for request in asked] == [
        ("POST", "/projects/a/1/yank", b'{"reason": "x"}'),
        ("DELETE", "/projects/a/1", b""),
    ]


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (of_text(422, "too short"), ConfigurationError, "refuses the new password: too short"),
        (of_text(404), NotOfferedError, "does not support changing passwords"),
        (of_text(405), NotOfferedError, "does not support changing passwords"),
        (of_text(401), RefusedCredentialsError, "refused the password"),
        (of_text(500), IndexUnavailableError, "answered 500"),
    ],
)
def test_a_password_that_is_not_changed(answer: Answer, error: type[PublishError], message: str) -> None:
    found = failure(answer, lambda made: made.change_password(Secret("new")))
    assert type(found) is error
    assert message in found.message


def test_a_password_is_changed_in_one_request() -> None:
    with client(of_text(200)) as (made, asked):
        made.change_password(Secret("new"))
    assert [(request.method, request.path, request.body) for request in asked] == [
        ("POST", "/password", b'{"password": "new"}')
    ]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, (None, False, None, ())),
        ({"version": 1, "passes-on": True, "cooldown": 5}, ("1", True, 5.0, ())),
        ({"passes-on": "yes", "cooldown": "3d", "grants": "x"}, (None, False, None, ())),
        ({"cooldown": 0.0, "grants": [{"role": "reader"}, 5]}, (None, False, 0.0, ({"role": "reader"},))),
    ],
)
def test_the_account_is_what_the_index_says(more: dict[str, Any], expected: tuple[object, ...]) -> None:
    with client(of_json({"username": "ada", "rights": ["list", 7], **more})) as (made, asked):
        account = made.whoami()
    assert (account.username, account.rights) == ("ada", ("list", "7"))
    assert (account.version, account.passes_on, account.cooldown, account.grants) == expected
    assert [request.path for request in asked] == ["/whoami"]


@pytest.mark.parametrize(("status", "error"), [(401, RefusedCredentialsError), (403, ForbiddenError)])
def test_refused_credentials_are_not_tried_elsewhere(status: int, error: type[PublishError]) -> None:
    with client(of_text(status)) as (made, asked), pytest.raises(error):
        made.whoami()
    assert [request.path for request in asked] == ["/whoami"]


def test_another_index_checks_credentials_by_its_list() -> None:
    def reply(request: Request) -> Answer:
        if request.path == "/whoami":
            return of_text(404)
        return of_json({"projects": []}) if "Authorization" in request.headers else of_text(401)

    with client(reply) as (made, _):
        account = made.whoami()
        assert (account.username, account.rights, account.version) == ("ada", None, None)
    assert "asks for a password" in failure(reply, lambda made: made.whoami(), None).message


def test_an_index_that_is_open_to_all_checks_no_password_and_one_without_a_list_is_none() -> None:
    def open_to_all(request: Request) -> Answer:
        return of_text(404) if request.path == "/whoami" else of_json({"projects": []})

    found = failure(open_to_all, lambda made: made.whoami())
    assert isinstance(found, CredentialsError)
    assert "so it can't check a password" in found.message
    found = failure(of_text(404), lambda made: made.whoami())
    assert isinstance(found, IndexUnavailableError)
    assert "is not the root of a package index" in found.message


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (of_json({"passes-on": True}), True),
        (of_json({"passes-on": 1}), False),
        (of_json([]), False),
        (of_json({}), False),
        (of_json({"passes-on": True}, 401), False),
        (Answer(302, b"", {"Location": "/whoami"}), False),
    ],
)
def test_an_index_passes_public_packages_on_only_when_it_says_so(answer: Answer, expected: bool) -> None:  # noqa: FBT001
    with client(answer) as (made, _):
        assert made.passes_on() is expected
