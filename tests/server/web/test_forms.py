"""Every form of the pages: it needs its token and its own page, has a command, and destructive ones ask for a name."""

import re
from pathlib import Path

import click
import pytest

from publisher.cli.main import group
from tests.helpers.dists import make_wheel
from tests.helpers.http import Client
from tests.helpers.trust import Admin, create_token
from tests.server.conftest import PASSWORD, USER, OwnIndex
from tests.server.web.test_sign_in import Person

FORMS = {
    "password": ({"password": PASSWORD, "new": "fresh correct horse", "again": "fresh correct horse"}, ["passwd"]),
    "tokens": ({"name": "new", "can": "read", "projects": "", "days": ""}, ["token", "create"]),
    "tokens/revoke": ({"name": "ci", "typed": "ci"}, ["token", "revoke"]),
    "trust": ({"project": "acme", "repository": "acme/more", "workflow": "publish.yml"}, ["trust", "add"]),
    "trust/remove": ({"name": "PUBLISHER", "typed": "PUBLISHER"}, ["trust", "remove"]),
    "yank": ({"name": "acme", "version": "1.0", "reason": "x"}, ["yank"]),
    "unyank": ({"name": "acme", "version": "0.9"}, ["unyank"]),
    "delete": ({"name": "acme", "version": "1.0", "typed": "acme"}, ["delete"]),
    "sign-out": ({}, ["logout"]),
    "sign-out-everywhere": ({}, ["logout"]),
}
"""The forms by their paths, with fields that would be accepted, and the command that does the same."""

DESTRUCTIVE = ("tokens/revoke", "trust/remove", "delete")

FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": "https://other.acme.example"},
]


def test_every_form_has_a_command() -> None:
    templates = Path(__file__).parents[3] / "publisher/server/web/templates"
    posted = re.compile(r'method="post" action="[^"]*/-/account/([^"]+)"')
    found = {path for file in templates.glob("*.html") for path in posted.findall(file.read_text("utf-8"))}
    assert found - {"sign-in"} == FORMS.keys()
    for _, words in FORMS.values():
        command: click.Command | None = group
        for word in words:
            assert isinstance(command, click.Group)
            command = command.get_command(click.Context(command), word)
        assert command is not None, words


def test_no_form_is_followed_without_its_token_or_from_another_page(own: OwnIndex, tmp_path: Path) -> None:
    (own.folder / "index").mkdir()
    (own.folder / "index/access.toml").write_text(f'[users.{USER}]\n"*" = "maintainer"\n')
    index, ada = own.start("--public-url", "https://pypi.acme.example/")
    for version in ("0.9", "1.0"):
        assert ada.upload(make_wheel(tmp_path, "acme", version)).status_code == 200
    assert ada.request("PUT", "projects/acme/0.9/yanked", json={"reason": "old"}).status_code == 200
    create_token(ada, "ci", ["read"])
    described = {"kind": "github", "projects": ["acme"]}
    settings = {"repository": "acme/widgets", "workflow": "publish.yml"}
    assert ada.request("POST", "-/trust", json={**described, "settings": settings}).status_code == 201
    publisher = ada.get("-/trust").json()["publishers"][0]["name"]
    person = Person(index.url)
    person.sign_in()
    token = re.search(r'name="token" value="([^"]+)"', person.get("-/account/").text)
    assert token is not None
    before = Admin(index.url).events()
    for path, (given, _) in FORMS.items():
        fields = {name: value.replace("PUBLISHER", publisher) for name, value in given.items()}
        url = f"{index.url}-/account/{path}"
        for wrong in ({}, {"token": ""}, {"token": "made up"}, {"token": token[1][:-1]}):
            answer = person.session.post(url, data={**fields, **wrong}, timeout=30, allow_redirects=False)
            assert answer.status_code == (403 if {**fields, **wrong} else 415), (path, wrong)
        for headers in FOREIGN:
            sent = {**fields, "token": token[1]}
            answer = person.session.post(url, data=sent, headers=headers, timeout=30, allow_redirects=False)
            assert answer.status_code == 403, (path, headers)
            assert "Set-Cookie" not in answer.headers
        if path in DESTRUCTIVE:
            for typed in ("", "another", fields["typed"].upper(), f"{fields['typed']} "):
                sent = {**fields, "token": token[1], "typed": typed}
                answer = person.session.post(url, data=sent, timeout=30, allow_redirects=False)
                assert answer.status_code == 422, (path, typed)
    assert person.is_signed_in()
    assert Admin(index.url).events() == before
    assert [file["yanked"] for file in ada.page("acme")["files"]] == ["old", False]


@pytest.mark.parametrize(
    ("path", "status"), [("", 200), ("projects/strict/", 200), ("-/account/sign-in", 200), ("projects/none/", 404)]
)
def test_a_page_may_load_from_its_own_index_alone(client: Client, tmp_path: Path, path: str, status: int) -> None:
    assert client.upload(make_wheel(tmp_path, "strict")).status_code == 200
    answer = client.get(path, {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert answer.status_code == status
    policy = dict(each.strip().split(" ", 1) for each in answer.headers["Content-Security-Policy"].split(";"))
    assert policy == {
        "default-src": "'none'",
        "style-src": "'self'",
        "script-src": "'self'",
        "img-src": "'self'",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    assert " style=" not in answer.text
    assert not re.search(r"<script(?! src=)|\son\w+=", answer.text)
