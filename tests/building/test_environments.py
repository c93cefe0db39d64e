"""Environments of a run: each is set up once for all builds with its requirements, and failures reach every caller."""

import os
import subprocess
import sys
import threading
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Self

import pytest

from publisher.building import environments
from publisher.building.environments import Environments, UvEnvironment
from publisher.building.uv import UvBuildSettings
from tests.helpers.stand_ins import StandIns
from tests.helpers.waiting import eventually

SETTINGS = UvBuildSettings()


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIns:
    """The programs on the path: a uv that installs nothing."""
    programs = StandIns(tmp_path / "bin", monkeypatch)
    program = programs.add("uv", 'case "$*" in *broken*) echo no such package; exit 3;; esac')
    monkeypatch.setattr("publisher.building.uv.find_uv", lambda: str(program))
    monkeypatch.setattr(environments, "restore_bytecode", lambda _: None)
    monkeypatch.setattr(environments, "keep_bytecode", lambda _: None)
    return programs


def _settle() -> None:
    assert eventually(lambda: not [each for each in threading.enumerate() if each.name in {"removal", "environment"}])


def test_an_environment_is_set_up_once_for_equal_requirements(uv: StandIns) -> None:
    found = Environments("uv")
    found.begin(["b", "a"], SETTINGS)
    found.begin(["a", "b"], SETTINGS)
    first = found.get({"a", "b"}, SETTINGS)
    assert found.get(["b", "a", "a"], SETTINGS) is first
    other = found.get(["a"], SETTINGS)
    with_index = found.get(["a"], replace(SETTINGS, config="[pip]\n"))
    assert len({id(each) for each in (first, other, with_index)}) == 3
    assert sorted(call.rpartition(" -- ")[2] for call in uv.calls("uv")) == ["a", "a", "a b"]
    folders = [Path(each.python_executable).parents[1] for each in (first, other, with_index)]
    assert all(folder.is_dir() for folder in folders)
    found.close()
    _settle()
    assert not [folder for folder in folders if folder.exists()]


def test_a_failed_installation_is_raised_for_each_caller(uv: StandIns) -> None:
    found = Environments("uv")
    found.begin(["broken"], SETTINGS)
    for _ in range(2):
        with pytest.raises(subprocess.CalledProcessError) as caught:
            found.get(["broken"], SETTINGS)
        assert (caught.value.returncode, caught.value.output) == (3, b"no such package\n")
    with pytest.raises(subprocess.CalledProcessError):
        found.get(["broken", "too"], SETTINGS)
    assert len(uv.calls("uv")) == 2
    found.close()
    _settle()


def test_closing_does_not_wait_for_an_installation(uv: StandIns) -> None:
    uv.add("uv", f"echo > {uv.folder}/begun", "exec /bin/sleep 600")
    found = Environments("uv")
    found.begin(["a"], SETTINGS)
    assert eventually((uv.folder / "begun").exists)
    found.close()
    with pytest.raises(subprocess.CalledProcessError):
        found.get(["a"], SETTINGS)
    _settle()


