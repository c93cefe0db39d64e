"""`token`, `audit`, `users`, `projects` and `login --token` as people type them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.dists import make_wheel
from tests.helpers.http import Client
from tests.helpers.index import ADMIN_TOKEN, RunningIndex
from tests.helpers.tool import pypi_publish
from tests.helpers.trust import with_token
from tests.helpers.waiting import eventually

USER, PASSWORD = "ada", "correct horse"
ADMIN = {"PYPI_PUBLISH_ADMIN_TOKEN": ADMIN_TOKEN}


@pytest.fixture
def own_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningIndex]:
    index = RunningIndex.start(tmp_path / "index")
    index.add_user(USER, PASSWORD)
    monkeypatch.setenv("PYPI_PUBLISH_INDEX_URL", index.url)
    monkeypatch.setenv("PYPI_PUBLISH_USERNAME", USER)
    monkeypatch.setenv("PYPI_PUBLISH_PASSWORD", PASSWORD)
    yield index
    index.kill()


def test_a_token_is_alone_on_stdout_publishes_and_ends(own_index: RunningIndex, tmp_path: Path) -> None:
    options = ("--name", "ci", "--project", "acme", "--can", "publish", "--can", "create", "--expires", "90d")
    made = pypi_publish("token", "create", *options)
    assert made.code == 0, made.stderr
    token = made.stdout.strip()
    assert "create, publish on acme, until" in made.stderr
    assert token not in made.stderr
    used = {"PYPI_PUBLISH_USERNAME": "__token__", "PYPI_PUBLISH_PASSWORD": token}
    published = pypi_publish("upload", make_wheel(tmp_path, "acme"), env=used)
    assert published.code == 0, published.stderr
    refused = pypi_publish("upload", make_wheel(tmp_path, "other"), env=used)
    assert (refused.code, "lacks the right" in refused.everything) == (4, True)
    assert token not in published.everything + refused.everything
    assert "ada/ci" in pypi_publish("token", "list").stdout
    assert pypi_publish("token", "create", "--name", "x", "--can", "read", env=used).code == 4
    assert pypi_publish("token", "revoke", "ci").code == 0
    assert pypi_publish("token", "revoke", "ci").code == 1
    assert with_token(own_index.url, token).get("simple/").status_code == 401
    assert pypi_publish("token", "create", "--name", "x", "--can", "read", "--expires", "soon").code == 2


def test_an_admin_gives_roles_and_reads_the_trail(own_index: RunningIndex, tmp_path: Path) -> None:
    assert pypi_publish("users", "set-role", USER, "admin").code == 4, "nobody is admin without the token"
    given = pypi_publish("users", "set-role", USER, "admin", env=ADMIN)
    assert given.code == 0, given.stderr
    made = pypi_publish("users", "add", "build", "--service", env=ADMIN)
    assert "service account 'build' is created" in made.stderr
    token = pypi_publish("token", "create", "--for", "build", "--name", "images", "--can", "read").stdout.strip()
    assert with_token(own_index.url, token).get("simple/").status_code == 200
    assert pypi_publish("upload", make_wheel(tmp_path, "acme")).code == 0
    assert pypi_publish("projects", "owners", "acme").stdout.split() == [USER]
    assert pypi_publish("projects", "owners", "acme", "--add", "grace").code == 1
    own_index.add_user("grace", PASSWORD)
    assert pypi_publish("projects", "owners", "acme", "--add", "grace").stdout.split() == [USER, "grace"]
    events = pypi_publish("audit", "--project", "acme", "--since", "7d", "--json").json["events"]
    assert [each["what"] for each in events] == ["upload", "owner-added"]
    assert "token-created" in pypi_publish("audit", "--user", USER).stdout
    removed = pypi_publish("users", "remove", "build", env=ADMIN)
    assert "tokens images" in removed.stderr


def test_a_role_that_takes_nothing_away_says_so(own_index: RunningIndex, tmp_path: Path) -> None:
    given = pypi_publish("users", "set-role", "bob", "reader", env=ADMIN)
    assert "bob is reader of *, but [everyone] still makes every account maintainer of *." in given.stderr
    assert "access.toml" in given.stderr
    assert pypi_publish("upload", make_wheel(tmp_path, "acme")).code == 0
    own_index.htpasswd.with_name("access.toml").write_text('[everyone]\n"*" = "reader"\n')
    kept = pypi_publish("users", "set-role", USER, "reader", env=ADMIN)
    assert "ada is reader of *, but ada still maintains acme." in kept.stderr
    assert "projects owners NAME --remove ada" in kept.stderr
    assert "but" not in pypi_publish("users", "set-role", "bob", "reader", env=ADMIN).stderr


def test_the_admin_token_reads_and_changes_owners_and_a_typed_account_comes_before_it(
    own_index: RunningIndex, tmp_path: Path
) -> None:
    assert pypi_publish("upload", make_wheel(tmp_path, "acme")).code == 0
    owners = pypi_publish("projects", "owners", "acme", env=ADMIN)
    assert owners.stdout.split() == [USER], owners.stderr
    assert pypi_publish("audit", "--username", USER, env=ADMIN).code == 4
    assert own_index.url


def test_a_refusal_names_who_may_help(own_index: RunningIndex) -> None:
    refused = pypi_publish("users", "set-role", USER, "admin")
    assert (refused.code, "Ask an admin of the index" in refused.stderr) == (4, True)
    assert "--username" not in refused.stderr
    wrong = pypi_publish("audit", env={"PYPI_PUBLISH_ADMIN_TOKEN": "wrong"})
    assert "must be the same as the index's AUTH_TOKEN" in " ".join(wrong.stderr.split())
    unknown = pypi_publish("trust", "list", env=ADMIN)
    assert unknown.code == 2
    assert unknown.stderr.count("--public-url") == 1
    assert own_index.url


def test_the_trail_prints_the_end_of_a_token_as_a_date(own_index: RunningIndex) -> None:
    assert pypi_publish("token", "create", "--name", "ci", "--can", "read", "--expires", "90d").code == 0
    line = pypi_publish("audit", env=ADMIN).stdout
    assert re.search(r"expires=\d{4}-\d\d-\d\d(\s|$)", line), line
    assert own_index.url


def test_rotating_needs_an_account_and_ends_the_old_password(own_index: RunningIndex) -> None:
    assert pypi_publish("users", "rotate", "nobody", "--generate", env=ADMIN).code == 1
    new = pypi_publish("users", "rotate", USER, "--generate", env=ADMIN).stdout.strip()
    assert Client(own_index.url, (USER, PASSWORD)).get("simple/").status_code == 401
    assert Client(own_index.url, (USER, new)).get("simple/").status_code == 200


def test_login_saves_a_token_instead_of_the_password(own_index: RunningIndex, keyring_file: Path) -> None:
    given = ("--index-url", own_index.url, "--username", USER, "--password-stdin", "--no-configure")
    done = pypi_publish("login", "--token", *given, given=PASSWORD)
    assert done.code == 0, done.stderr
    stored = keyring_file.read_text()
    assert PASSWORD not in stored
    assert "pypi-publish_" in stored
    who = pypi_publish("whoami")
    assert (who.code, who.stdout.strip()) == (0, USER), who.stderr
    assert pypi_publish("logout").code == 0
    assert "pypi-publish_" not in keyring_file.read_text()


def test_an_account_that_is_removed_from_its_file_leaves_no_token_and_no_role(own_index: RunningIndex) -> None:
    here = ("--htpasswd", str(own_index.htpasswd))
    assert pypi_publish("users", "set-role", USER, "admin", env=ADMIN).code == 0
    token = pypi_publish("token", "create", "--name", "laptop", "--can", "read").stdout.strip()
    assert with_token(own_index.url, token).get("simple/").status_code == 200
    removed = pypi_publish("users", "remove", USER, *here)
    assert removed.code == 0, removed.stderr
    assert "tokens laptop" in removed.stderr
    assert "roles admin on *" in removed.stderr
    own_index.add_user(USER, PASSWORD)  # another person, by the same name
    assert Client(own_index.url, (USER, PASSWORD)).get("simple/").status_code == 200
    assert eventually(lambda: with_token(own_index.url, token).get("simple/").status_code == 401)  # after 5 s at most
    assert pypi_publish("token", "list").stdout.strip() == ""


@pytest.mark.parametrize("where", ["at the index", "in the file"])
def test_a_new_account_has_no_token_of_an_old_one_that_htpasswd_removed(own_index: RunningIndex, where: str) -> None:
    token = pypi_publish("token", "create", "--name", "laptop", "--can", "read").stdout.strip()
    own_index.htpasswd.write_text("")
    options = ("--htpasswd", str(own_index.htpasswd)) if where == "in the file" else ()
    added = pypi_publish("users", "add", USER, "--password-stdin", *options, given=f"{PASSWORD}\n", env=ADMIN)
    assert added.code == 0, added.stderr
    assert eventually(lambda: Client(own_index.url, (USER, PASSWORD)).get("simple/").status_code == 200)
    assert eventually(lambda: with_token(own_index.url, token).get("simple/").status_code == 401)
    assert pypi_publish("token", "list").stdout.strip() == ""
