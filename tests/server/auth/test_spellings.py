"""Names of accounts and projects in other spellings: one account is one account, and one project one project."""

import json
from pathlib import Path

import pytest
from passlib.apache import HtpasswdFile

from publisher.server.auth.access.rules import InvalidAccessError, parse_pattern, parse_rules
from publisher.server.auth.account_table import SERVICE, parse
from publisher.server.auth.errors import InvalidAccountError
from publisher.server.auth.principal import Grant, Right
from publisher.server.auth.rules import check_name
from tests.helpers.dists import make_wheel
from tests.helpers.http import Client
from tests.helpers.index import RunningIndex
from tests.helpers.trust import Admin, create_token, with_token, write_access
from tests.helpers.waiting import eventually
from tests.server.conftest import PASSWORD, OwnIndex

COMPOSED, DECOMPOSED = "zo\u00eb", "zoe\u0308"


def with_account(index: RunningIndex, name: str) -> None:
    """Add an account as htpasswd does, which takes names that the index gives to no new one."""
    users = HtpasswdFile(str(index.htpasswd), default_scheme="apr_md5_crypt", encoding="utf-8")
    users.set_password(name, PASSWORD)
    users.save()


@pytest.mark.parametrize("stored", [COMPOSED, DECOMPOSED])
def test_an_account_is_the_same_however_its_letters_are_composed(own: OwnIndex, stored: str, tmp_path: Path) -> None:
    index, _ = own.start()
    with_account(index, stored)
    write_access(index, f'[users.ada]\n"*" = "admin"\n[users."{COMPOSED}"]\n"acme-*" = "maintainer"\n')
    spellings = [Client(index.url, (name, PASSWORD)) for name in (COMPOSED, DECOMPOSED)]
    assert eventually(lambda: spellings[0].get("whoami").status_code == 200)
    assert {each.get("whoami").json()["username"] for each in spellings} == {stored}
    assert spellings[0].upload(make_wheel(tmp_path, "acme_widgets")).status_code == 200
    tokens = [create_token(each, f"t{number}", ["read"]) for number, each in enumerate(spellings)]
    for each in spellings:
        assert [token["name"] for token in each.get("-/tokens").json()["tokens"]] == ["t0", "t1"]
    assert spellings[1].request("DELETE", "-/tokens/t0").status_code == 200
    assert spellings[1].get("-/owners/acme-widgets").json()["maintainers"] == [stored]
    removed = Admin(index.url).request("DELETE", f"users/{stored}").json()
    assert removed["ended"]["tokens"] == ["t1"]
    assert with_token(index.url, tokens[1]).get("simple/").status_code == 401


def test_upper_case_names_another_account(own: OwnIndex) -> None:
    index, ada = own.start()
    create_token(ada, "mine", ["read"])
    index.add_user("Ada", PASSWORD)
    other = Client(index.url, ("Ada", PASSWORD))
    assert eventually(lambda: other.get("whoami").status_code == 200)
    assert other.get("-/tokens").json()["tokens"] == []
    assert other.request("DELETE", "-/tokens/mine").status_code == 404
    assert other.request("DELETE", "-/tokens/ada/mine").status_code == 403


@pytest.mark.parametrize(
    "name", ["AUTH_TOKEN", "auth_token", "anonymous", "__token__", "(no account)", "ada\u200b", "\u0430da"]
)
def test_names_that_would_pass_for_another_sender(name: str) -> None:
    with pytest.raises(InvalidAccountError):
        check_name(name)


def test_a_service_account_gets_no_password(own: OwnIndex) -> None:
    """The other account's password would give access to its tokens, too."""
    index, _ = own.start()
    admin = Admin(index.url)
    assert admin.request("POST", "register", json={"username": "bot", "service": True}).status_code == 201
    refused = admin.request("POST", "register", json={"username": "bot", "password": "long enough"})
    assert (refused.status_code, "service account" in refused.text) == (422, True)
    assert parse(index.htpasswd.read_bytes()).entries["bot"].text == SERVICE
    assert Client(index.url, ("bot", "long enough")).get("simple/").status_code == 401


