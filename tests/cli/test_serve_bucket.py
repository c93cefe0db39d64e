"""The commands of an index in a bucket: what they refuse, and with which exit code."""

from pathlib import Path

import pytest

from publisher.server.storage.bucket.objects import open_bucket
from tests.helpers.object_store import OTHER_STORE, STORE, ObjectStore
from tests.helpers.tool import pypi_publish


@pytest.mark.usefixtures("object_store")
def test_an_index_is_made_before_it_is_served_and_never_twice() -> None:
    url = f"{STORE}/made-once"
    refused = pypi_publish("serve", "--port", "0", "--storage", url)
    assert (refused.code, f"storage create {url}" in refused.stderr) == (6, True)
    assert list(open_bucket(url).walk("")) == []
    assert pypi_publish("storage", "create", url).code == 0
    again = pypi_publish("storage", "create", url)
    assert (again.code, "already" in again.stderr) == (2, True)
    open_bucket(f"{STORE}/not-empty").create("some/file", b"x")
    assert pypi_publish("storage", "create", f"{STORE}/not-empty").code == 2


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--root", "packages"), "--root and --storage"),
        (("--htpasswd", "absent"), "absent does not exist"),
        (("--storage", "ftp://pkgs/a"), "expected s3://BUCKET/PREFIX"),
    ],
)
def test_a_bucket_and_a_folder_exclude_each_other(options: tuple[str, ...], text: str, tmp_path: Path) -> None:
    found = pypi_publish("serve", "--port", "0", "--storage", f"{STORE}/a", *options, cwd=tmp_path)
    assert (found.code, text in found.stderr) == (2, True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(bool(OTHER_STORE), reason="has other credentials")
def test_a_store_that_does_not_answer_is_no_index(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    assert object_store.environment["AWS_SECRET_ACCESS_KEY"] != "another"
    for command in (("serve", "--port", "0", "--storage"), ("storage", "create")):
        assert pypi_publish(*command, f"{STORE}/refused").code == 6
