"""The plain engine: an environment for each distribution, its requirements, and an end that no build outlives."""

import json
import subprocess
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pytest

from publisher.building import plain
from publisher.building.engine import BuildContext
from publisher.building.hooks import OutputCallback, ignore_output
from publisher.building.plain import PlainEngine
from publisher.building.pypa_build import BuildBackendException
from publisher.building.uv import UvBuildSettings
from publisher.errors import BuildFailedError


class Place:
    """An environment that is a folder."""

    opened: list[str]
    closed: int
    path: str

    def __init__(self, *, installer: str) -> None:
        self.opened.append(installer)
        self.python_executable = "python-of-the-environment"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        type(self).closed += 1

    def make_extra_environ(self) -> Mapping[str, str]:
        return {"PATH": "its-own", "A": "environment"}


class Hooks:
    """A runner whose hooks answer at once."""

    made: "list[Hooks]"
    more: list[str]
    failure: Exception | None
    on_hook: Any

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.on_output: OutputCallback = ignore_output
        self.hooks: list[str] = []
        self.closes = 0
        self.made.append(self)

    def __call__(
        self, cmd: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None
    ) -> None:
        assert extra_environ is not None
        assert cwd is not None
        self.hooks.append(cmd[2])
        self.on_hook()
        if self.failure is not None:
            raise self.failure
        value = self.more if "requires" in cmd[2] else "made.whl"
        Path(cmd[3], "output.json").write_text(
            json.dumps({"return_val": value, "unsupported": False, "no_backend": False})
        )

    def close(self) -> None:
        self.closes += 1


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    Place.opened, Place.closed, Place.path = [], 0, str(tmp_path / "environment")
    Hooks.made, Hooks.more, Hooks.failure, Hooks.on_hook = [], [], None, staticmethod(lambda: None)
    monkeypatch.setattr(plain, "DefaultIsolatedEnv", Place)
    monkeypatch.setattr(plain, "SubprocessHookRunner", Hooks)
    (tmp_path / "pyproject.toml").write_text('[build-system]\nrequires = ["two", "one"]\nbuild-backend = "backend"\n')
    return tmp_path


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    found: list[set[str]] = []

    def install(environment: Place, requirements: Collection[str]) -> None:
        assert environment.path == Place.path
        found.append(set(requirements))

    monkeypatch.setattr(plain, "install_with_pip", install)
    return found


def _context(on_output: OutputCallback = ignore_output) -> BuildContext:
    return BuildContext({"A": "context", "B": "context"}, on_output, UvBuildSettings())


@pytest.mark.parametrize(("more", "expected"), [([], []), (["three"], [{"three"}])])
def test_each_build_has_an_environment_with_what_table_and_backend_require(
    source: Path, installed: list[set[str]], more: list[str], expected: list[set[str]]
) -> None:
    Hooks.more = more

    def receive(_: bytes) -> None:
        pass

    engine = PlainEngine("pip")
    assert engine.build(source, "wheel", source / "out", _context(receive)) == source / "out/made.whl"
    assert installed == [{"one", "two"}, *expected]
    (runner,) = Hooks.made
    assert (runner.hooks, runner.on_output) == (["get_requires_for_build_wheel", "build_wheel"], receive)
    assert {name: runner.environment[name] for name in ("PATH", "A", "B")} == {
        "PATH": "its-own",
        "A": "context",
        "B": "context",
    }
    assert "HOME" in runner.environment
    assert (Place.opened, Place.closed) == (["pip"], 1)
    engine.close()
    assert runner.closes == 0


def test_uv_installs_into_the_environment(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], *, env: Mapping[str, str], check: bool, **options: object) -> None:
        assert check
        assert "PATH" in env
        assert options == {"stdin": subprocess.DEVNULL, "capture_output": True}
        commands.append(command)

    monkeypatch.setattr(subprocess, "run", run)
    PlainEngine("uv").build(source, "wheel", source / "out", _context())
    (command,) = commands
    assert command[1:5] == ["pip", "install", "--python", "python-of-the-environment"]
    assert command[-2:] == ["one", "two"]
    assert Place.opened == ["uv"]


def test_nothing_is_installed_ahead(source: Path, installed: list[set[str]]) -> None:
    PlainEngine("pip").prepare(source, ["one"], UvBuildSettings(), dict)
    assert (installed, Place.opened) == ([], [])
    assert source.is_dir()


def test_a_failed_hook_leaves_no_environment_and_no_running_hook(source: Path, installed: list[set[str]]) -> None:
    Hooks.failure = subprocess.CalledProcessError(1, "hook")
    engine = PlainEngine("pip")
    with pytest.raises(BuildBackendException):
        engine.build(source, "wheel", source / "out", _context())
    engine.close()
    assert (Place.closed, Hooks.made[0].closes, len(installed)) == (1, 0, 1)


def test_closing_ends_the_hooks_that_run_and_no_other_build_starts(source: Path, installed: list[set[str]]) -> None:
    engine = PlainEngine("pip")
    Hooks.on_hook = staticmethod(engine.close)
    engine.build(source, "wheel", source / "out", _context())
    assert Hooks.made[0].closes == 2
    with pytest.raises(BuildFailedError, match=r"^The build was stopped\.$"):
        engine.build(source, "wheel", source / "out", _context())
    assert (Hooks.made[1].hooks, len(installed), Place.closed) == ([], 1, 2)


def test_a_failed_installation_is_the_installers(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise subprocess.CalledProcessError(2, "pip")

    monkeypatch.setattr(plain, "install_with_pip", fails)
    with pytest.raises(subprocess.CalledProcessError):
        PlainEngine("pip").build(source, "wheel", source / "out", _context())
    assert Hooks.made[0].hooks == []
