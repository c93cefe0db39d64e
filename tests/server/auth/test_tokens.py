"""Stored tokens: never more than was granted, never more than the owner has, and refused everywhere once revoked."""

import base64
from pathlib import Path

import pytest

from publisher.server.auth.tokens.format import PREFIX, identifier_of, new_token
from publisher.server.auth.tokens.records import TokenRecord
from tests.helpers.dists import make_wheel
from tests.helpers.http import Client
from tests.helpers.index import RunningIndex
from tests.helpers.trust import Admin, create_token, with_token
from tests.helpers.waiting import eventually
from tests.server.conftest import PASSWORD, USER, OwnIndex


@pytest.fixture
def index(own: OwnIndex) -> tuple[RunningIndex, Client]:
    return own.start()


def test_a_token_has_a_prefix_a_checksum_and_room_in_every_credential_store() -> None:
    identifier, text = new_token()
    assert text.startswith(PREFIX)
    assert len(text) < 250
    assert identifier_of(text) == identifier
    assert new_token().text != text
    changed = text[:30] + ("a" if text[30] != "a" else "b") + text[31:]
    for wrong in (changed, text[:-1], text + "0", text.swapcase(), "", PREFIX, text.replace(PREFIX, "pypi-")):
        assert identifier_of(wrong) is None


def test_a_log_of_a_record_has_no_hash() -> None:
    assert "5f70bf18" not in repr(TokenRecord("1", "laptop", "ada", "5f70bf18", (), 0.0, "ada"))


def test_a_token_allows_only_its_grants(index: tuple[RunningIndex, Client], tmp_path: Path) -> None:
    _, ada = index
    for name in ("acme_a", "acme_b", "other"):
        assert ada.upload(make_wheel(tmp_path, name)).status_code == 200
    token = with_token(ada.url, create_token(ada, "ci", ["publish"], ["acme-a"]))
    assert token.upload(make_wheel(tmp_path, "acme_a", "2.0")).status_code == 200
    refused = token.upload(make_wheel(tmp_path, "acme_b", "2.0"))
    assert (refused.status_code, "lacks the right 'publish' on acme-b" in refused.text) == (403, True)
    assert "lacks the right 'create' on acme-new" in token.upload(make_wheel(tmp_path, "acme_new")).text
    assert token.get("simple/acme-a/").status_code == 200
    assert token.get("simple/acme-b/").status_code == 403
    assert token.get("packages/acme_b-1.0-py3-none-any.whl").status_code == 403
    assert token.get("packages/acme_a-1.0-py3-none-any.whl").status_code == 200
    assert [
        each["name"]
        for each in token.get("simple/", {"Accept": "application/vnd.pypi.simple.v1+json"}).json()["projects"]
    ] == ["acme-a"]
    assert token.request("DELETE", "projects/acme-a/1.0").status_code == 403
    assert token.get("whoami").json()["username"] == USER


def test_a_token_that_reads_installs_and_changes_nothing(index: tuple[RunningIndex, Client], tmp_path: Path) -> None:
    """For installers, containers and bots, with the requests that pip and uv make."""
    _, ada = index
    wheel = make_wheel(tmp_path, "acme")
    assert ada.upload(wheel).status_code == 200
    token = with_token(ada.url, create_token(ada, "installer", ["read"]))
    pip = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01"
    uv = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
    for accept in (pip, uv):
        assert token.get("simple/acme/", {"Accept": accept}).json()["files"][0]["filename"] == wheel.name
    assert token.get(f"packages/{wheel.name}").content == wheel.read_bytes()
    assert token.get(f"packages/{wheel.name}.metadata").status_code == 200
    assert token.get(f"packages/{wheel.name}", {"Range": "bytes=0-9"}).status_code == 206
    for name in ("acme", "acme_new"):
        refused = token.upload(make_wheel(tmp_path, name, "2.0"))
        assert (refused.status_code, "the token of ada lacks the right" in refused.text) == (403, True)
    for method, path in (("PUT", "projects/acme/1.0/yanked"), ("DELETE", "projects/acme/1.0")):
        assert token.request(method, path).status_code == 403
    assert ada.filenames("acme") == [wheel.name]


def test_a_token_creates_only_the_one_name_that_it_was_granted(
    index: tuple[RunningIndex, Client], tmp_path: Path
) -> None:
    _, ada = index
    refused = ada.request("POST", "-/tokens", json={"name": "x", "rights": ["create"], "projects": ["acme-*"]})
    assert (refused.status_code, "one name at a time" in refused.text) == (422, True)
    token = with_token(ada.url, create_token(ada, "x", ["create", "publish"], ["acme-new"]))
    assert token.upload(make_wheel(tmp_path, "acme_new")).status_code == 200
    assert token.upload(make_wheel(tmp_path, "acme_newer")).status_code == 403


@pytest.mark.parametrize("spelling", ["basic", "bearer"])
def test_a_token_is_taken_as_every_client_sends_it(index: tuple[RunningIndex, Client], spelling: str) -> None:
    _, ada = index
    token = create_token(ada, "reader", ["read"])
    basic = base64.b64encode(f"__token__:{token}".encode()).decode()
    header = f"Basic {basic}" if spelling == "basic" else f"Bearer {token}"
    assert Client(ada.url, None).get("simple/", {"Authorization": header}).status_code == 200


