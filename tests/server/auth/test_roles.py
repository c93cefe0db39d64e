"""Roles in `access.toml`: what they allow, edits that keep comments, and what holds while the file is wrong or gone."""

from pathlib import Path

import pytest

from publisher.server.auth.access.rules import InvalidAccessError, parse_rules
from publisher.server.auth.principal import Grant, Principal, PrincipalKind, Right
from tests.helpers.dists import make_wheel
from tests.helpers.http import JSON, Client
from tests.helpers.index import RunningIndex
from tests.helpers.trust import Admin, access_file, write_access
from tests.helpers.waiting import eventually
from tests.server.conftest import PASSWORD, OwnIndex

RULES = """\
# the team's rules
[users.ada]
"*" = "admin"

[users.bob]
"acme-*" = "publisher"  # the widgets
acme-tools = ["read", "manage"]

[groups.web]
members = ["eve"]
[groups.web.projects]
"web-*" = "maintainer"
"""
PEOPLE = ("bob", "eve", "kim")


def serve(own: OwnIndex, rules: str = RULES, *options: str) -> tuple[RunningIndex, dict[str, Client]]:
    index, ada = own.start(*options)
    for name in PEOPLE:
        index.add_user(name, PASSWORD)
    write_access(index, rules)
    clients = {name: Client(index.url, (name, PASSWORD)) for name in PEOPLE}
    assert eventually(lambda: clients["kim"].get("simple/other/").status_code == 403)
    return index, {"ada": ada, **clients}


def names(client: Client) -> list[str]:
    found = client.get("simple/", {"Accept": JSON}).json()["projects"]
    return [each["name"] for each in found]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('[users.ada]\n"*" = "owner"\n', 2, "unknown role 'owner'"),
        ('[users.ada]\n"acme-*" = "admin"\n', 2, "for the whole index"),
        ("[users.ada\n", 1, "not valid TOML"),
        ('x = 1\n[user.ada]\n"*" = "reader"\n', 1, "unknown table 'x'"),
        ('\n[users.ada]\n"ac me" = "reader"\n', 3, "not a project name or pattern"),
        ('[groups.web]\nmembers = "ada"\n', 2, "a list of strings"),
        ('[groups.web]\nmember = ["ada"]\n', 2, "unknown key 'member'"),
        ('[anonymous]\nprojects = ["a", "b/c"]\n', 2, "not a project name"),
        ('[users]\nada = "admin"\n', 2, "must be a table"),
        ('[users.ada]\n"*" = []\n', 2, "empty list"),
    ],
)
def test_an_error_names_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(InvalidAccessError, match=words) as raised:
        parse_rules(text)
    assert str(raised.value).startswith(f"line {line}:")


def test_no_pattern_covers_the_client_except_for_reading() -> None:
    every = Grant(frozenset({Right.PUBLISH, Right.MANAGE}), "*")
    principal = Principal("ada", PrincipalKind.ACCOUNT, (every, Grant(frozenset({Right.PUBLISH}), "pypi-*")))
    assert principal.may(Right.READ, "pypi-publish")
    assert not principal.may(Right.PUBLISH, "pypi-publish")
    assert principal.may(Right.PUBLISH, "pypi-publisher")
    narrow = Principal("eve", PrincipalKind.ACCOUNT, (Grant(frozenset({Right.READ}), "acme-*"),))
    assert not narrow.may(Right.READ, "pypi-publish")
    named = Principal("ada", PrincipalKind.ACCOUNT, (Grant(frozenset({Right.PUBLISH}), "pypi-publish"),))
    assert named.may(Right.PUBLISH, "pypi-publish")


