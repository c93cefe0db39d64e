import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from publisher.building.builder import BuildOptions, build_project, default_installer
from publisher.epoch import source_date_epoch
from publisher.errors import BuildFailedError, ConfigurationError
from publisher.project.distributions import Kind, read_distribution
from tests.helpers.projects import commit, make_project, write_backend

QUICK = BuildOptions("uv")


def _digests(files: list[Path]) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_sdist_and_wheel_are_built_and_nothing_else_is_left(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    built = build_project(project, tmp_path / "out", QUICK)
    assert [read_distribution(file).kind for file in built] == [Kind.SDIST, Kind.WHEEL]
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "acme_widgets-1.0-py3-none-any.whl",
        "acme_widgets-1.0.tar.gz",
    ]


def test_the_wheel_is_built_from_the_sdist(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    (project / "src/acme_widgets/generated.py").write_text("left_out = True\n")
    with (project / "pyproject.toml").open("a") as file:
        file.write('\n[tool.hatch.build.targets.sdist]\nexclude = ["generated.py"]\n')
    _, wheel = build_project(project, tmp_path / "out", QUICK)
    assert "acme_widgets/generated.py" not in zipfile.ZipFile(wheel).namelist()


def test_only_the_wheel_is_built_on_request(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    built = build_project(project, tmp_path / "out", BuildOptions("uv", frozenset({Kind.WHEEL})))
    assert [file.suffix for file in built] == [".whl"]


def test_pip_installs_the_build_requirements_where_there_is_no_uv(tmp_path: Path) -> None:
    # slow (pip in a new environment): the only test of this installer
    project = make_project(tmp_path / "project")
    assert len(build_project(project, tmp_path / "out", BuildOptions("pip", frozenset({Kind.WHEEL})))) == 1


def test_uv_is_preferred_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_installer() == "uv"
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "uv", None)
    assert default_installer() == "pip"


def test_the_same_commit_gives_the_same_bytes(tmp_path: Path) -> None:
    # slow (two builds with a real backend): the property that a repeated release rests on
    project = make_project(tmp_path / "project")
    commit(project, "2024-05-06T07:08:09Z")
    first = _digests(build_project(project, tmp_path / "one", QUICK))
    subprocess.run(["git", "clone", "-q", project, tmp_path / "clone"], check=True)
    for file in (tmp_path / "clone").rglob("*.py"):
        os.utime(file, (1_000_000_000, 1_000_000_000))
    assert _digests(build_project(tmp_path / "clone", tmp_path / "two", QUICK)) == first


def test_the_backend_sees_the_time_of_the_last_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = write_backend(tmp_path / "project", "raise SystemExit('epoch ' + os.environ['SOURCE_DATE_EPOCH'])")
    commit(project, "2024-05-06T07:08:09Z")
    (tmp_path / "elsewhere").mkdir()

    assert source_date_epoch(project) == "1714979289"
    assert source_date_epoch(tmp_path / "elsewhere") is None
    with pytest.raises(BuildFailedError, match="epoch 1714979289"):
        build_project(project, tmp_path / "out", QUICK)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "42")
    assert source_date_epoch(project) == "42"


def test_a_commit_beside_the_project_does_not_change_its_time(tmp_path: Path) -> None:
    project = make_project(tmp_path / "repository/packages/acme")
    commit(tmp_path / "repository", "2024-05-06T07:08:09Z")
    (tmp_path / "repository/other").write_text("changed\n")
    commit(tmp_path / "repository", "2025-01-01T00:00:00Z")
    assert source_date_epoch(project) == "1714979289"


def test_a_machine_without_git_builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(tmp_path / "project")
    commit(project, "2024-05-06T07:08:09Z")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert source_date_epoch(project) is None


def test_a_backend_that_raises_is_told_with_its_output(tmp_path: Path) -> None:
    project = write_backend(
        tmp_path / "project", "print('working on it'); raise ValueError('the frobnicator is missing')"
    )
    with pytest.raises(BuildFailedError, match="ValueError: the frobnicator is missing") as caught:
        build_project(project, tmp_path / "out", QUICK)
    assert "working on it" in caught.value.output
    assert not (tmp_path / "out").exists()


def test_a_requirement_that_can_not_be_installed_is_told(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", requires='["no-such-backend-anywhere"]')
    with pytest.raises(BuildFailedError, match="build requirements of the sdist") as caught:
        build_project(project, tmp_path / "out", QUICK)
    assert "no-such-backend-anywhere" in caught.value.output


@pytest.mark.parametrize(
    ("pyproject", "message"),
    [
        ("[build-system]\n", "'?requires'?|`requires`"),
        ("[build-system]\nrequires = 1\n", "requires"),
        ("[build-system\n", "pyproject.toml"),
        ('[build-system]\nrequires = []\nbackend-path = ["missing"]\nbuild-backend = "b"\n', "missing"),
    ],
)
def test_a_broken_build_system_table_is_told(tmp_path: Path, pyproject: str, message: str) -> None:
    (tmp_path / "pyproject.toml").write_text(pyproject)
    with pytest.raises(ConfigurationError, match=message):
        build_project(tmp_path, tmp_path / "out", QUICK)


def test_a_folder_without_a_project_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not exist"):
        build_project(tmp_path / "missing", tmp_path / "out", QUICK)
    with pytest.raises(ConfigurationError, match=r"no pyproject\.toml"):
        build_project(tmp_path, tmp_path / "out", QUICK)
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="is a file"):
        build_project(tmp_path / "file", tmp_path / "out", QUICK)


def test_an_output_folder_that_can_not_be_written_loses_nothing(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    (tmp_path / "out").touch()
    with pytest.raises(BuildFailedError, match="could not be put into"):
        build_project(project, tmp_path / "out", QUICK)


@pytest.mark.parametrize("backend", ["setuptools", "flit_core", "poetry_core", "pdm_backend", "uv_build"])
def test_every_backend_builds(tmp_path: Path, backend: str) -> None:
    # slow (a real backend each): any PEP 517 backend works
    project = make_project(tmp_path / "project", backend=backend)
    built = build_project(project, tmp_path / "out", QUICK)
    assert {read_distribution(file).name for file in built} == {"acme-widgets"}


def test_a_c_extension_gets_a_wheel_for_this_platform(tmp_path: Path) -> None:
    # slow (a compiler runs): the only kind of project whose wheel is not for every platform
    project = make_project(tmp_path / "project", backend="setuptools")
    (project / "acme.c").write_text(
        "#include <Python.h>\n"
        'static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "acme", NULL, -1, NULL};\n'
        "PyMODINIT_FUNC PyInit_acme(void) { return PyModule_Create(&module); }\n"
    )
    (project / "setup.py").write_text(
        "from setuptools import Extension, setup\nsetup(ext_modules=[Extension('acme', ['acme.c'])])\n"
    )
    _, wheel = build_project(project, tmp_path / "out", QUICK)
    assert f"cp3{sys.version_info.minor}-" in wheel.name
