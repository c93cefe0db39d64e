"""No program that this one starts gets its secrets."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from publisher.building.builder import BuildOptions, build_project
from publisher.building.hooks import hook_variables
from publisher.building.installer import pip_variables
from publisher.building.uv import uv_variables
from publisher.machine.programs import run_program
from publisher.project import git
from publisher.project.child_environment import OWN_SECRETS, bare_environment, without_own_secrets
from tests.helpers.projects import make_project


def _of_git(monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    seen: list[Mapping[str, str]] = []
    start = subprocess.Popen

    def record(*arguments: object, env: Mapping[str, str], **options: object) -> object:
        seen.append(env)
        return start(*arguments, env=env, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", record)
    git.tags_at(Path(), "HEAD")
    return {name: value for env in seen for name, value in env.items()}


def _of_programs(_: pytest.MonkeyPatch) -> Mapping[str, str]:
    names = run_program([sys.executable, "-c", "import os; print(*os.environ, sep='\\n')"]).stdout.split()
    return dict.fromkeys(names, "")


@pytest.mark.parametrize(
    "find",
    [
        lambda _: hook_variables(),
        lambda _: uv_variables(Path()),
        lambda _: pip_variables(),
        _of_git,
        _of_programs,
    ],
    ids=["hooks", "uv", "pip", "git", "programs"],
)
def test_secrets_stay_here(
    monkeypatch: pytest.MonkeyPatch, find: Callable[[pytest.MonkeyPatch], Mapping[str, str]]
) -> None:
    for name in OWN_SECRETS:
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("KEPT", "yes")
    found = find(monkeypatch)
    assert "KEPT" in found
    assert OWN_SECRETS.isdisjoint(found)
    assert os.environ["AUTH_TOKEN"] == "secret"


def test_the_environment_that_other_threads_read_is_never_changed_by_a_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable that is taken out for a moment is missing where another thread looks for it."""
    monkeypatch.setenv("PYPI_PUBLISH_PASSWORD", "secret")
    changes: list[str] = []
    real = type(os.environ)
    monkeypatch.setattr(real, "__setitem__", lambda _, name, __: changes.append(name))
    monkeypatch.setattr(real, "__delitem__", lambda _, name: changes.append(name))
    project = make_project(tmp_path / "project")
    assert len(build_project(project, tmp_path / "dist", BuildOptions("pip"))) == 2
    monkeypatch.undo()
    assert not changes


def test_a_secret_is_known_in_any_case_and_nothing_else_is_taken() -> None:
    given = {"Auth_Token": "x", "pypi_publish_password": "x", "PYPI_PUBLISH_USERNAME": "ada", "PATH": "/bin"}
    assert without_own_secrets(given) == {"PYPI_PUBLISH_USERNAME": "ada", "PATH": "/bin"}
    assert len(given) == 4


def test_a_bare_environment_has_only_what_python_needs() -> None:
    needed = {"PATH": "/bin", "PYTHONPATH": "a", "PYTHONHOME": "b", "LD_LIBRARY_PATH": "c", "SYSTEMROOT": "d"}
    assert bare_environment({**needed, "HOME": "/home/ada", "AUTH_TOKEN": "x"}) == needed
    assert bare_environment({"PATH": "/bin"}) == {"PATH": "/bin"}
