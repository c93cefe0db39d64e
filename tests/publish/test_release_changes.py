"""Changes of releases, as they are asked of an index, and the lists of what it has."""

from collections.abc import Mapping
from typing import Any

import pytest

from publisher.client.models import RemoteFile
from publisher.client.url import IndexUrl
from publisher.errors import ConfigurationError
from publisher.publish import releases
from publisher.publish.releases import Changed
from publisher.secret import Credentials
from tests.helpers.scripted import TARGET, URL, ScriptedIndex

FILES = [
    RemoteFile("acme-1.0.tar.gz", "https://acme.example/1", {"sha256": "ab"}),
    RemoteFile("acme-1.1.tar.gz", "https://acme.example/2", {}, yanked=True),
]


class Asked(ScriptedIndex):
    """Notes changes and makes all of them."""

    changes: list[tuple[str, str, Mapping[str, Any] | None]]
    indexes: list["Asked"]

    def __init__(self, url: IndexUrl, credentials: Credentials | None) -> None:
        super().__init__(files=FILES if not self.indexes else (), credentials=credentials)
        assert url == URL
        self.indexes.append(self)

    def change(self, method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        self.changes.append((method, path, body))
        return {"status": "done", "files": ["f"]}

    def projects(self) -> list[str]:
        return ["acme", "other"]


@pytest.fixture(autouse=True)
def _index(monkeypatch: pytest.MonkeyPatch) -> None:
    Asked.changes, Asked.indexes = [], []
    monkeypatch.setattr(releases, "IndexClient", Asked)


def test_each_change_is_one_request() -> None:
    assert releases.yank(TARGET, "Acme.Widgets", "1.0+a/b", "broken") == Changed("done", ["f"])
    assert releases.unyank(TARGET, "acme", "1.0") == Changed("done", ["f"])
    assert releases.delete(TARGET, "acme", "1.0", None) == Changed("done", ["f"])
    assert releases.delete(TARGET, "acme", "1.0", "acme 1.whl") == Changed("done", ["f"])
    assert Asked.changes == [
        ("PUT", "projects/acme-widgets/1.0%2Ba%2Fb/yanked", {"reason": "broken"}),
        ("DELETE", "projects/acme/1.0/yanked", None),
        ("DELETE", "projects/acme/1.0", None),
        ("DELETE", "projects/acme/1.0/acme%201.whl", None),
    ]
    assert [index.closes for index in Asked.indexes] == [1, 1, 1, 1]
    assert {index.credentials.username for index in Asked.indexes if index.credentials} == {"ada"}


def test_the_projects_of_an_index_are_listed() -> None:
    assert releases.list_projects(TARGET) == ["acme", "other"]
    assert Asked.indexes[0].closes == 1


def test_the_files_of_a_project_are_listed_and_an_unknown_one_is_reported() -> None:
    assert releases.list_files(TARGET, "Acme_X") == [
        {
            "filename": "acme-1.0.tar.gz",
            "url": "https://acme.example/1",
            "hashes": {"sha256": "ab"},
            "yanked": False,
        },
        {"filename": "acme-1.1.tar.gz", "url": "https://acme.example/2", "hashes": {}, "yanked": True},
    ]
    assert Asked.indexes[0].asked == ["acme-x"]
    with pytest.raises(ConfigurationError, match=r"https://acme\.example/ has no project Acme_X") as caught:
        releases.list_files(TARGET, "Acme_X")
    assert caught.value.hint == "`pypi-publish list` lists the projects."
    assert [index.closes for index in Asked.indexes] == [1, 1]
