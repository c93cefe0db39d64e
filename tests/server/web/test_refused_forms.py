"""Forms that are refused: the page shows them again as they were filled in, with the reason beside them."""

import json
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
import requests

from tests.helpers.dists import make_wheel
from tests.helpers.http import Client
from tests.helpers.index import RunningIndex
from tests.helpers.inside import serving_app
from tests.helpers.trust import create_token, write_access
from tests.helpers.waiting import eventually
from tests.server.conftest import PASSWORD, USER, OwnIndex
from tests.server.web.test_sign_in import Person

TRUSTED = {"project": "acme", "repository": "acme/widgets", "workflow": "release.yml", "environment": "pypi"}


class Forms(HTMLParser):
    """The forms of a page by their path: their fields, the alert in each, and whether it can be seen."""

    def __init__(self, answer: requests.Response) -> None:
        super().__init__()
        self.fields: dict[str, dict[str, str]] = {}
        self.alerts: dict[str, str] = {}
        self.is_open: dict[str, bool] = {}
        self._form, self._select, self._alerts, self._open = "", "", False, True
        self.feed(answer.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "details":
            self._open = "open" in found
        elif tag == "form":
            self._form = found.get("action", "").partition("/-/account/")[2]
            self.fields[self._form], self.is_open[self._form] = {}, self._open
        elif tag == "input" and self._form:
            self.fields[self._form][found["name"]] = found.get("value", "")
        elif tag == "select":
            self._select = found["name"]
        elif tag == "option" and "selected" in found:
            self.fields[self._form][self._select] = found["value"]
        self._alerts = found.get("role") == "alert"

    def handle_data(self, data: str) -> None:
        if self._alerts:
            self.alerts[self._form] = self.alerts.get(self._form, "") + data

    def handle_endtag(self, tag: str) -> None:
        self._alerts = False
        self._form = "" if tag == "form" else self._form
        self._open = self._open or tag == "details"


@pytest.fixture
def served(own: OwnIndex, tmp_path: Path) -> tuple[RunningIndex, Client, Person]:
    index, ada = own.start("--public-url", "https://pypi.acme.example/")
    assert ada.upload(make_wheel(tmp_path, "acme")).status_code == 200
    person = Person(index.url)
    person.sign_in()
    return index, ada, person


def test_a_workflow_is_trusted_by_those_who_may(served: tuple[RunningIndex, Client, Person]) -> None:
    index, ada, person = served
    page = person.get("-/account/")
    assert "trust" not in Forms(page).fields
    assert "Only an admin of this index can add publishers" in page.text
    refused = person.post("-/account/trust", TRUSTED)
    assert (refused.status_code, list(Forms(refused).alerts)) == (403, [""])
    write_access(index, f'[users.{USER}]\n"acme*" = "maintainer"\n')
    assert eventually(lambda: "trust" in Forms(person.get("-/account/")).fields)
    foreign = Forms(refused := person.post("-/account/trust", {**TRUSTED, "project": "other"}))
    assert (refused.status_code, foreign.is_open["trust"]) == (403, True)
    assert foreign.alerts["trust"].startswith("ada lacks the right 'manage' on other.")
    assert {**foreign.fields["trust"], "token": ""} == {**TRUSTED, "project": "other", "token": ""}
    invalid = Forms(refused := person.post("-/account/trust", {**TRUSTED, "repository": "not one"}))
    assert (refused.status_code, invalid.fields["trust"]["repository"]) == (422, "not one")
    assert "The publisher was added." in person.post("-/account/trust", TRUSTED).text
    name = ada.get("-/trust").json()["publishers"][0]["name"]
    kept = Forms(person.post("-/account/trust/remove", {"name": name, "typed": "something"}))
    assert kept.is_open["trust/remove"]
    assert kept.alerts == {"trust/remove": f"To remove the publisher {name}, type its name."}


def test_a_release_is_deleted_on_its_own_page(served: tuple[RunningIndex, Client, Person]) -> None:
    _, ada, person = served
    release = {"name": "acme", "version": "1.0"}
    wrong = person.post("-/account/delete", {**release, "typed": "acne"})
    assert (wrong.status_code, "<h1>Manage acme" in wrong.text) == (422, True)
    assert Forms(wrong).alerts == {"delete": "To delete acme 1.0, type the project's name."}
    long = person.post("-/account/yank", {**release, "reason": "x" * 2000})
    assert (long.status_code, list(Forms(long).alerts)) == (422, ["yank"])
    assert Forms(long).fields["yank"]["reason"] == "x" * 2000
    assert ada.filenames("acme") == ["acme-1.0-py3-none-any.whl"]
    assert person.post("-/account/delete", {**release, "version": "7"}).status_code == 404


def test_releases_are_managed_by_those_who_may(own: OwnIndex, tmp_path: Path) -> None:
    (own.folder / "index").mkdir()
    (own.folder / "index/access.toml").write_text(
        f'[users.{USER}]\n"*" = "maintainer"\n[users.grace]\n"*" = "publisher"\n'
    )
    index, ada = own.start()
    index.add_user("grace", PASSWORD)
    assert ada.upload(make_wheel(tmp_path, "acme")).status_code == 200
    assert Client(index.url, ("grace", PASSWORD)).upload(make_wheel(tmp_path, "acme", "1.1")).status_code == 200
    for user, manages in ((USER, True), ("grace", False)):
        person = Person(index.url)
        person.sign_in(user=user)
        assert ("Manage this release" in person.get("projects/acme/1.1/").text) == manages
        account = person.get("-/account/").text
        assert ("/projects/acme/" in account, "Manage<" in account) == (True, manages)
        page = person.get("-/account/projects/acme/1.1/")
        assert page.status_code == (200 if manages else 403)
        assert ("grace lacks the right 'manage' on acme." in unescape(page.text)) != manages
    refused = person.post("-/account/delete", {"name": "acme", "version": "1.1", "typed": "acme"})
    assert refused.status_code == 403
    assert len(ada.filenames("acme")) == 2


def test_the_form_of_a_token_stays_as_it_was_filled_in(served: tuple[RunningIndex, Client, Person]) -> None:
    _, ada, person = served
    create_token(ada, "ci", ["read"])
    filled = {"name": "two words", "can": "manage", "projects": "acme acme-*", "days": "soon"}
    for wrong, problem in (({}, "days must be a number"), ({"days": "3"}, "name")):
        refused = person.post("-/account/tokens", {**filled, **wrong})
        forms = Forms(refused)
        assert (refused.status_code, list(forms.alerts), forms.is_open["tokens"]) == (422, ["tokens"], True)
        assert problem in forms.alerts["tokens"]
        assert {**forms.fields["tokens"], "token": ""} == {**filled, **wrong, "token": ""}
    revoked = Forms(person.post("-/account/tokens/revoke", {"name": "ci", "typed": "cd"}))
    assert revoked.is_open["tokens/revoke"]
    assert not revoked.is_open["tokens"]
    assert revoked.alerts == {"tokens/revoke": "To revoke the token ci, type its name."}
    gone = Forms(person.post("-/account/tokens/revoke", {"name": "gone", "typed": "gone"}))
    assert list(gone.alerts) == [""]
    password = {"password": "not it", "new": "a new password", "again": "a new password"}
    refused = person.post("-/account/password", password)
    assert list(Forms(refused).alerts) == ["password"]
    assert not re.search("a new password|not it", refused.text)


def test_no_form_changes_anything_while_the_copy_of_the_rules_decides(tmp_path: Path) -> None:
    (tmp_path / "htpasswd.access").write_text(json.dumps({"text": f'[users.{USER}]\n"*" = "admin"\n'}))
    with serving_app(tmp_path, {"public_url": "https://pypi.acme.example/"}) as (url, _):
        before = (tmp_path / "htpasswd").read_text()
        person = Person(url)
        person.sign_in()
        assert person.is_signed_in()
        new = {"password": PASSWORD, "new": "another horse", "again": "another horse"}
        for path, fields in (
            ("password", new),
            ("tokens", {"name": "ci", "can": "read", "projects": "", "days": ""}),
            ("trust", TRUSTED),
            ("delete", {"name": "acme", "version": "1.0", "typed": "acme"}),
        ):
            refused = person.post(f"-/account/{path}", fields)
            assert (refused.status_code, "access.toml" in refused.text) == (503, True), path
        assert (tmp_path / "htpasswd").read_text() == before
        assert not (tmp_path / "tokens.json").exists()
        person.post("-/account/sign-out-everywhere", {})
        assert not person.is_signed_in()


def test_a_password_that_is_changed_by_a_form_is_on_record(tmp_path: Path) -> None:
    with serving_app(tmp_path) as (url, _):
        person = Person(url)
        person.sign_in()
        for new, again, problem in (
            ("another horse", "another house", "don&#39;t match"),
            ("short", "short", "at least 8 characters"),
        ):
            refused = person.post("-/account/password", {"password": PASSWORD, "new": new, "again": again})
            assert (refused.status_code, problem in refused.text) == (422, True), new
        wrong = {"password": "wrong", "new": "another horse", "again": "another horse"}
        assert "The current password is wrong." in person.post("-/account/password", wrong).text
        done = person.post("-/account/password", {**wrong, "password": PASSWORD})
        assert (done.status_code, person.is_signed_in()) == (200, True)
        assert Client(url, (USER, "another horse")).get("simple/").status_code == 200
        assert Client(url, (USER, PASSWORD)).get("simple/").status_code == 401
    lines = [line for path in sorted((tmp_path / "audit").rglob("*")) for line in path.read_text().splitlines()]
    changed = [event for event in map(json.loads, lines) if event["what"] == "password-changed"]
    assert [(each["user"], each["kind"], each["account"]) for each in changed] == [(USER, "account", USER)]
