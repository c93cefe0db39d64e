"""The rule engine: which findings are reported, which stop a publication, and which are turned off."""

from pathlib import Path

import pytest

from publisher.checks.document import Document
from publisher.checks.engine import (
    check_files,
    check_source,
    enforce_files,
    enforce_source,
    ignored_rules,
    project_ignores,
    read_document,
)
from publisher.checks.violations import Violation
from publisher.errors import CheckFailedError, ConfigurationError
from publisher.project.distributions import read_distribution
from tests.helpers.dists import make_wheel

GOOD = (
    '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
    '[project]\nname = "acme"\nversion = "1.0"\nrequires-python = ">=3.11"\nreadme = "README.md"\n'
)


def _project(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "README.md").write_text("# Acme\n")
    (folder / "pyproject.toml").write_text(text)
    return folder


def _codes(found: list[Violation]) -> list[str]:
    return [each.rule.code for each in found]


IGNORE = "[tool.pypi-publish.check.ignore]\n"


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        (GOOD, []),
        (GOOD.replace('"acme"', '"Acme"'), ["PP104"]),
        (GOOD.replace('"acme"', '"Acme"') + f'{IGNORE}PP104 = "we like it"\n', []),
        (GOOD.replace('"acme"', '"Acme"') + f'{IGNORE}PP104 = " "\n', ["PP104", "PP508"]),
        (GOOD.replace('"acme"', '"Acme"') + f"{IGNORE}PP104 = true\n", ["PP104", "PP508"]),
        (GOOD + f'{IGNORE}PP999 = "why"\n', ["PP508"]),
        (GOOD + f'{IGNORE}PP999 = "why"\nPP508 = "so"\n', []),
        ("[project\n", ["PP101"]),
        (GOOD + "[tool.setuptools]\nzip-safe = 'x'\n", ["PP102"]),
    ],
)
def test_findings_of_a_project(tmp_path: Path, text: str, codes: list[str]) -> None:
    assert _codes(check_source(_project(tmp_path, text))) == codes


def test_a_folder_without_a_project_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"has no pyproject\.toml") as caught:
        check_source(tmp_path)
    assert (caught.value.path, caught.value.hint) == (tmp_path / "pyproject.toml", "Name the project's folder.")


def test_an_invalid_file_is_a_finding_at_its_line(tmp_path: Path) -> None:
    found = read_document(_project(tmp_path, "[project]\n\nname =\n"))
    assert isinstance(found, Violation)
    assert (found.rule.code, found.path, found.line) == ("PP101", tmp_path / "pyproject.toml", 3)
    assert str(tmp_path) not in found.message
    assert not found.message.endswith(".")
    assert isinstance(read_document(_project(tmp_path, "")), Document)


def test_reasons_turn_rules_off(tmp_path: Path) -> None:
    data = {"tool": {"pypi-publish": {"check": {"ignore": {"PP104": "why", "PP105": "", "PP106": " ", "PP107": 1}}}}}
    assert ignored_rules(data) == {"PP104": "why"}
    assert ignored_rules({}) == {}
    assert project_ignores(_project(tmp_path, f'{IGNORE}PP1 = "x"\n')) == {"PP1": "x"}


def test_errors_stop_a_publication_with_all_of_them_and_the_first_place(tmp_path: Path) -> None:
    text = GOOD.replace('"1.0"', '"one"').replace('"README.md"', '"ABSENT.md"')
    with pytest.raises(CheckFailedError) as caught:
        enforce_source([_project(tmp_path, text)])
    lines = caught.value.message.splitlines()
    assert [line.split()[1] for line in lines] == ["PP106", "PP401"]
    assert (caught.value.path, caught.value.line) == (tmp_path / "pyproject.toml", 6)
    assert caught.value.hint == "`pypi-publish check --explain PP106` shows reason and remedy."


def test_warnings_are_returned_and_notes_and_schemas_are_not(tmp_path: Path) -> None:
    more = '[project.urls]\nHome = "acme.example"\n[tool.setuptools]\nzip-safe = "x"\n'
    folder = _project(tmp_path, GOOD.replace('"acme"', '"Acme"') + more)
    assert _codes(enforce_source([folder])) == ["PP117"]
    ignored = _project(tmp_path, f'{GOOD}{more}{IGNORE}PP117 = "intern"\n')
    assert enforce_source([ignored]) == []


def test_several_projects_are_enforced_together_and_others_have_no_file(tmp_path: Path) -> None:
    first = _project(tmp_path / "a", GOOD + '[project.urls]\nHome = "acme.example"\n')
    second = _project(tmp_path / "b", GOOD.replace('"1.0"', '"one"'))
    (tmp_path / "c").mkdir()
    assert _codes(enforce_source([first, tmp_path / "c"])) == ["PP117"]
    with pytest.raises(CheckFailedError, match="PP106"):
        enforce_source([first, second])
    assert enforce_source([]) == []


def test_files_are_checked_and_enforced_with_the_project_s_ignored_rules(tmp_path: Path) -> None:
    text = "Metadata-Version: 2.4\nName: acme\nVersion: 1.0\n\n"
    wheel = read_distribution(
        make_wheel(tmp_path, "acme", metadata_bytes=text.encode(), members={"acme/.env": b"x", "acme/x.pyc": b"y"})
    )
    folder = _project(tmp_path / "project", f'{GOOD}{IGNORE}PP713 = "no secret"\nPP716 = "short"\n')
    assert {"PP713", "PP716", "PP708"} & set(_codes(check_files([wheel]))) >= {"PP713", "PP716"}
    assert not {"PP713", "PP716"} & set(_codes(check_files([wheel], folder)))
    assert _codes(enforce_files([wheel])) == ["PP713", "PP716"]
    assert enforce_files([wheel], folder) == []


def test_a_file_that_cannot_be_installed_stops_the_upload(tmp_path: Path) -> None:
    text = "Metadata-Version: 2.4\nName: acme\nVersion: 1.0\nRequires-Dist: a >> 1\n\n# Acme\n"
    wheel = read_distribution(make_wheel(tmp_path, "acme", metadata_bytes=text.encode()))
    with pytest.raises(CheckFailedError, match="PP701") as caught:
        enforce_files([wheel])
    assert (caught.value.path, caught.value.line) == (None, None)
