"""Every rule about built files, on files that break it."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from publisher.checks import contents
from publisher.checks.engine import check_files, enforce_files
from publisher.checks.rules import RULES
from publisher.checks.violations import Enforcement
from publisher.errors import CheckFailedError
from publisher.project.distributions import read_distribution
from tests.helpers.dists import make_sdist, make_wheel
from tests.helpers.projects import make_project
from tests.helpers.tool import pypi_publish

METADATA = "Metadata-Version: 2.4\nName: acme-widgets\nVersion: 1.0\nSummary: Widgets\n"
DESCRIBED = f"{METADATA}Description-Content-Type: text/markdown\n"


def _wheel(folder: Path, metadata: str = DESCRIBED, body: str = "# Widgets\n", **more: object) -> list[Path]:
    return [make_wheel(folder, metadata_bytes=f"{metadata}\n{body}".encode(), **more)]  # type: ignore[arg-type]


def _both(folder: Path) -> list[Path]:
    needs = f"{METADATA}Requires-Dist: attrs\nDescription-Content-Type: text/markdown\n"
    sdist = make_sdist(folder, metadata_bytes=f"{needs}\n# Widgets\n".encode())
    return [*_wheel(folder), sdist]


def _other_version(folder: Path) -> list[Path]:
    return [*_wheel(folder), make_sdist(folder, version="1.1")]


def _empty(folder: Path) -> list[Path]:
    [wheel] = _wheel(folder)
    with zipfile.ZipFile(wheel) as archive:
        members = {name: archive.read(name) for name in archive.namelist() if ".dist-info/" in name}
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in members.items():
            kept = [line for line in data.splitlines(keepends=True) if b".dist-info/" in line]
            archive.writestr(name, b"".join(kept) if name.endswith("RECORD") else data)
    return [wheel]


def _torn(folder: Path) -> list[Path]:
    [wheel] = _wheel(folder)
    with zipfile.ZipFile(wheel) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data[:30] if name.endswith("RECORD") else data)
    return [wheel]


RST = f"{METADATA}Description-Content-Type: text/x-rst\n"
ANNOTATED = b"def turn(degrees: float) -> None:\n    ...\n"
PICKLED = b"some data that is there twice\n"
CASES: dict[str, Callable[[Path], list[Path]]] = {
    "PP701": lambda folder: _wheel(folder, f"{METADATA}Requires-Python: 3.x.y\n"),
    "PP702": lambda folder: _wheel(folder, RST, "Widgets\n=======\n\n.. toctree::\n"),
    "PP703": _other_version,
    "PP704": _both,
    "PP707": lambda folder: _wheel(folder, members={"tests/__init__.py": b""}),
    "PP708": lambda folder: _wheel(folder, members={"acme_widgets/__pycache__/a.cpython-311.pyc": b"x"}),
    "PP709": _empty,
    "PP710": lambda folder: _wheel(folder, members={"acme_widgets/turn.py": ANNOTATED}),
    "PP711": lambda folder: _wheel(folder, members={"acme_widgets/a.dat": PICKLED, "acme_widgets/b.dat": PICKLED}),
    "PP712": lambda folder: _wheel(folder, members={"notes.txt": b"x"}),
    "PP713": lambda folder: _wheel(folder, members={"acme_widgets/.pypirc": b"[pypi]\npassword = x\n"}),
    "PP714": _wheel,
    "PP715": lambda folder: _wheel(folder, f"{DESCRIBED}License-File: LICENSE\n"),
    "PP719": _torn,
    "PP717": lambda folder: _wheel(folder, f"{DESCRIBED.replace('2.4', '2.3')}License-Expression: MIT\n"),
    "PP718": lambda folder: _wheel(folder, METADATA),
    "PP716": lambda folder: _wheel(folder, METADATA, ""),
}
FROM_SOURCE = {"PP705", "PP706"}


def test_every_rule_about_files_is_tried() -> None:
    assert {code for code in RULES if code.startswith("PP7")} == {*CASES, *FROM_SOURCE}


def test_a_good_wheel_breaks_none(tmp_path: Path) -> None:
    members = {"acme_widgets/turn.py": ANNOTATED, "acme_widgets/py.typed": b""}
    assert [*check_files([read_distribution(path) for path in _wheel(tmp_path, members=members)])] == []


@pytest.mark.parametrize("code", CASES)
def test_files_that_break_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    if code == "PP714":
        monkeypatch.setattr(contents, "SIZE_LIMIT", 100)
    files = CASES[code](tmp_path)
    found = [*check_files([read_distribution(path) for path in files])]
    assert code in {finding.rule.code for finding in found}, found
    assert all(finding.path.name in {path.name for path in files} for finding in found)


@pytest.mark.parametrize("member", ["notes.txt", "no-name/module.py", "__init__.py", "data/notes.txt"])
def test_what_cannot_be_imported_from_its_place(tmp_path: Path, member: str) -> None:
    [wheel] = _wheel(tmp_path, members={member: b""})
    found = [finding for finding in check_files([read_distribution(wheel)]) if finding.rule.code == "PP712"]
    assert len(found) == 1, found


@pytest.mark.parametrize("code", CASES)
def test_publishing_does_what_the_rule_says(tmp_path: Path, code: str) -> None:
    distributions = [read_distribution(path) for path in CASES[code](tmp_path)]
    if RULES[code].enforcement is Enforcement.ERROR:
        with pytest.raises(CheckFailedError, match=code):
            enforce_files(distributions)
        return
    warned = {finding.rule.code for finding in enforce_files(distributions)}
    assert (code in warned) == (RULES[code].enforcement is Enforcement.WARNING)


def test_files_missing_from_the_wheel_are_reported(tmp_path: Path) -> None:
    # slow: a real build; setuptools takes the packages that are named, and no data that is not
    project = make_project(tmp_path, backend="setuptools")
    package = next(path.parent for path in project.rglob("__init__.py"))
    (package / "inner").mkdir()
    (package / "inner" / "turn.py").write_text("ANGLE = 1\n")
    (package / "inner" / "__pycache__").mkdir()
    (package / "inner" / "__pycache__" / "turn.cpython-311.pyc").write_bytes(b"x")
    (package / "table.csv").write_text("a,b\n")
    (package / "tests").mkdir()
    (package / "tests" / "test_turn.py").write_text("")
    name = package.relative_to(project).as_posix()
    with (project / "pyproject.toml").open("a") as file:
        file.write(f'[tool.setuptools]\npackages = ["{package.name}"]\n')
        if package.parent != project:
            file.write(f'package-dir = {{ "" = "{package.parent.relative_to(project).as_posix()}" }}\n')
        file.write("include-package-data = false\n")
    done = pypi_publish("check", "--only", "build", cwd=project)
    assert done.code == 7, done.everything
    assert f"PP705 the wheel lacks {name}/inner/turn.py" in done.stderr
    assert f"PP706 the wheel lacks {name}/table.csv" in done.stderr
    assert "pycache" not in done.stderr
    assert "test_turn" not in done.stderr


def test_files_that_are_built_to_be_checked_have_no_path(tmp_path: Path) -> None:
    # slow: three real builds
    project = make_project(tmp_path / "project", backend="hatchling")
    check = ("check", "--only", "build")
    names = ["acme_widgets-1.0-py3-none-any.whl", "acme_widgets-1.0.tar.gz"]
    assert sorted(pypi_publish(*check, cwd=project).stdout.split()) == names
    files = json.loads(pypi_publish(*check, "--json", cwd=project).stdout)["files"]
    assert sorted((each["filename"], each["path"], each["size"] > 0) for each in files) == [
        (name, None, True) for name in names
    ]
    kept = pypi_publish(*check, "--json", "--out-dir", tmp_path / "out", cwd=project)
    paths = sorted(each["path"] for each in json.loads(kept.stdout)["files"])
    assert paths == sorted(map(str, (tmp_path / "out").iterdir()))


def test_files_are_checked_without_building(tmp_path: Path) -> None:
    [wheel] = CASES["PP713"](tmp_path)
    done = pypi_publish("check", wheel)
    assert done.code == 7, done.everything
    assert f"{wheel.name}: PP713 it contains acme_widgets/.pypirc" in done.stderr


def test_without_the_library_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "find_spec", lambda _: None)
    found = [*check_files([read_distribution(path) for path in CASES["PP708"](tmp_path)])]
    assert found == []
    assert not contents.can_look_into_wheels()
