import hashlib
import sys
from pathlib import Path

import pytest

from publisher.building.builder import BuildOptions, build_project
from publisher.building.installer import choose_installer
from publisher.building.reproducible import source_date_epoch
from publisher.errors import BuildFailedError, ConfigurationError
from publisher.project.distributions import read_distribution
from tests.helpers.projects import commit, make_project, write_backend

QUICK = BuildOptions("uv")


def _digests(files: list[Path]) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_uv_is_preferred_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_installer() == "uv"
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "uv", None)
    assert choose_installer() == "pip"


def test_the_backend_sees_the_time_of_the_last_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = write_backend(tmp_path / "project", "raise SystemExit('epoch ' + os.environ['SOURCE_DATE_EPOCH'])")
    commit(project, "2024-05-06T07:08:09Z")
    (tmp_path / "elsewhere").mkdir()

    assert source_date_epoch(project) == 1714979289
    assert source_date_epoch(tmp_path / "elsewhere") is None
    with pytest.raises(BuildFailedError, match="epoch 1714979289"):
        build_project(project, tmp_path / "out", QUICK)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "42")
    assert source_date_epoch(project) == 42


def test_a_machine_without_git_builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(tmp_path / "project")
    commit(project, "2024-05-06T07:08:09Z")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert source_date_epoch(project) is None


@pytest.mark.parametrize(
    ("pyproject", "message"),
    [
        ("[build-system]\n", "'?requires'?|`requires`"),
        ("[build-system]\nrequires = 1\n", "requires"),
        ("[build-system\n", "pyproject.toml"),
        ('[build-system]\nrequires = []\nbackend-path = ["missing"]\nbuild-backend = "b"\n', "missing"),
    ],
)
def test_a_broken_build_system_table_is_reported(tmp_path: Path, pyproject: str, message: str) -> None:
    (tmp_path / "pyproject.toml").write_text(pyproject)
    with pytest.raises(ConfigurationError, match=message):
        build_project(tmp_path, tmp_path / "out", QUICK)


def test_a_folder_without_a_project_is_reported(tmp_path: Path) -> None:
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
    with pytest.raises(BuildFailedError, match="could not be moved to"):
        build_project(project, tmp_path / "out", QUICK)


@pytest.mark.essential
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
