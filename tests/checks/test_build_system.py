"""`[build-system]`, this tool's own table, and the schemas of others."""

from collections.abc import Collection
from pathlib import Path

import pytest

from publisher.checks.backend_quirks import Backend, find_backend
from publisher.checks.build_system import check_build_system, check_own_table, check_schemas
from tests.helpers.documents import document, findings, messages

HATCHLING = '[build-system]\nbuild-backend = "hatchling.build"\nrequires = '
PROJECT = '[project]\nname = "x"\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("[tool.x]\n", []),
        (PROJECT, [("PP501", 1)]),
        (PROJECT + HATCHLING + '["hatchling"]\n', []),
        (f"{PROJECT}[build-system]\n", [("PP502", 3)]),
        ('[build-system]\nbuild-backend = "hatchling.build"\n', [("PP502", 1)]),
        (HATCHLING + '[\n  "hatchling",\n  "what ever",\n]\n', [("PP503", 5)]),
        (HATCHLING + "[]\n", [("PP505", 2)]),
        (HATCHLING + '["setuptools"]\n', [("PP505", 2)]),
        (HATCHLING + '["Hatchling>=1"]\n', []),
        ('[build-system]\nrequires = ["setuptools"]\n', []),
        ('[build-system]\nrequires = ["wheel"]\n', [("PP505", 2)]),
        ('[build-system]\nbuild-backend = "own"\nrequires = []\n', []),
        ('[build-system]\nbuild-backend = "hatchling.build"\nbackend-path = ["."]\nrequires = []\n', []),
    ],
)
def test_a_backend_can_be_started(text: str, expected: list[tuple[str, int]], tmp_path: Path) -> None:
    assert findings(check_build_system, text, tmp_path) == expected


def test_the_words_for_a_backend_that_is_not_required() -> None:
    assert messages(check_build_system, HATCHLING + "[]\n") == [
        "PP505 the backend 'hatchling.build' is in hatchling, which requires does not list"
    ]
    assert messages(check_build_system, "[build-system]\nrequires = []\n") == [
        "PP505 without build-backend, the backend is setuptools, which requires does not list"
    ]
    (message,) = messages(check_build_system, '[build-system]\nrequires = ["setuptools", "a >> 1"]\n')
    assert message.startswith("PP503 'a >> 1' is not a valid dependency: ")
    assert not message.endswith((".", ":"))
    assert "\n" not in message


@pytest.mark.parametrize(
    ("requirement", "is_bounded"),
    [
        ("uv_build", False),
        ("uv-build>=0.8", False),
        ("uv_build!=0.9", False),
        ("uv_build>0.8", False),
        ("UV.Build>=0.8,<0.9", True),
        ("uv_build<=0.9", True),
        ("uv_build==0.8.1", True),
        ("uv_build===0.8.1", True),
        ("uv_build~=0.8", True),
        ("uv_build @ https://acme.example/uv_build-0.8-py3-none-any.whl", True),
    ],
)
def test_uv_build_has_an_upper_bound(requirement: str, is_bounded: object) -> None:
    text = f'[build-system]\nbuild-backend = "uv_build"\nrequires = ["{requirement}"]\n'
    expected = [] if is_bounded else [f"PP509 {requirement!r} has no upper bound"]
    assert messages(check_build_system, text) == expected


def test_other_backends_need_no_upper_bound() -> None:
    assert messages(check_build_system, HATCHLING + '["hatchling", "setuptools"]\n') == []


@pytest.mark.parametrize(
    ("path", "is_good"),
    [(".", True), ("inner", True), ("inner/..", True), ("..", False), ("absent", False), ("file", False), ("/", False)],
)
def test_a_backend_s_own_folder_is_in_the_project(tmp_path: Path, path: str, is_good: object) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "file").touch()
    text = f'[build-system]\nrequires = []\nbackend-path = ["{path}"]\n'
    expected = [] if is_good else [f"PP504 {path!r} is not a folder of the project"]
    assert messages(check_build_system, text, tmp_path) == expected
    assert messages(check_build_system, text.replace(path, "nul\\u0000"), tmp_path)


