"""Private packages that a project gets through other private packages."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from publisher.client import client
from publisher.client.url import parse_index_url
from publisher.files.toml import read_toml
from publisher.machine.tools.transitive import (
    direct_dependencies,
    look_up_private_dependencies,
    needed_through_others,
    poetry_dependencies,
    project_dependencies,
    required_names,
    standard_dependencies,
)
from tests.helpers.dists import make_wheel
from tests.helpers.index import RunningIndex, running_index
from tests.machine.conftest import PASSWORD, USER, LogIn, Person

PROJECT = '[project]\nname = "consumer"\nversion = "1"\ndependencies = ["acme-widgets>=1", "attrs"]\n'


def test_every_place_of_a_project_counts() -> None:
    document = {
        "project": {
            "dependencies": ["A.b>=1; python_version > '3'"],
            "optional-dependencies": {"x": ["c[d]", "not ok!"]},
        },
        "dependency-groups": {"dev": ["e", {"include-group": "x"}]},
        "tool": {"poetry": {"dependencies": {"F_g": "^1"}, "group": {"h": {"dependencies": {"i": {"version": "*"}}}}}},
    }
    assert direct_dependencies(document) == {"a-b", "c", "e", "f-g", "i"}


@pytest.mark.parametrize("strange", [{"project": 1}, {"project": {"dependencies": "a"}}, {"tool": {"poetry": []}}, {}])
def test_a_document_of_another_shape_needs_nothing(strange: dict[str, object]) -> None:
    assert direct_dependencies(strange) == set()


def test_transitive_dependencies_are_found_once_also_in_circles() -> None:
    needs = {"a": {"b"}, "b": {"c", "a"}, "c": {"b"}, "d": {"e"}}
    assert needed_through_others({"a", "other"}, needs) == ["b", "c"]
    assert required_names(["x", 3, "y ("]) == {"x"}


@pytest.mark.parametrize(
    ("direct", "found"),
    [
        ([], []),
        (["x"], []),
        (["a"], ["b", "c"]),
        (["a", "b"], ["c"]),
        (["a", "b", "c"], []),
        (["d"], ["e"]),
        (["d", "a"], ["b", "c", "e"]),
    ],
)
def test_direct_dependencies_are_none_of_those_that_others_bring_along(direct: list[str], found: list[str]) -> None:
    needs = {"a": {"b"}, "b": {"c"}, "d": {"e"}, "e": {"d"}}
    assert needed_through_others(direct, needs) == found


def test_where_a_name_is_required_by_the_standards_and_by_poetry() -> None:
    document = {
        "project": {"dependencies": ["a"], "optional-dependencies": {"x": ["b"]}},
        "dependency-groups": {"dev": ["c"], "odd": "d"},
        "tool": {"poetry": {"dependencies": {"E_e": "1"}, "group": {"g": {"dependencies": {"f": {"x": 1}}}, "h": 1}}},
    }
    assert project_dependencies(document) == {"a", "b"}
    assert standard_dependencies(document) == {"a", "b", "c"}
    assert direct_dependencies(document) == {"a", "b", "c", "e-e", "f"}
    assert poetry_dependencies(document) == {"e-e": "1", "f": {"x": 1}}


class MadeUpIndex:
    """An index whose packages require others; notes which are asked for."""

    def __init__(self, requirements: dict[str, list[str]]) -> None:
        self._requirements = requirements
        self.asked: list[str] = []
        self.closed = False

    def requirements(self, name: str) -> list[str]:
        self.asked.append(name)
        return self._requirements[name]

    def close(self) -> None:
        self.closed = True


def test_packages_of_the_index_are_followed_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    made_up = MadeUpIndex(
        {"a": ["b>=1", "attrs", "A"], "b": ["c; extra == 'x'", "a"], "c": ["B", "not ok!"], "d": ["e"], "e": []}
    )
    monkeypatch.setattr(client, "IndexClient", lambda url, credentials: made_up if (url, credentials) else None)
    url = parse_index_url("https://acme.example/")
    found = look_up_private_dependencies(url, None, ["A", "attrs"], ["a", "B", "c", "d", "e"])
    assert found == {"a": {"b"}, "b": {"a", "c"}, "c": {"b"}}
    assert sorted(made_up.asked) == ["a", "b", "c"]
    assert made_up.closed


@pytest.fixture
def index(tmp_path: Path) -> Iterator[RunningIndex]:
    with running_index(tmp_path / "index", USER, PASSWORD) as index:
        _add(index, "acme_widgets", "1.0", "acme-old")
        _add(index, "acme_widgets", "2.0", "acme-core", "attrs")
        _add(index, "acme_core", "1.0", "acme.base; extra == 'x'")
        for name in ("acme_base", "acme_old", "acme_other"):
            _add(index, name, "1.0")
        yield index


def _add(index: RunningIndex, name: str, version: str, *requirements: str) -> None:
    lines = [f"Requires-Dist: {requirement}\n" for requirement in requirements]
    text = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{''.join(lines)}"
    make_wheel(index.root, name, version, metadata_bytes=text.encode())


@pytest.fixture
def person(log_in: LogIn, index: RunningIndex) -> Person:
    person = log_in(index)
    (person.machine.folder / "pyproject.toml").write_text(PROJECT)
    return person


def test_uv_and_poetry_get_a_group_of_them(person: Person) -> None:
    path = person.machine.folder / "pyproject.toml"
    person.config("uv", "--scope", "project", "--write")
    person.config("poetry", "--write")
    document = read_toml(path.read_text())
    assert document["dependency-groups"] == {"via-private": ["acme-base", "acme-core"]}
    group = document["tool"]["poetry"]["group"]["via-private"]
    assert group["optional"] is True
    assert group["dependencies"] == {name: {"version": "*", "source": "private"} for name in ("acme-base", "acme-core")}
    assert document["tool"]["poetry"]["dependencies"] == {"acme-widgets": {"source": "private"}}
    written = path.read_text()
    person.config("uv", "--scope", "project", "--write")
    person.config("poetry", "--write")
    assert path.read_text() == written
    person.config("poetry", "--remove")
    person.config("uv", "--scope", "project", "--remove")
    assert path.read_text() == PROJECT


def test_unanswered_questions_are_reported(person: Person, index: RunningIndex) -> None:
    index.stop()
    options = ("--scope", "project", "--beside-public", "--package", "acme-widgets")
    done = person.config("uv", *options)
    assert "find out which packages of the index depend on each other" in done.stderr
    assert 'acme-widgets = { index = "private" }' in done.stdout
    assert "dependency-groups" not in done.stdout