def test_two_tables_of_one_user_are_a_mistake() -> None:
    text = f'[users."{COMPOSED}"]\n"*" = "reader"\n[users."{DECOMPOSED}"]\n"*" = "admin"\n'
    with pytest.raises(InvalidAccessError, match=r"line 3: .*two tables"):
        parse_rules(text)


@pytest.mark.parametrize(
    ("pattern", "covered", "not_covered"),
    [
        ("acme-*", ["acme", "acme-widgets", "acme-x-y"], ["acmex", "xacme-y", "ac-me"]),
        ("Acme_*", ["acme", "acme-widgets"], ["acmex"]),
        ("ACME.Widgets", ["acme-widgets"], ["acme-widgets-x", "acme"]),
        ("acme*", ["acme", "acmex", "acme-x"], ["xacme"]),
        ("*", ["acme"], []),
        ("*-tools", ["acme-tools"], ["tools", "acme-toolsx"]),
        ("pypi-*", ["pypi-server"], ["pypi-publish"]),
        ("pypi_publish", ["pypi-publish"], ["pypi-publisher"]),
    ],
)
def test_patterns_match_normalized_names(pattern: str, covered: list[str], not_covered: list[str]) -> None:
    grant = Grant(frozenset({Right.PUBLISH}), parse_pattern(pattern))
    assert [name for name in covered if not grant.covers(Right.PUBLISH, name)] == []
    assert [name for name in not_covered if grant.covers(Right.PUBLISH, name)] == []


@pytest.mark.parametrize("pattern", ["", "-", "ac me", "acme/*", "[ab]*", "a?me", "!acme", "acme-*\n", "ácme", "*/.."])
def test_patterns_that_no_name_has(pattern: str) -> None:
    with pytest.raises(ValueError, match="not a project name"):
        parse_pattern(pattern)


def test_another_spelling_of_a_project_needs_the_same_right(own: OwnIndex, tmp_path: Path) -> None:
    index, ada = own.start()
    for name in ("acme_widgets", "se_cret"):
        assert ada.upload(make_wheel(tmp_path, name)).status_code == 200
    token = with_token(index.url, create_token(ada, "narrow", ["read", "publish", "manage"], ["Acme.*"]))
    assert token.get("simple/acme-widgets/").status_code == 200
    for name in ("se-cret", "Se_Cret", "SE..CRET", "se%2Dcret", "s%65-cret"):
        for path in (f"simple/{name}/", f"simple/{name}", f"pypi/{name}/json", f"projects/{name}/", f"-/owners/{name}"):
            assert token.get(path).status_code == 403, path
        assert token.request("DELETE", f"projects/{name}/1.0").status_code == 403
        assert token.request("PUT", f"projects/{name}/1.0/yanked", json={}).status_code == 403
    for path in ("packages/se_cret-1.0-py3-none-any.whl", "packages/Se.Cret-1.0-py3-none-any.whl"):
        assert token.get(path).status_code == 403, path
    for rest in ("acme-widgets/se-cret", "acme-widgets/../se-cret", "acme-widgets//se-cret"):
        for path in (f"-/owners/{rest}", f"simple/{rest}/", f"projects/{rest}/", f"pypi/{rest}/json"):
            answer = token.get(path)
            assert answer.status_code in {301, 403, 404, 405}, path
            assert "se_cret-1.0" not in answer.text
    assert json.loads(ada.get("-/owners/se-cret").text)["maintainers"] == ["ada"]


def test_an_owner_is_an_account_that_exists(own: OwnIndex, tmp_path: Path) -> None:
    """Else the right would wait for the next account of that name."""
    index, ada = own.start()
    assert ada.upload(make_wheel(tmp_path, "acme")).status_code == 200
    missing = ada.request("PUT", "-/owners/acme", json={"add": "grace"})
    assert (missing.status_code, "Unknown user grace" in missing.text) == (404, True)
    index.add_user("grace", PASSWORD)
    assert eventually(lambda: ada.request("PUT", "-/owners/acme", json={"add": "grace"}).status_code == 200)
