"""The package that installers are tried with: the first project whose newest version needs no build."""

from collections.abc import Mapping, Sequence
from typing import Self

import pytest

from publisher.client import client
from publisher.client.models import RemoteFile
from publisher.client.url import IndexUrl, parse_index_url
from publisher.machine.candidate import Candidate, find_candidate
from publisher.secret import Credentials, Secret

URL = parse_index_url("https://acme.example/")
ADA = Credentials("ada", Secret("x"), "keyring")


class MadeUpClient:
    """An index in memory; notes which projects are asked for, and whether its connection is closed."""

    def __init__(self, projects: Mapping[str, Sequence[str]]) -> None:
        self._projects = projects
        self.asked: list[str] = []
        self.closed = False
        self.given: tuple[IndexUrl, Credentials] | None = None

    def connect(self, url: IndexUrl, credentials: Credentials) -> Self:
        self.given = (url, credentials)
        return self

    def projects(self) -> list[str]:
        return list(self._projects)

    def files(self, project: str) -> dict[str, RemoteFile]:
        self.asked.append(project)
        names = next(files for name, files in self._projects.items() if name.lower().replace("_", "-") == project)
        return {
            name.strip("!"): RemoteFile(name.strip("!"), "https://acme.example/f", {}, yanked=name.startswith("!"))
            for name in names
        }

    def close(self) -> None:
        self.closed = True


def _find(
    projects: Mapping[str, Sequence[str]], monkeypatch: pytest.MonkeyPatch
) -> tuple[MadeUpClient, tuple[Candidate | None, bool]]:
    made_up = MadeUpClient(projects)
    monkeypatch.setattr(client, "IndexClient", made_up.connect)
    return made_up, find_candidate(URL, ADA)


@pytest.mark.parametrize(
    ("files", "newest", "versions"),
    [
        (["a-1.0-py3-none-any.whl"], "1.0", {"1.0"}),
        (["a-1.0-py2.py3-none-any.whl"], "1.0", {"1.0"}),
        (["a-1.0-py3-none-any.whl", "a-1.0.tar.gz", "a-0.9.tar.gz"], "1.0", {"0.9", "1.0"}),
        (["a-9-py3-none-any.whl", "a-10-py3-none-any.whl"], "10", {"9", "10"}),
        (["a-2.0rc1-py3-none-any.whl", "a-1.0-py3-none-any.whl"], "2.0rc1", {"1.0", "2.0rc1"}),
        (["a-2.0-cp311-cp311-linux_x86_64.whl", "a-2.0-py3-none-any.whl"], "2.0", {"2.0"}),
        (["!a-2.0.tar.gz", "a-1.0-py3-none-any.whl"], "1.0", {"1.0"}),  # a yanked one counts for nothing
        (["a-x.tar.gz", "a-3.0.egg", "a-1.0-py3-none-any.whl", "a.exe"], "1.0", {"1.0"}),
    ],
)
def test_a_project_with_a_newest_wheel_for_every_platform_is_taken(
    files: list[str], newest: str, versions: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made_up, found = _find({"A": files}, monkeypatch)
    assert found == (Candidate("a", newest, frozenset(versions)), False)
    assert made_up.closed
    assert made_up.given == (URL, ADA)


@pytest.mark.parametrize(
    "files",
    [
        [],
        ["a-1.0.tar.gz"],
        ["a-1.0-py3-none-any.whl", "a-1.1.tar.gz"],  # the newest has to be built
        ["a-1.0-py3-none-any.whl", "a-1.1-cp311-cp311-linux_x86_64.whl"],
        ["a-1.0-py2-none-any.whl"],
        ["a-1.0-cp311-none-any.whl"],
        ["a-1.0-py3-none-linux_x86_64.whl"],
        ["!a-1.0-py3-none-any.whl"],
        ["nonsense"],
    ],
)
def test_a_project_that_some_machines_cannot_install_is_passed_over(
    files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made_up, found = _find({"a": files, "B_b": ["b_b-1.0-py3-none-any.whl"]}, monkeypatch)
    assert found == (Candidate("b-b", "1.0", frozenset({"1.0"})), False)
    assert made_up.asked == ["a", "b-b"]
    assert _find({"a": files}, monkeypatch)[1] == (None, False)


def test_an_index_without_projects_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    made_up, found = _find({}, monkeypatch)
    assert found == (None, True)
    assert made_up.closed


@pytest.mark.parametrize(("before", "found"), [(19, True), (20, False)])
def test_twenty_projects_are_looked_at(before: int, found: object, monkeypatch: pytest.MonkeyPatch) -> None:
    projects: dict[str, list[str]] = {f"p{number}": [] for number in range(before)}
    made_up, (candidate, is_empty) = _find({**projects, "last": ["last-1-py3-none-any.whl"]}, monkeypatch)
    assert (candidate is not None, is_empty) == (found, False)
    assert len(made_up.asked) == 20


def test_nothing_is_asked_behind_the_first_that_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    made_up, _ = _find({"a": ["a-1-py3-none-any.whl"], "b": ["b-1-py3-none-any.whl"]}, monkeypatch)
    assert made_up.asked == ["a"]