def test_an_environment_that_can_not_be_started_fails_at_once_and_later(
    uv: StandIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise OSError("It is full.")

    monkeypatch.setattr(UvEnvironment, "start", fails)
    found = Environments("uv")
    with pytest.raises(OSError, match="It is full"):
        found.begin(["a"], SETTINGS)
    with pytest.raises(OSError, match="It is full"):
        found.get(["a"], SETTINGS)
    assert uv.calls("uv") == []
    found.close()
    _settle()


def test_nothing_is_installed_where_nothing_is_required(uv: StandIns, tmp_path: Path) -> None:
    environment = UvEnvironment(tmp_path / "environment")
    environment.start([], SETTINGS)
    assert environment.finish() is environment
    assert uv.calls("uv") == []


def test_scripts_start_the_environment_s_interpreter_although_uv_is_given_another(uv: StandIns, tmp_path: Path) -> None:
    scripts = tmp_path / "e/bin"
    shebang = f"#!{sys.executable}\\n"
    uv.add(
        "uv",
        f"cd {scripts}",
        f"printf '{shebang}first\\nsecond' > ours; /bin/chmod 751 ours",
        f"printf '#!{os.path.realpath(sys.executable)}\\nreal' > real",
        f"printf 'no line {shebang}' > other",
        "printf '#!/bin/sh\\n' > shell",
        "/bin/mkdir folder",
    )
    environment = UvEnvironment(tmp_path / "e")
    environment.start(["a"], SETTINGS)
    environment.finish()
    assert uv.calls("uv") == [f"pip install --python {sys.executable} --prefix {tmp_path / 'e'} --no-config -- a"]
    found = {path.name: path.read_text() for path in scripts.iterdir() if path.is_file() and not path.is_symlink()}
    own = environment.python_executable
    assert found == {
        "ours": f"#!{own}\nfirst\nsecond",
        "real": f"#!{own}\nreal",
        "other": f"no line #!{sys.executable}\n",
        "shell": "#!/bin/sh\n",
    }
    assert (scripts / "ours").stat().st_mode & 0o777 == 0o751


@pytest.mark.parametrize("name", ["with space", "x" * 120])
def test_uv_gets_the_environment_s_interpreter_where_scripts_need_more_than_a_first_line(
    uv: StandIns, tmp_path: Path, name: str
) -> None:
    environment = UvEnvironment(tmp_path / name)
    environment.start(["a"], SETTINGS)
    environment.finish()
    assert uv.calls("uv") == [f"pip install --python {environment.python_executable} --no-config -- a"]


def test_an_environment_has_its_own_interpreter_first_on_the_path_and_no_foreign_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "environment"
    environment = UvEnvironment(folder)
    scripts = Path(environment.python_executable).parent
    assert scripts.parent == folder
    assert os.access(environment.python_executable, os.X_OK)
    assert not list(scripts.glob("pip*")) + list(scripts.glob("activate*"))
    monkeypatch.setenv("PATH", "elsewhere")
    assert environment.make_extra_environ() == {"PATH": f"{scripts}{os.pathsep}elsewhere", "PYTHONPATH": ""}
    monkeypatch.delenv("PATH")
    assert environment.make_extra_environ()["PATH"] == str(scripts)


def test_bytecode_is_restored_after_the_installation_and_kept_at_the_end(
    uv: StandIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[tuple[str, Path, int]] = []
    monkeypatch.setattr(environments, "restore_bytecode", lambda path: steps.append(("restore", path, _calls(uv))))
    monkeypatch.setattr(environments, "keep_bytecode", lambda path: steps.append(("keep", path, path.is_dir())))
    found = Environments("uv")
    folder = Path(found.get(["a"], SETTINGS).python_executable).parents[1]
    found.close()
    _settle()
    (first, packages, _), second = steps
    assert (steps[0], second) == (("restore", packages, 1), ("keep", packages, True))
    assert first == "restore"
    assert packages.is_relative_to(folder)
    assert packages.name == "site-packages"


class MadeUpCompanion:
    """A companion that notes how often uv has ended when it is called."""

    def __init__(self, uv: StandIns, *, restores: bool = True) -> None:
        self.uv, self.restores = uv, restores
        self.steps: list[tuple[str, Path, int]] = []

    def start(self, environment: UvEnvironment) -> None:
        self.steps.append(("start", environment.packages, _ends(self.uv)))

    def go_on(self) -> None:
        (self.uv.folder / "go").touch()

    def finish(self, environment: UvEnvironment) -> bool:
        self.steps.append(("finish", environment.packages, _ends(self.uv)))
        return self.restores


@pytest.mark.parametrize("restores", [True, False])
def test_a_companion_is_started_beside_uv_and_goes_on_before_any_build(
    uv: StandIns, monkeypatch: pytest.MonkeyPatch, *, restores: bool
) -> None:
    restored: list[Path] = []
    monkeypatch.setattr(environments, "restore_bytecode", restored.append)
    uv.add("uv", f"until test -e {uv.folder}/go; do /bin/sleep 0.01; done", f"echo >> {uv.folder}/ended")
    companion, unused = MadeUpCompanion(uv, restores=restores), MadeUpCompanion(uv)
    found = Environments("uv")
    found.begin(["a"], SETTINGS, companion)
    found.begin(["a"], SETTINGS, unused)
    environment = found.get(["a"], SETTINGS)
    assert isinstance(environment, UvEnvironment)
    packages = environment.packages
    assert companion.steps == [("start", packages, 0), ("finish", packages, 1)]
    assert restored == ([] if restores else [packages])
    assert unused.steps == []
    found.close()
    _settle()


def test_a_companion_does_not_go_on_after_a_failed_installation(uv: StandIns) -> None:
    companion = MadeUpCompanion(uv)
    found = Environments("uv")
    found.begin(["broken"], SETTINGS, companion)
    with pytest.raises(subprocess.CalledProcessError):
        found.get(["broken"], SETTINGS)
    assert [step for step, *_ in companion.steps] == ["start"]
    found.close()
    _settle()


def _ends(uv: StandIns) -> int:
    file = uv.folder / "ended"
    return len(file.read_text().splitlines()) if file.exists() else 0


def _calls(uv: StandIns) -> int:
    return len(uv.calls("uv"))


def test_pip_installs_into_an_environment_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made: list[tuple[str, str]] = []

    class Place:
        def __init__(self, *, installer: str) -> None:
            made.append(("open", installer))

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            made.append(("close", str(tmp_path)))

    def install(environment: object, requirements: Collection[str]) -> None:
        assert isinstance(environment, Place)
        made.append(("install", " ".join(sorted(requirements))))

    monkeypatch.setattr("publisher.building.pypa_build.DefaultIsolatedEnv", Place)
    monkeypatch.setattr(environments, "install_with_pip", install)
    found = Environments("pip")
    found.begin(["b", "a"], SETTINGS)
    assert isinstance(found.get(["a", "b"], SETTINGS), Place)
    found.close()
    _settle()
    assert made == [("open", "pip"), ("install", "a b"), ("close", str(tmp_path))]
