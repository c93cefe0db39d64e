"""Changes that commands make in an index's own folders are in its audit trail, by the name of who is at the machine."""

import getpass
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from publisher.cli.run.admin.local_audit import local_sender
from tests.helpers.dists import make_wheel
from tests.helpers.http import Client
from tests.helpers.index import RunningIndex
from tests.helpers.tool import pypi_publish
from tests.helpers.trust import Admin
from tests.helpers.upstream import fake_upstream

PASSWORD = "correct horse"
NOBODY = 65534


def events(folder: Path) -> list[dict[str, Any]]:
    lines = [line for path in sorted((folder / "audit").rglob("*")) for line in path.read_text().splitlines()]
    return [json.loads(line) for line in lines]


def test_accounts_that_are_changed_in_their_file(tmp_path: Path) -> None:
    index = RunningIndex.start(tmp_path)
    here = ("--htpasswd", str(index.htpasswd))
    passwords = [pypi_publish("users", "add", "ada", "--generate", *here).stdout.strip()]
    passwords.append(pypi_publish("users", "rotate", "ada", "--generate", *here).stdout.strip())
    assert pypi_publish("users", "add", "bot", "--service", *here).code == 0
    assert pypi_publish("users", "add", "bot", "--service", *here).code == 0  # which changes nothing
    ada = Client(index.url, ("ada", passwords[1]))
    assert ada.request("POST", "-/tokens", json={"name": "ci", "rights": ["read"]}).status_code == 201
    assert pypi_publish("users", "remove", "ada", *here).code == 0
    found = [each for each in Admin(index.url).events() if each["kind"] == "local"]
    assert [(each["what"], each["account"]) for each in found] == [
        ("account-created", "ada"),
        ("account-changed", "ada"),
        ("account-created", "bot"),
        ("account-removed", "ada"),
    ]
    assert {each["user"] for each in found} == {getpass.getuser()}
    assert found[-1]["tokens"] == ["ci"]
    assert not [text for text in passwords if text in json.dumps(found)]
    index.kill()


def test_public_packages_and_losses_that_are_settled_in_the_folders(tmp_path: Path) -> None:
    (tmp_path / "packages").mkdir()
    here = ("--root", str(tmp_path / "packages"), "--htpasswd", str(tmp_path / "htpasswd"))
    assert pypi_publish("users", "add", "ada", "--generate", "--htpasswd", str(tmp_path / "htpasswd")).code == 0
    with fake_upstream() as fake:
        fake.add(tmp_path, "urgent")
        place = ("--upstream", f"{fake.url}simple/", "--upstream-cache", str(tmp_path / "cache"), *here)
        until = ("--until", "2100-01-01", "--reason", "CVE-2026-1")
        for words in (
            ("upstream", "allow", "urgent==1.0", *until),
            ("upstream", "refresh", "urgent"),
            ("upstream", "allow", "urgent==1.0", "--remove"),
            ("projects", "claim", "urgent"),
            ("upstream", "remove", "urgent"),
        ):
            done = pypi_publish(*words, *place)
            assert done.code == 0, done.stderr
    for expected in ("nothing-lost", "confirmed"):
        done = pypi_publish("storage", "confirm-loss", *here, "--json")
        assert (done.code, json.loads(done.stdout)["status"]) == (0, expected), done.stderr
        shutil.rmtree(tmp_path / "packages/.pypi-publish")
    found = [each for each in events(tmp_path) if not each["what"].startswith("account")]
    assert [each["what"] for each in found] == [
        "upstream-allow",
        "upstream-disallow",
        "upstream-claim",
        "upstream-remove",
        "loss-confirmed",
    ]
    assert {(each["user"], each["kind"]) for each in found} == {(getpass.getuser(), "local")}
    assert (found[0]["project"], found[0]["version"], found[0]["reason"]) == ("urgent", "1.0", "CVE-2026-1")


def test_a_trail_that_can_not_be_written_is_no_silent_success(tmp_path: Path) -> None:
    (tmp_path / "audit").write_text("in the way")
    done = pypi_publish("users", "add", "ada", "--generate", "--htpasswd", str(tmp_path / "htpasswd"))
    assert done.code != 0
    assert "audit trail" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="root gives files away")
def test_what_root_makes_belongs_to_the_owner_of_the_folder(tmp_path: Path) -> None:
    """Else the index, which runs as another user, could write no further event, and would answer 503."""
    folder = tmp_path / "accounts"
    folder.mkdir()
    os.chown(folder, NOBODY, NOBODY)
    done = pypi_publish("users", "add", "ada", "--generate", "--htpasswd", str(folder / "htpasswd"))
    assert done.code == 0, done.stderr
    owners = {path.relative_to(folder).parts[0]: path.stat().st_uid for path in folder.rglob("*")}
    assert {"htpasswd", "audit"} <= set(owners)
    assert set(owners.values()) == {NOBODY}, owners


def test_a_user_without_a_name_is_named_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert local_sender().name == f"uid {os.getuid()}"


def test_a_confirmed_loss_of_a_running_index_is_on_record(tmp_path: Path) -> None:
    index = RunningIndex.start(tmp_path)
    index.add_user("ada", PASSWORD)
    assert Client(index.url, ("ada", PASSWORD)).upload(make_wheel(tmp_path)).status_code == 200
    index.stop()
    shutil.rmtree(index.root / ".pypi-publish")
    index = RunningIndex.start(tmp_path)
    admin = Admin(index.url)
    answers = [admin.request("POST", "-/storage/confirm-loss").json() for _ in range(2)]
    assert answers == [{"status": "confirmed", "names": 1}, {"status": "nothing-lost", "names": 1}]
    (event,) = (each for each in admin.events() if each["what"] == "loss-confirmed")
    assert (event["user"], event["kind"], event["names"]) == ("AUTH_TOKEN", "admin_token", 1)
    index.kill()