def test_roles_decide_what_people_see_and_change(own: OwnIndex, tmp_path: Path) -> None:
    _, people = serve(own)
    ada, bob, eve, kim = (people[name] for name in ("ada", "bob", "eve", "kim"))
    for name in ("acme_widgets", "acme_tools", "web_shop", "secret"):
        assert ada.upload(make_wheel(tmp_path, name)).status_code == 200
    assert names(ada) == ["acme-tools", "acme-widgets", "secret", "web-shop"]
    assert names(bob) == ["acme-tools", "acme-widgets"]
    assert names(eve) == ["web-shop"]
    assert names(kim) == []
    home = bob.get("").text
    assert "acme-widgets" in home
    assert "secret" not in home
    assert "web-shop" not in bob.get("packages/").text
    search = "<methodCall><methodName>search</methodName><params><param><value><string>e</string></value></param>"
    search += "</params></methodCall>"
    found = bob.request("POST", "RPC2", data=search, headers={"Content-Type": "text/xml"}).text
    assert "secret" not in found
    for path in (
        "simple/secret/",
        "projects/secret/",
        "secret/json",
        "pypi/secret/json",
        "packages/secret-1.0-py3-none-any.whl",
    ):
        refused = bob.get(path)
        assert (refused.status_code, "lacks the right 'read' on secret" in refused.text) == (403, True), path
    assert bob.upload(make_wheel(tmp_path, "acme_widgets", "2.0")).status_code == 200
    assert "lacks the right 'create'" in bob.upload(make_wheel(tmp_path, "acme_new")).text
    assert bob.request("DELETE", "projects/acme-widgets/1.0").status_code == 403
    assert bob.request("DELETE", "projects/acme-tools/1.0").status_code == 200
    assert kim.upload(make_wheel(tmp_path, "kims")).status_code == 403


def test_the_first_publisher_maintains_a_new_project(own: OwnIndex, tmp_path: Path) -> None:
    index, people = serve(own, RULES + '[users.kim]\n"*" = ["create"]\n')
    kim, bob = people["kim"], people["bob"]
    assert kim.upload(make_wheel(tmp_path, "kims")).status_code == 200
    assert kim.upload(make_wheel(tmp_path, "kims", "2.0")).status_code == 200
    assert kim.request("DELETE", "projects/kims/1.0").status_code == 200
    assert bob.get("simple/kims/").status_code == 403
    assert kim.get("-/owners/kims").json()["maintainers"] == ["kim"]
    assert kim.request("PUT", "-/owners/kims", json={"add": "bob"}).status_code == 200
    assert bob.upload(make_wheel(tmp_path, "kims", "3.0")).status_code == 200
    assert "kims" in names(bob)
    assert Admin(index.url).request("PUT", "-/owners/kims", json={"remove": "kim"}).status_code == 200
    assert kim.upload(make_wheel(tmp_path, "kims", "4.0")).status_code == 403


def test_anonymous_clients_are_narrowed_and_never_widened(own: OwnIndex, tmp_path: Path) -> None:
    index, people = serve(own, RULES + '[anonymous]\nprojects = ["docs-*"]\n', "--authenticate", "update")
    ada, anonymous = people["ada"], Client(index.url, None)
    for name in ("docs_a", "secret"):
        assert ada.upload(make_wheel(tmp_path, name)).status_code == 200
    assert names(anonymous) == ["docs-a"]
    assert anonymous.get("simple/docs-a/").status_code == 200
    assert anonymous.get("simple/secret/").status_code == 401
    assert anonymous.get("packages/secret-1.0-py3-none-any.whl").status_code == 401
    assert anonymous.upload(make_wheel(tmp_path, "docs_a", "2.0")).status_code == 401
    assert people["kim"].get("simple/docs-a/").status_code == 200


def test_edits_keep_comments_and_other_lines(own: OwnIndex) -> None:
    index, _ = serve(own)
    admin = Admin(index.url)
    admin.set_role("kim", "reader", "Acme_*")
    admin.set_role("@web", "reader", "shop-*")
    for name, known in (("kim", True), ("@web", True), ("kimm", False)):
        asked = {"name": name, "role": "none", "project": "nothing-*"}
        assert admin.request("PUT", "-/roles", json=asked).json()["known"] is known
    admin.set_role("bob", "none", "acme-tools")
    text = access_file(index).read_text()
    assert "# the team's rules" in text
    assert "# the widgets" in text
    assert parse_rules(text).grants_of("kim") == (Grant(frozenset({Right.READ}), "acme-*"),)
    assert "acme-tools" not in text
    refused = admin.request("PUT", "-/roles", json={"name": "kim", "role": "admin", "project": "acme-*"})
    assert (refused.status_code, access_file(index).read_text()) == (422, text)


def test_the_first_role_takes_no_right_from_anybody(own: OwnIndex, tmp_path: Path) -> None:
    index, ada = own.start()
    Admin(index.url).set_role("grace", "admin")
    assert ada.upload(make_wheel(tmp_path, "acme")).status_code == 200