def test_backends_are_found_by_the_first_part_of_their_module() -> None:
    def find(text: str) -> Backend | None:
        return find_backend(document(text).data)

    def named(backend: str) -> Backend | None:
        return find(f"[build-system]\nbuild-backend = {backend}\n")

    packages = {
        "flit_core.buildapi": "flit-core",
        "hatchling.build": "hatchling",
        "maturin": "maturin",
        "mesonpy": "meson-python",
        "pdm.backend": "pdm-backend",
        "poetry.core.masonry.api": "poetry-core",
        "scikit_build_core.build": "scikit-build-core",
        "setuptools.build_meta:__legacy__": "setuptools",
        "setuptools:x": "setuptools",
        "uv_build": "uv-build",
    }
    for module, package in packages.items():
        found = named(f'"{module}"')
        assert found is not None
        assert found.package == package
    assert find("") == find("[build-system]\n") == named('"setuptools.build_meta"')
    assert named('"own.backend"') is None
    assert named("1") is None


@pytest.mark.parametrize(
    ("backend", "keys", "licenses", "classifiers"),
    [
        ("flit_core", True, True, False),
        ("hatchling", False, False, True),
        ("maturin", False, False, False),
        ("mesonpy", False, True, False),
        ("pdm", False, True, False),
        ("poetry", False, False, False),
        ("scikit_build_core", True, True, False),
        ("setuptools", True, True, False),
        ("uv_build", False, False, False),
    ],
)
def test_the_mistakes_that_each_backend_refuses(backend: str, *, keys: bool, licenses: bool, classifiers: bool) -> None:
    found = find_backend({"build-system": {"build-backend": backend}})
    assert found is not None
    assert (
        found.refuses_unknown_keys,
        found.refuses_license_classifiers,
        found.refuses_unknown_classifiers,
    ) == (keys, licenses, classifiers)


def _own(folder: Path, table: str) -> list[tuple[str, int | None]]:
    text = f"{PROJECT}{table}"
    (folder / "pyproject.toml").write_text(text)
    return findings(check_own_table, text, folder)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("", []),
        ('[tool.pypi-publish]\nindex-url = "https://acme.example/"\n', []),
        ('[tool.pypi-publish]\nindex-url = "acme"\n', [("PP507", 4)]),
        ("[tool.pypi-publish]\nrequire-tag = true\nskip-exising = true\n", [("PP506", 5)]),
        ("[tool.pypi-publish]\nrequire-tag = 1\n", [("PP506", 4)]),
        ('[tool.pypi-publish]\nindex-url = "acme"\nunknown = 1\n', [("PP506", 5)]),
        ("[tool]\npypi-publish = 1\n", [("PP506", 4)]),
    ],
)
def test_this_tool_s_own_table(tmp_path: Path, table: str, expected: list[tuple[str, int]]) -> None:
    assert _own(tmp_path, table) == expected


def test_messages_about_the_own_table_name_no_file_twice(tmp_path: Path) -> None:
    _own(tmp_path, "[tool.pypi-publish]\nunknown = 1\n")
    text = (tmp_path / "pyproject.toml").read_text()
    (message,) = messages(check_own_table, text, tmp_path)
    assert "pyproject.toml" not in message
    assert not message.endswith(".")


def _schemas(text: str, lines: Collection[int] = ()) -> list[tuple[str, int | None]]:
    return [(found.rule.code, found.line) for found in check_schemas(document(text), lines)]


GOOD = '[project]\nname = "x"\nversion = "1"\n'


def test_values_of_another_type_are_reported_each_with_its_line() -> None:
    assert _schemas(GOOD) == []
    text = GOOD + 'keywords = "a"\nauthors = [\n  { name = "Ada" },\n  { name = 1 },\n]\n'
    assert sorted(_schemas(text)) == [("PP102", 4), ("PP102", 7)]


def test_lines_of_other_findings_are_not_reported_again() -> None:
    text = GOOD + 'keywords = "a"\nurls = 1\n'
    assert sorted(_schemas(text)) == [("PP102", 4), ("PP102", 5)]
    assert _schemas(text, [4]) == [("PP102", 5)]
    assert _schemas(text, {4, 5}) == []


def test_groups_with_the_same_normal_name_are_left_to_their_own_rules() -> None:
    assert _schemas(f'{GOOD}[dependency-groups]\na = ["x"]\nA = ["y"]\n') == []


def test_tables_of_known_tools_are_checked_when_they_are_there() -> None:
    assert _schemas(f'{GOOD}[tool.setuptools]\nzip-safe = "maybe"\n') == [("PP102", 5)]


def test_a_document_is_not_changed_by_its_check() -> None:
    given = document(GOOD + 'keywords = "a"\n[dependency-groups]\na = []\n')
    before = repr(given.data)
    assert list(check_schemas(given, ()))
    assert repr(given.data) == before
