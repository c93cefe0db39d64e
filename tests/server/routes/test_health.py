"""Health says what works and what does not, part by part."""

import errno
from pathlib import Path

import pytest

from publisher.server.store import catalog
from tests.helpers.http import Client
from tests.helpers.inside import serving_app
from tests.server.conftest import OwnIndex

WELL = {"status": "ok", "reading": "ok", "accounts": "ok", "uploading": "ok"}


def test_a_healthy_index(client: Client) -> None:
    anonymous = Client(client.url, None)
    assert anonymous.get("health").json() == WELL
    text = anonymous.get("health", {"Accept": "text/plain"})
    assert (text.text, text.headers["Content-Type"]) == ("OK", "text/plain; charset=utf-8")


@pytest.mark.parametrize(
    ("number", "status", "uploading"),
    [(errno.EROFS, 200, "read-only"), (errno.ENOSPC, 503, "the package folder can't be written: full")],
)
def test_a_folder_that_can_only_be_read_is_healthy_and_a_full_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, status: int, uploading: str
) -> None:
    tried = 0

    def fail(_: Path) -> OSError:
        nonlocal tried
        tried += 1
        return OSError(number, "full")

    monkeypatch.setattr(catalog, "_write_failure", fail)
    with serving_app(tmp_path) as (url, _):
        found = [Client(url, None).get("health") for _ in range(3)]
    assert {answer.status_code for answer in found} == {status}
    assert found[-1].json()["uploading"] == uploading
    assert tried <= 2


def test_writing_is_tried_once_a_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Path] = []
    monkeypatch.setattr(catalog, "_write_failure", tried.append)
    with serving_app(tmp_path) as (url, _):
        assert {Client(url, None).get("health").status_code for _ in range(5)} == {200}
    assert len(tried) == 1


def test_the_revision_is_that_of_the_deployment(own: OwnIndex) -> None:
    _, client = own.start("--revision", "0123456789ab")
    assert Client(client.url, None).get("health").json() == {**WELL, "revision": "0123456789ab"}


def test_accounts_that_can_not_be_read_are_told(own: OwnIndex) -> None:
    index, client = own.start()
    index.htpasswd.unlink()
    told = client.get("health")
    assert told.status_code == 503
    assert (told.json()["accounts"], told.json()["reading"]) == ("the accounts can't be read", "ok")


def test_a_proxy_that_is_not_trusted_is_shown_to_those_behind_it(own: OwnIndex) -> None:
    forwarded = {"X-Forwarded-For": "192.0.2.7", "Accept": "application/json"}
    _, client = own.start(name="untrusting")
    assert client.get("health", forwarded).json() == {**WELL, "proxy": "not trusted"}
    assert client.get("health").json() == WELL
    _, client = own.start("--trusted-proxy", "127.0.0.1", name="trusting")
    assert client.get("health", forwarded).json() == WELL
