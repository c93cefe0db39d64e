"""Clients of accounts, access, public packages and trusted publishing: requests as they are sent, and each refusal."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from publisher.client.access import AccessClient, AccessHints
from publisher.client.accounts import AccountAdmin, admin_token_hint, admin_url
from publisher.client.http import BasicAuth, BearerAuth
from publisher.client.public_packages import PublicPackagesClient
from publisher.client.token_exchange import burn, exchange, request_github_token, require_own_audience
from publisher.client.url import IndexUrl, parse_index_url
from publisher.errors import (
    ConfigurationError,
    CredentialsError,
    IndexUnavailableError,
    NoPublisherError,
    NotOfferedError,
    PublishError,
    TrustedPublishingError,
)
from publisher.secret import Secret
from tests.helpers.answering import Answer, Request, answering, of_json, of_text

TOKEN = Secret("admin-token")
PAGE = b"<!doctype html><title>Welcome</title>"
Use = Callable[[IndexUrl], object]


@contextmanager
def index(answer: Answer) -> Iterator[tuple[IndexUrl, list[Request]]]:
    """Serve one answer below a path, and note the requests."""
    asked: list[Request] = []

    def reply(request: Request) -> Answer:
        asked.append(request)
        return answer

    with answering(reply) as url:
        yield parse_index_url(f"{url}team/"), asked


def sent(answer: Answer, use: Use) -> tuple[object, str, str, Any, Mapping[str, str]]:
    """Return the outcome, and the one request: method, path, JSON and headers."""
    with index(answer) as (url, asked):
        found = use(url)
    (request,) = asked
    return found, request.method, request.path, json.loads(request.body) if request.body else None, request.headers


def refused(answer: Answer, use: Use) -> PublishError:
    with index(answer) as (url, _), pytest.raises(PublishError) as caught:
        use(url)
    return caught.value


def accounts(work: Callable[[AccountAdmin], object]) -> Use:
    def use(url: IndexUrl) -> object:
        admin = AccountAdmin(url, TOKEN)
        try:
            return work(admin)
        finally:
            admin.close()

    return use


def packages(work: Callable[[PublicPackagesClient], object]) -> Use:
    def use(url: IndexUrl) -> object:
        client = PublicPackagesClient(url, TOKEN)
        try:
            return work(client)
        finally:
            client.close()

    return use


def access(auth: BasicAuth | BearerAuth, hints: AccessHints | None = None) -> Use:
    def use(url: IndexUrl) -> object:
        client = AccessClient(url, auth, hints)
        try:
            return client.ask("PUT", "roles/x", {"a": 1})
        finally:
            client.close()

    return use


def test_commands_about_accounts_are_sent_as_the_index_expects_them() -> None:
    found = sent(of_json({"status": "created"}), accounts(lambda admin: admin.add("ada", Secret("p"))))
    assert found[:4] == ("created", "POST", "/team/register", {"username": "ada", "password": "p"})
    assert (found[4]["Authorization"], found[4]["Accept"]) == ("Bearer admin-token", "application/json")
    found = sent(of_json({"status": "unchanged"}), accounts(lambda admin: admin.add_service("bot")))
    assert found[:4] == ("unchanged", "POST", "/team/register", {"username": "bot", "service": True})
    ended = {"tokens": ["ci", 7], "roles": []}
    found = sent(of_json({"ended": ended}), accounts(lambda admin: admin.remove("a/b")))
    assert found[:4] == ({"tokens": ["ci", "7"], "roles": []}, "DELETE", "/team/users/a%2Fb", None)
    assert sent(of_json({}), accounts(lambda admin: admin.remove("ada")))[0] == {}
    found = sent(of_json({"users": ["b", "a"]}), accounts(lambda admin: admin.names()))
    assert found[:4] == (["a", "b"], "GET", "/team/users", None)
    for status, lost in (("confirmed", True), ("nothing-lost", False)):
        found = sent(of_json({"names": "3", "status": status}), accounts(lambda admin: admin.confirm_loss()))
        assert found[:3] == ((3, lost), "POST", "/team/-/storage/confirm-loss")


@pytest.mark.parametrize(
    ("answer", "error", "message", "hint"),
    [
        (of_text(401, "no"), CredentialsError, "refused the admin token: no", "must be the same"),
        (of_text(403, "It has no admin token."), CredentialsError, "refused the admin token", "openssl rand"),
        (of_text(422, "too short"), ConfigurationError, "refused the account: too short", None),
        (of_text(404, "Unknown user 'ada'."), PublishError, "Unknown user 'ada'.", "users list"),
        (of_text(404, "nothing here"), IndexUnavailableError, "has no account API: nothing", "--htpasswd FILE"),
        (of_text(405, "no"), IndexUnavailableError, "has no account API", "--htpasswd FILE"),
        (of_text(501, "busy"), IndexUnavailableError, "answered 501: busy", "safe to repeat"),
        (of_text(302, "", Location="/"), IndexUnavailableError, "answered 302", "safe to repeat"),
        (of_json(["x"]), IndexUnavailableError, "has no account API.", "--htpasswd FILE"),
        (Answer(200, PAGE), IndexUnavailableError, "has no account API.", "--htpasswd FILE"),
    ],
)
def test_refusals_about_accounts(answer: Answer, error: type[PublishError], message: str, hint: str | None) -> None:
    found = refused(answer, accounts(lambda admin: admin.names()))
    assert type(found) is error
    assert message in found.message
    assert (hint or "") in (found.hint or "")
    assert (found.hint is None) == (hint is None)


def test_the_endpoint_of_a_deployment_leads_to_its_index() -> None:
    assert admin_url("https://acme--x-register-user.modal.run/").root == "https://acme--x-server.modal.run/"
    assert admin_url("https://acme.example/simple/").root == "https://acme.example/"
    assert "AUTH_TOKEN" in admin_token_hint("wrong")


@pytest.mark.parametrize(
    ("answer", "error", "message", "hint"),
    [
        (of_text(401, "no"), CredentialsError, "refused the admin token: no", "must be the same"),
        (of_text(403, "set AUTH_TOKEN"), CredentialsError, "refused the admin token", "must be the same"),
        (of_text(403, "a firewall"), IndexUnavailableError, "answered 403: a firewall", None),
        (of_text(422, "no date"), ConfigurationError, "refused the request: no date", None),
        (of_text(404, "no upstream"), NotOfferedError, ": no upstream", "serve --upstream public"),
        (of_text(405, "no"), NotOfferedError, ": no", "serve --upstream public"),
        (of_text(303, "", Location="/x"), IndexUnavailableError, "longer than its platform allows", "run the same"),
        (of_text(302, "", Location="/x"), IndexUnavailableError, "answered 302", None),
        (of_text(500, "oh"), IndexUnavailableError, "answered 500: oh", None),
        (of_json([]), NotOfferedError, "does not pass on public packages", None),
    ],
)
def test_refusals_about_public_packages(
    answer: Answer, error: type[PublishError], message: str, hint: str | None
) -> None:
    found = refused(answer, packages(lambda client: client.change("allow", {"name": "x"})))
    assert type(found) is error
    assert message in found.message
    assert (hint or "") in (found.hint or "")
    assert (found.hint is None) == (hint is None)


def test_questions_and_changes_of_public_packages() -> None:
    found = sent(of_json({"a": 1}), packages(lambda client: client.show("why/a b/1.0")))
    assert found[:4] == ({"a": 1}, "GET", "/team/-/upstream/why/a%20b/1.0", None)
    found = sent(of_json({"a": 1}), packages(lambda client: client.change("claim", {"name": "x"})))
    assert found[:4] == ({"a": 1}, "POST", "/team/-/upstream/claim", {"name": "x"})
    assert found[4]["Authorization"] == "Bearer admin-token"


ADA = BasicAuth("ada", Secret("p"))


@pytest.mark.parametrize(
    ("auth", "answer", "error", "hint"),
    [
        (ADA, of_text(401, "no"), CredentialsError, "Use your account's password"),
        (ADA, of_text(403, "ada lacks the right 'x'"), CredentialsError, "Ask an admin"),
        (ADA, of_text(403, "Only an admin may"), CredentialsError, "Ask an admin"),
        (BearerAuth(TOKEN), of_text(403, "lacks the right"), CredentialsError, "--username NAME"),
        (BearerAuth(TOKEN), of_text(401, "has no admin token"), CredentialsError, "openssl rand"),
        (ADA, of_text(422, "bad"), ConfigurationError, None),
        (ADA, of_text(404, "Unknown publisher x."), PublishError, "see list"),
        (ADA, of_text(404, "?"), NotOfferedError, "not here"),
        (ADA, of_text(405, "?"), NotOfferedError, "not here"),
        (ADA, of_text(500, "oh"), IndexUnavailableError, "Run the same command"),
        (ADA, of_text(301, "", Location="/x"), IndexUnavailableError, "Run the same command"),
        (ADA, of_json(1), NotOfferedError, None),
    ],
)
def test_refusals_about_access(
    auth: BasicAuth | BearerAuth, answer: Answer, error: type[PublishError], hint: str | None
) -> None:
    found = refused(answer, access(auth, AccessHints(not_offered="not here", unknown="see list")))
    assert type(found) is error
    assert (hint or "") in (found.hint or "")
    assert (found.hint is None) == (hint is None)


def test_where_every_index_has_it_a_404_is_about_a_name() -> None:
    assert type(refused(of_text(404, "?"), access(ADA))) is PublishError
    found = sent(of_json({"b": 2}), access(ADA))
    assert found[:4] == ({"b": 2}, "PUT", "/team/roles/x", {"a": 1})
    assert found[4]["Authorization"] == "Basic YWRhOnA="


def test_an_id_token_is_exchanged_at_the_root_of_the_host() -> None:
    found = sent(of_json({"token": "minted"}), lambda url: exchange(url, Secret("id")).reveal())
    assert found[:4] == ("minted", "POST", "/_/oidc/mint-token", {"token": "id"})
    assert "Authorization" not in found[4]
    found = sent(Answer(200), lambda url: burn(url, Secret("minted")))
    assert found[1:4] == ("POST", "/_/oidc/burn-token", {"token": "minted"})
    assert "did not revoke the upload token: no" in refused(of_text(500, "no"), lambda url: burn(url, TOKEN)).message


def errors(code: str, *texts: str) -> Answer:
    return of_json({"errors": [{"code": code, "description": text} for text in texts]}, 422)


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (errors("invalid-publisher", "no", "match"), NoPublisherError, "no matching publisher: no match"),
        (errors("invalid-pending-publisher", "no"), NoPublisherError, "no matching publisher: no"),
        (errors("invalid-token", "expired\x1b"), TrustedPublishingError, "refused the ID token: expired"),
        (of_text(422, "bad"), TrustedPublishingError, "refused the ID token: bad"),
        (of_json({"errors": ["x"]}, 422), TrustedPublishingError, "refused the ID token"),
        (of_json({"token": ""}), IndexUnavailableError, "without a token"),
        (of_json({"token": 5}), IndexUnavailableError, "without a token"),
        (of_json([]), IndexUnavailableError, "did not answer with a token: 200"),
        (of_text(503, "busy"), IndexUnavailableError, "did not answer with a token: 503 busy"),
        (of_json({"errors": [{"description": "why"}]}, 500), IndexUnavailableError, "a token: 500 why"),
        (of_text(302, "", Location="/x"), IndexUnavailableError, "did not answer with a token: 302"),
    ],
)
def test_refusals_of_an_id_token(answer: Answer, error: type[PublishError], message: str) -> None:
    found = refused(answer, lambda url: exchange(url, Secret("id")))
    assert type(found) is error
    assert message in found.message
    assert "\x1b" not in found.message


def test_the_audience_is_the_indexs_own() -> None:
    def reply(request: Request) -> Answer:
        assert request.path == "/_/oidc/audience"
        return of_json({"audience": request.headers["Host"]})

    with answering(reply) as url:
        assert f"http://{require_own_audience(parse_index_url(f'{url}team/'))}/" == url


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        *((of_text(status, "no"), NotOfferedError, "no trusted publishing") for status in (401, 403, 404, 405)),
        (Answer(200, PAGE), NotOfferedError, "no trusted publishing"),
        (of_json({"audience": "other.example"}), TrustedPublishingError, "'other.example', which is not its own"),
        (of_json({}), TrustedPublishingError, "'None', which is not its own"),
        (of_text(501, "oh"), IndexUnavailableError, "its audience: 501 oh"),
        (of_json([]), IndexUnavailableError, "its audience"),
    ],
)
def test_another_audience_or_none_gets_no_token(answer: Answer, error: type[PublishError], message: str) -> None:
    found = refused(answer, require_own_audience)
    assert type(found) is error
    assert message in found.message


@pytest.mark.parametrize(("query", "expected"), [("", "?audience=a.example"), ("?v=2", "?v=2&audience=a.example")])
def test_github_is_asked_for_a_token_for_one_audience(query: str, expected: str) -> None:
    found = sent(
        of_json({"value": "id"}),
        lambda url: request_github_token(f"{url.root}token{query}", Secret("job"), "a.example").reveal(),
    )
    assert found[:3] == ("id", "GET", f"/team/token{expected}")
    assert found[4]["Authorization"] == "Bearer job"
    for answer in (of_text(403, "no"), of_json({"value": 1}), of_json([]), Answer(200, PAGE)):
        error = refused(answer, lambda url: request_github_token(url.root, Secret("job"), "a"))
        assert isinstance(error, TrustedPublishingError)
        assert "GitHub issued no ID token" in error.message