def test_an_invalid_file_leaves_the_last_valid_one_in_force(own: OwnIndex) -> None:
    index, people = serve(own)
    write_access(index, '[users.kim]\n"*" = "boss"\n')
    assert eventually(
        lambda: "line 2: unknown role 'boss'" in index.log.read_text() or not people["kim"].get("simple/")
    )
    assert people["kim"].get("simple/x/").status_code == 403
    access_file(index).unlink()
    assert eventually(lambda: "access.toml is missing" in index.log.read_text() or not people["kim"].get("simple/"))
    assert people["kim"].get("simple/x/").status_code == 403


@pytest.mark.parametrize("state", ["deleted", "invalid"])
def test_at_a_start_without_a_valid_file_its_copy_decides_who_may_read(
    own: OwnIndex, tmp_path: Path, state: str
) -> None:
    index, people = serve(own)
    assert people["ada"].upload(make_wheel(tmp_path, "acme_widgets")).status_code == 200
    index.stop()
    if state == "deleted":
        access_file(index).unlink()
    else:
        write_access(index, "[users\n")
    again, ada = own.start()
    bob, kim = (Client(again.url, (name, PASSWORD)) for name in ("bob", "kim"))
    assert bob.get("simple/acme-widgets/").status_code == 200
    assert kim.get("simple/acme-widgets/").status_code == 403
    for change in (
        ada.upload(make_wheel(tmp_path, "acme_widgets", "2.0")),
        ada.request("DELETE", "projects/acme-widgets/1.0"),
        ada.request("POST", "-/tokens", json={"name": "x", "rights": ["read"]}),
        Admin(again.url).request("POST", "register", json={"username": "new", "password": "long enough"}),
    ):
        assert (change.status_code, "access.toml" in change.text) == (503, True)
    assert "access.toml" in again.log.read_text()
    write_access(again, RULES)
    assert eventually(lambda: ada.upload(make_wheel(tmp_path, "acme_widgets", "2.0")).status_code == 200)


def test_at_a_start_without_a_copy_nothing_is_answered(own: OwnIndex) -> None:
    index, people = serve(own)
    assert people["ada"].get("simple/").status_code == 200
    index.stop()
    index.htpasswd.with_name("htpasswd.access").write_text("lost")
    access_file(index).unlink()
    _, ada = own.start()
    assert ada.get("simple/").status_code == 503
    assert ada.get("health").status_code == 200


def test_an_account_that_is_removed_leaves_no_roles(own: OwnIndex, tmp_path: Path) -> None:
    index, people = serve(own)
    people["eve"].upload(make_wheel(tmp_path, "web_shop"))
    ended = Admin(index.url).request("DELETE", "users/eve").json()["ended"]
    assert ended == {"tokens": [], "roles": ["member of web"], "projects": ["web-shop"], "publishers": []}
    ended = Admin(index.url).request("DELETE", "users/bob").json()["ended"]
    assert len(ended["roles"]) == 2
    assert not parse_rules(access_file(index).read_text()).grants_of("bob")


def test_setting_a_role_names_the_rules_that_give_more(own: OwnIndex, tmp_path: Path) -> None:
    index, ada = own.start()
    assert ada.upload(make_wheel(tmp_path, "acme")).status_code == 200
    admin = Admin(index.url)

    def wider(name: str, role: str, project: str = "*") -> list[tuple[str, str | None, str]]:
        answer = admin.request("PUT", "-/roles", json={"name": name, "role": role, "project": project})
        return [(each["rule"], each["role"], each["project"]) for each in answer.json()["wider"]]

    everyone = ("[everyone]", "maintainer", "*")
    assert wider("kim", "reader", "acme-*") == [everyone]
    assert wider("@web", "reader") == [everyone]
    assert wider("kim", "none", "acme-*") == [everyone]
    assert wider("kim", "maintainer") == []
    rules = 'everyone={"*"="reader"}\n[users.kim]\n"shop-*"=["read","manage"]\n[groups.web]\nmembers=["kim"]\n'
    write_access(index, rules + '[groups.web.projects]\n"web-*"="publisher"\n')
    assert wider("kim", "reader") == [("[users.kim]", None, "shop-*"), ("[groups.web]", "publisher", "web-*")]
    assert wider("kim", "reader", "web-shop") == [("[groups.web]", "publisher", "web-*")]
    assert wider("kim", "reader", "docs") == []
    assert wider("ada", "reader") == [("record", None, "acme")]