@pytest.mark.parametrize("attack", ["cut", "changed", "made up", "with another user's name", "other index", "empty"])
def test_malformed_tokens_are_refused(index: tuple[RunningIndex, Client], attack: str) -> None:
    _, ada = index
    token = create_token(ada, "reader", ["read"])
    wrong = {
        "cut": ("__token__", token[:-1]),
        "changed": ("__token__", token[:-8] + token[-8:].swapcase()),
        "made up": ("__token__", new_token().text),
        "with another user's name": (USER, token),
        "other index": ("__token__", "pypi-AgEIcHlwaS5vcmcCJ"),
        "empty": ("__token__", ""),
    }[attack]
    assert Client(ada.url, wrong).get("simple/").status_code == 401


def test_no_token_makes_tokens_or_changes_accounts(index: tuple[RunningIndex, Client]) -> None:
    _, ada = index
    token = with_token(ada.url, create_token(ada, "all", ["read", "publish", "manage"]))
    body = {"name": "more", "rights": ["read"]}
    assert token.request("POST", "-/tokens", json=body).status_code == 403
    assert token.request("DELETE", "-/tokens/all").status_code == 403
    assert token.get("-/tokens").status_code == 403
    assert token.request("POST", "password", json={"password": "a new password"}).status_code == 403
    assert token.get("users").status_code == 403
    assert token.request("DELETE", f"users/{USER}").status_code == 403
    assert token.get("-/audit").status_code == 403
    assert token.request("PUT", "-/roles", json={"name": USER, "role": "admin"}).status_code == 403


def test_a_revoked_token_is_refused_by_another_process_too(own: OwnIndex) -> None:
    index, ada = own.start()
    other = RunningIndex.start(index.folder)
    own.running.append(other)
    token = create_token(ada, "ci", ["read"])
    elsewhere = with_token(other.url, token)
    assert elsewhere.get("simple/").status_code == 200
    assert ada.request("DELETE", "-/tokens/ci").status_code == 200
    assert with_token(ada.url, token).get("simple/").status_code == 401
    assert eventually(lambda: elsewhere.get("simple/").status_code == 401), "within five seconds"
    assert ada.request("DELETE", "-/tokens/ci").status_code == 404


def test_a_token_has_never_more_than_its_owner_and_ends_with_the_account(own: OwnIndex, tmp_path: Path) -> None:
    index, ada = own.start()
    index.add_user("bob", PASSWORD)
    bob = Client(index.url, ("bob", PASSWORD))
    assert ada.upload(make_wheel(tmp_path, "acme")).status_code == 200
    token = with_token(index.url, create_token(bob, "ci", ["publish"], ["acme"]))
    assert token.upload(make_wheel(tmp_path, "acme", "2.0")).status_code == 200
    admin = Admin(index.url)
    admin.set_role("ada", "maintainer")
    access = index.htpasswd.with_name("access.toml")
    access.write_text(access.read_text().replace('"*" = "maintainer"\n', '"*" = "reader"\n', 1))
    assert eventually(lambda: token.upload(make_wheel(tmp_path, "acme", "3.0")).status_code == 403)
    assert token.get("simple/acme/").status_code == 200
    removed = admin.request("DELETE", "users/bob").json()
    assert removed["ended"]["tokens"] == ["ci"]
    assert token.get("simple/acme/").status_code == 401


def test_tokens_of_service_accounts_outlive_the_people_who_made_them(own: OwnIndex) -> None:
    index, ada = own.start()
    admin = Admin(index.url)
    admin.set_role("ada", "admin")
    made = ada.request("POST", "register", json={"username": "ci-bot", "service": True})
    assert made.json() == {"username": "ci-bot", "status": "created"}
    assert admin.request("GET", "users").json()["services"] == ["ci-bot"]
    token = with_token(index.url, create_token(ada, "renovate", ["read"], owner="ci-bot"))
    assert token.get("whoami").json()["username"] == "ci-bot"
    for password in ("*service*", "", "x"):
        assert Client(index.url, ("ci-bot", password)).get("simple/").status_code == 401
    assert admin.request("DELETE", "users/ada").status_code == 200
    assert token.get("simple/").status_code == 200
    refused = admin.request("POST", "-/tokens", json={"name": "x", "rights": ["read"], "owner": "grace"})
    assert refused.status_code == 403, "people make their own tokens"


def test_a_list_of_tokens_shows_their_use_by_the_day_and_no_secret(own: OwnIndex) -> None:
    index, ada = own.start()
    text = create_token(ada, "ci", ["read"], ["acme-*"], days=90)
    with_token(index.url, text).get("simple/")
    assert eventually(lambda: ada.get("-/tokens").json()["tokens"][0]["last-used"] is not None)
    answer = ada.get("-/tokens")
    assert answer.json()["tokens"][0]["grants"] == [{"rights": ["read"], "project": "acme-*"}]
    assert text not in answer.text
    for path in index.folder.rglob("*"):
        if path.is_file():
            assert text.encode() not in path.read_bytes(), path


def test_an_expired_token_is_refused(own: OwnIndex) -> None:
    _, ada = own.start()
    token = with_token(ada.url, create_token(ada, "short", ["read"], days=1 / 86400))
    assert eventually(lambda: token.get("simple/").status_code == 401)
    assert "has expired" in token.get("simple/").text
