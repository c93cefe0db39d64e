"""Each request says which answer it understands: an index that can choose must not answer with a page for browsers."""

from collections.abc import Callable
from contextlib import closing, suppress

import pytest

from publisher.client.access import AccessClient
from publisher.client.accounts import AccountAdmin
from publisher.client.client import IndexClient
from publisher.client.http import BasicAuth
from publisher.client.public_packages import PublicPackagesClient
from publisher.client.token_exchange import request_github_token, require_own_audience
from publisher.client.url import IndexUrl, parse_index_url
from publisher.errors import PublishError
from publisher.secret import Credentials, Secret
from tests.helpers.answering import Answer, Request, answering

ADA = Credentials("ada", Secret("p"), "keyring")
Use = Callable[[IndexUrl], object]
JSON = "application/json"
SIMPLE = "application/vnd.pypi.simple.v1+json, text/html;q=0.1"


def _index(work: Callable[[IndexClient], object]) -> Use:
    def use(url: IndexUrl) -> None:
        with closing(IndexClient(url, ADA)) as client:
            work(client)

    return use


def _admin(url: IndexUrl) -> None:
    with closing(AccountAdmin(url, Secret("t"))) as client:
        client.names()


def _access(url: IndexUrl) -> None:
    with closing(AccessClient(url, BasicAuth("ada", Secret("p")))) as client:
        client.ask("GET", "-/roles")


def _packages(url: IndexUrl) -> None:
    with closing(PublicPackagesClient(url, Secret("t"))) as client:
        client.show("projects")


@pytest.mark.parametrize(
    ("use", "accepts"),
    [
        (_index(lambda client: client.files("acme")), {"/simple/acme/": SIMPLE}),
        (_index(lambda client: client.projects()), {"/simple/": SIMPLE}),
        (_index(lambda client: client.passes_on()), {"/whoami": JSON}),
        (_index(lambda client: client.whoami()), {"/whoami": JSON, "/simple/": SIMPLE}),
        (_admin, {"/users": JSON}),
        (_access, {"/-/roles": JSON}),
        (_packages, {"/-/upstream/projects": JSON}),
        (require_own_audience, {"/_/oidc/audience": JSON}),
        (lambda url: request_github_token(f"{url.root}token", Secret("t"), "a"), {"/token?audience=a": JSON}),
        (lambda url: request_github_token(f"{url.root}token?x=1", Secret("t"), "a"), {"/token?x=1&audience=a": JSON}),
    ],
)
def test_a_request_says_what_it_accepts(use: Use, accepts: dict[str, str]) -> None:
    asked: dict[str, list[str | None]] = {}

    def answer(request: Request) -> Answer:
        asked.setdefault(request.path, []).append(request.headers["Accept"])
        return Answer(404)

    with answering(answer) as url, suppress(PublishError):
        use(parse_index_url(url))
    assert {path: set(found) for path, found in asked.items()} == {path: {kind} for path, kind in accepts.items()}
