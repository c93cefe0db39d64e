"""The credentials of commands that administer a running index: an account's, or its admin token."""

from collections.abc import Iterator
from typing import Any

import click
import pytest
import requests
from click.testing import CliRunner

from publisher.cli.display.output import Output
from publisher.cli.options.trust import TrustPlaceArgs, place_options
from publisher.cli.run.admin import connection
from publisher.client.access import AccessHints
from publisher.client.http import BasicAuth, BearerAuth
from publisher.client.url import IndexUrl
from publisher.errors import CredentialsError, PublishError
from publisher.secret import Secret

URL = "https://acme.example/"
ADA, TOKEN = "Basic YWRhOmNvcnJlY3QgaG9yc2U=", "Bearer let me in"
VARIABLE = "PYPI_PUBLISH_ADMIN_TOKEN"


class Connection:
    """Keeps the address and the credentials that a client is opened with, and whether it was closed."""

    opened: list[tuple[str, str, AccessHints | None]]
    closed: int

    def __init__(self, url: IndexUrl, auth: BasicAuth | BearerAuth, hints: AccessHints | None = None) -> None:
        request = auth(requests.Request("GET", url.root).prepare())
        type(self).opened.append((url.root, request.headers["Authorization"], hints))

    def close(self) -> None:
        type(self).closed += 1


@pytest.fixture(autouse=True)
def _connections(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(connection, "AccessClient", Connection)
    Connection.opened, Connection.closed = [], 0
    yield
    assert len(Connection.opened) == Connection.closed


def _connect(*arguments: str, as_admin: bool = False) -> BaseException | None:
    @click.command()
    @place_options
    def command(place: TrustPlaceArgs) -> None:
        with connection.connected(place, as_admin=as_admin):
            assert len(Connection.opened) - Connection.closed == 1

    obj = Output(runner=None, color=None)
    return CliRunner().invoke(command, ["--index-url", URL, *arguments], obj=obj).exception


@pytest.mark.parametrize(
    ("typed", "in_environment", "token", "as_admin", "auth"),
    [
        (False, False, True, True, TOKEN),
        (False, False, True, False, TOKEN),
        (False, True, True, True, TOKEN),
        (False, True, True, False, ADA),
        (False, True, False, True, ADA),
        (False, True, False, False, ADA),
        (True, False, True, True, ADA),
        (True, False, True, False, ADA),
        (True, False, False, True, ADA),
    ],
)  # fmt: skip
def test_an_account_on_the_command_line_counts_before_the_token_and_that_before_the_environments_account(
    monkeypatch: pytest.MonkeyPatch,
    auth: str,
    *,
    typed: bool,
    in_environment: bool,
    token: bool,
    as_admin: bool,
) -> None:
    monkeypatch.setenv("PYPI_PUBLISH_PASSWORD", "correct horse")
    if in_environment:
        monkeypatch.setenv("PYPI_PUBLISH_USERNAME", "ada")
    if token:
        monkeypatch.setenv(VARIABLE, "let me in")
    assert _connect(*(["--username", "ada"] if typed else []), as_admin=as_admin) is None
    assert Connection.opened == [(URL, auth, None)]


def test_a_token_in_keyring_counts_where_an_admin_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def find(url: IndexUrl, _: object) -> Secret:
        asked.append(url.root)
        return Secret("let me in")

    monkeypatch.setattr(connection, "find_token", find)
    assert _connect(as_admin=True) is None
    assert Connection.opened == [(URL, TOKEN, None)]
    monkeypatch.setenv("PYPI_PUBLISH_USERNAME", "ada")
    monkeypatch.setenv("PYPI_PUBLISH_PASSWORD", "correct horse")
    assert _connect(as_admin=True) is None
    assert Connection.opened[1:] == [(URL, ADA, None)]
    assert asked == [URL]


def test_without_a_token_an_admin_is_an_account_that_logged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> Secret:
        raise CredentialsError("No admin token found.")

    monkeypatch.setattr(connection, "find_token", none)
    monkeypatch.setenv("PYPI_PUBLISH_PASSWORD", "correct horse")
    failure = _connect(as_admin=True)
    assert isinstance(failure, CredentialsError)
    assert "admin token" not in failure.message
    assert Connection.opened == []


def test_the_connection_is_closed_after_a_failure_and_has_the_hints_of_its_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(VARIABLE, "let me in")
    hints = AccessHints(unknown="Look again.")

    @click.command()
    def command() -> None:
        with connection.connected(TrustPlaceArgs(URL), hints=hints):
            raise PublishError("It went wrong.")

    failed = CliRunner().invoke(command, obj=Output(runner=None, color=None)).exception
    assert isinstance(failed, PublishError)
    assert Connection.opened == [(URL, TOKEN, hints)]
