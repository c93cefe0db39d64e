"""Health says what works and what does not, part by part."""

import errno
from pathlib import Path

import pytest

from publisher.server.store import catalog
from tests.helpers.http import Client
from tests.helpers.inside import serving_app
from tests.helpers.waiting import eventually
from tests.server.conftest import OwnIndex

WELL = {"status": "ok", "reading": "ok", "accounts": "ok", "uploading": "ok"}


def test_a_healthy_index(client: Client) -> None:
    anonymous = Client(client.url, None)
    assert anonymous.get("health").json() == WELL
    text = anonymous.get("health", {"Accept": "text/plain"})
    assert (text.text, text.headers["Content-Type"]) == ("OK", "text/plain; charset=utf-8")


@pytest.mark.parametrize(
    ("number", "status", "uploading"),
    [(errno.EROFS, 200, "read-only"), (errno.ENOSPC, 503, "unavailable")],
)
def test_a_folder_that_can_only_be_read_is_healthy_and_a_full_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, status: int, uploading: str
) -> None:
    tried = 0

    def fail(_: Path) -> OSError:
        nonlocal tried
        tried += 1
        return OSError(number, "full")

    monkeypatch.setattr(catalog, "try_to_write", fail)
    with serving_app(tmp_path) as (url, _):
        found = [Client(url, None).get("health") for _ in range(3)]
        reasons = Client(url, ("ada", "correct horse")).get("health").json()
    assert {answer.status_code for answer in found} == {status}
    assert found[-1].json()["uploading"] == uploading
    assert "full" not in found[-1].text
    assert reasons["uploading"] == ("read-only" if status == 200 else "the package folder can't be written: full")
    assert tried <= 2


def test_writing_is_tried_once_a_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Path] = []
    monkeypatch.setattr(catalog, "try_to_write", tried.append)
    with serving_app(tmp_path) as (url, _):
        assert {Client(url, None).get("health").status_code for _ in range(5)} == {200}
    assert len(tried) == 1


def test_the_revision_is_that_of_the_deployment(own: OwnIndex) -> None:
    _, client = own.start("--revision", "0123456789ab")
    assert Client(client.url, None).get("health").json() == {**WELL, "revision": "0123456789ab"}


def test_accounts_that_can_not_be_read_are_reported(own: OwnIndex) -> None:
    index, client = own.start()
    index.htpasswd.unlink()
    answer = client.get("health")
    assert answer.status_code == 503
    assert (answer.json()["accounts"], answer.json()["reading"]) == ("unavailable", "ok")
    line = "the index is not healthy: the accounts can't be read"
    assert eventually(lambda: line in index.log.read_text())


def test_reasons_are_for_those_who_have_an_account(own: OwnIndex) -> None:
    index, client = own.start("--upstream", "http://127.0.0.1:9/simple/")
    index.root.rename(index.root.with_name("away"))
    anonymous, stranger = Client(client.url, None), Client(client.url, ("ada", "wrong"))
    assert eventually(lambda: anonymous.get("health").status_code == 503)
    for asking in (anonymous, stranger):
        answer = asking.get("health")
        found = answer.json()
        assert (found["status"], found["reading"], found["uploading"]) == ("unavailable",) * 3
        assert "reason" not in found
        assert str(index.root) not in answer.text
        assert found["upstream"] == [{"status": "ok"}]
        assert asking.get("health", {"Accept": "text/plain"}).text == "unavailable"
    found = client.get("health").json()
    assert str(index.root) in found["reason"]
    assert found["reading"] == found["reason"]
    assert found["upstream"][0]["url"] == "http://127.0.0.1:9/simple/"
    assert client.get("health", {"Accept": "text/plain"}).text == found["reason"]
    assert eventually(lambda: f"the index is not healthy: {found['reason']}" in index.log.read_text())


def test_a_proxy_that_is_not_trusted_is_shown_to_those_behind_it(own: OwnIndex) -> None:
    forwarded = {"X-Forwarded-For": "192.0.2.7", "Accept": "application/json"}
    _, client = own.start(name="untrusting")
    assert client.get("health", forwarded).json() == {**WELL, "proxy": "not trusted"}
    assert client.get("health").json() == WELL
    _, client = own.start("--trusted-proxy", "127.0.0.1", name="trusting")
    assert client.get("health", forwarded).json() == WELL
