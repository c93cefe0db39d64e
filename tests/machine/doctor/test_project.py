"""The checks of the current folder's pyproject.toml."""

from pathlib import Path

import pytest

from publisher.client.url import parse_index_url
from publisher.machine.doctor.project import check_project

URL = parse_index_url("https://acme.example/")
BUILD = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'


def _check(folder: Path, text: str | None, url: str | None = URL.root) -> list[tuple[str, str, str]]:
    if text is not None:
        (folder / "pyproject.toml").write_text(text)
    found = list(check_project(folder, parse_index_url(url) if url else None))
    return [(finding.check, finding.verdict.value, finding.what) for finding in found]


def test_a_folder_without_a_project(tmp_path: Path) -> None:
    ((check, level, what),) = _check(tmp_path, None)
    assert (check, level) == ("configuration", "note")
    assert "nothing to publish from this folder" in what


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('[project]\nname = "acme"\nversion = "1.2"\n' + BUILD, "acme 1.2"),
        ('[project]\nname = "acme"\ndynamic = ["version"]\n' + BUILD, "acme"),
        ("[tool.x]\n", "a project"),
        ("[tool.x]\n" + BUILD, "a project"),
    ],
)
def test_a_valid_project_is_named(tmp_path: Path, text: str, what: str) -> None:
    assert _check(tmp_path, text) == [("configuration", "ok", f"pyproject.toml is valid: {what}.")]


def test_a_project_without_a_backend_is_warned_of(tmp_path: Path) -> None:
    _, (check, level, what) = _check(tmp_path, '[project]\nname = "acme"\nversion = "1"\n')
    assert (check, level) == ("build-system", "warning")
    assert "the newest setuptools" in what


@pytest.mark.parametrize(
    "text", ["[[", "[tool.pypi-publish]\nindex-url = 1\n", "[tool.pypi-publish]\nindex-url = 'x y'\n"]
)
def test_a_project_that_cannot_be_read_is_one_problem(tmp_path: Path, text: str) -> None:
    ((check, level, _),) = _check(tmp_path, text)
    assert (check, level) == ("configuration", "problem")


def _naming(url: str) -> str:
    return f'[tool.pypi-publish]\nindex-url = "{url}"\n'


@pytest.mark.parametrize(
    ("named", "used", "noted"),
    [
        ("https://acme.example/", "https://acme.example/simple/", False),
        ("https://acme.example/", None, False),
        ("https://other.example/", "https://acme.example/", True),
    ],
)
def test_another_index_than_the_project_s_is_noted(tmp_path: Path, named: str, used: str | None, noted: object) -> None:
    found = _check(tmp_path, _naming(named), used)[1:]
    assert bool(found) is noted
    assert [each[:2] for each in found] == [("index-url", "note")][: len(found)]


def test_a_password_in_the_project_s_url_is_a_problem_and_is_not_shown(tmp_path: Path) -> None:
    found = _check(tmp_path, _naming("https://ada:hidden@acme.example/"))
    assert [each[:2] for each in found] == [("configuration", "ok"), ("secret", "problem")]
    assert "hidden" not in repr(found)
    assert len(_check(tmp_path, _naming("https://ada@acme.example/"))) == 1
