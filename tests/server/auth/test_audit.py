"""The audit trail: every change with its sender, never a secret, merged over processes."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from publisher.server.auth.audit.days import FOLDER, days_of
from publisher.server.auth.audit.query import AuditQuery
from publisher.server.auth.audit.trail import AuditEvent, AuditTrail
from publisher.server.auth.principal import ANONYMOUS
from publisher.server.storage.folder import FolderStorage
from tests.helpers.dists import make_wheel
from tests.helpers.http import Client, sha256
from tests.helpers.index import ADMIN_TOKEN, RunningIndex
from tests.helpers.trust import Admin, create_token, with_token
from tests.helpers.waiting import eventually
from tests.server.conftest import PASSWORD, OwnIndex


def test_every_change_is_on_record_with_its_sender_and_no_secret(own: OwnIndex, tmp_path: Path) -> None:
    index, ada = own.start()
    other = RunningIndex.start(index.folder)
    own.running.append(other)
    admin = Admin(index.url)
    secret = create_token(ada, "ci", ["publish", "create"], ["acme"])
    token = with_token(other.url, secret)
    wheel = make_wheel(tmp_path, "acme")
    assert token.upload(wheel).status_code == 200
    assert ada.request("PUT", "projects/acme/1.0/yanked", json={"reason": "broken"}).status_code == 200
    assert ada.request("DELETE", "projects/acme/1.0/yanked").status_code == 200
    assert ada.request("DELETE", "projects/acme/1.0").status_code == 200
    assert admin.request("POST", "register", json={"username": "bob", "password": "bobs secret"}).status_code == 201
    assert ada.request("DELETE", "-/tokens/ci").status_code == 200
    assert admin.request("DELETE", "users/bob").status_code == 200
    assert Client(other.url, ("ada", "typed a wrong one")).get("simple/").status_code == 401
    assert Client(other.url, ("my password", "ada")).get("simple/").status_code == 401
    guess = {"Authorization": "Bearer guess-of-the-admin"}
    assert Client(other.url, None).get("users", guess).status_code == 401
    assert Client(other.url, None).get("users").status_code == 401  # without a password: not an attempt
    assert other.stop() == 0  # which writes the sums of failed logins
    events = admin.events()
    assert [each["what"] for each in events if each["what"] != "logins-failed"] == [
        *("token-created", "upload", "yank", "unyank", "delete", "account-created", "token-revoked", "account-removed"),
    ]
    upload = next(each for each in events if each["what"] == "upload")
    assert (upload["user"], upload["token"], upload["kind"], upload["from"]) == ("ada", "ci", "token", "127.0.0.1")
    assert (upload["file"], upload["sha256"]) == (wheel.name, sha256(wheel))
    failed = {each["account"]: each["count"] for each in events if each["what"] == "logins-failed"}
    assert failed == {"ada": 1, "(no account)": 1, "AUTH_TOKEN": 1}
    of_acme = [each["what"] for each in admin.events("?project=Acme&user=ada")]
    assert of_acme == ["token-created", "upload", "yank", "unyank", "delete"]
    assert admin.events("?user=bob")[0]["what"] == "account-created"
    assert eventually(lambda: admin.events("?since=0.0") == [])
    everything = json.dumps(events) + index.complete_log()
    for text in (
        secret,
        PASSWORD,
        "bobs secret",
        "typed a wrong one",
        "my password",
        "guess-of-the-admin",
        ADMIN_TOKEN,
    ):
        assert text not in everything


def test_events_are_removed_by_age(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path)
    today = datetime.now(UTC).date()
    old, kept = (f"{FOLDER}/{today - timedelta(days=age)}" for age in (31, 30))
    for log in (old, kept):
        storage.files().append(log, b"{}\n")
    storage.files().create(f"{old}~/another", b"{}\n")

    async def work() -> None:
        await AuditTrail(storage, kept_days=30).record(AuditEvent("upload", ANONYMOUS))

    asyncio.run(work())
    assert list(storage.files().lines(old)) == []
    assert list(storage.files().lines(kept)) == [b"{}"]
    assert days_of(storage.files())[-1] == today


@pytest.mark.parametrize(("project", "found"), [("acme", True), ("gears", True), ("acme-gears", False)])
def test_tokens_and_publishers_are_events_of_each_project_that_they_name(project: str, *, found: bool) -> None:
    event = {"what": "token-created", "user": "ada", "projects": ["acme", "gears"]}
    assert AuditQuery(project).matches(event) == found
