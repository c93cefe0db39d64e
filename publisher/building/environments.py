"""Isolated environments of a run: one for each set of build requirements, set up once and never changed."""

import os
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import TYPE_CHECKING, Protocol
from venv import EnvBuilder

from publisher.building.bytecode import keep_bytecode, restore_bytecode
from publisher.building.engine import Installer
from publisher.building.installer import install_with_pip
from publisher.building.uv import UvBuildSettings, uv_install_command, uv_variables
from publisher.files.atomic import replace_file
from publisher.waiting import waiting_for

if TYPE_CHECKING:
    from publisher.building.pypa_build import IsolatedEnv


_LONGEST_PLAIN = 120
"""Characters of an interpreter's path that every system accepts in the first line of a script."""

_Key = tuple[frozenset[str], UvBuildSettings]


class Environments:
    """
    Isolated environments, each shared by all builds with the same requirements.

    Nothing is installed into an environment once a build uses it: a build that needs more gets another one.
    """

    def __init__(self, installer: Installer) -> None:
        self._installer = installer
        self._start = self._start_with_uv if installer == "uv" else self._start_with_pip
        self._made: dict[_Key, Future[IsolatedEnv]] = {}
        self._lock = threading.Lock()
        self._with_uv: list[UvEnvironment] = []
        self._threads: list[threading.Thread] = []
        self._stack = ExitStack()

    def begin(
        self, requirements: Collection[str], settings: UvBuildSettings, companion: "Companion | None" = None
    ) -> None:
        """Set up the environment with these requirements in the background, unless that was started before."""
        key = frozenset(requirements), settings
        if future := self._claim(key):
            finish = self._start_or_fail(future, key, companion)
            thread = threading.Thread(target=_settle, args=(future, finish), name="environment")
            self._threads.append(thread)
            thread.start()

    def get(self, requirements: Collection[str], settings: UvBuildSettings) -> "IsolatedEnv":
        """
        Return the environment with these requirements (PEP 508), after setting it up or waiting for it.

        Raises subprocess.CalledProcessError and pypa/build's exceptions, for each caller, when it can't be set up.
        """
        key = frozenset(requirements), settings
        with waiting_for(f"{self._installer} to install {', '.join(sorted(requirements))}"):
            if future := self._claim(key):
                _settle(future, self._start_or_fail(future, key))
            return self._made[key].result()

    def close(self) -> None:
        """End installers, and remove the environments in the background, because they may have many files."""
        for environment in self._with_uv:
            environment.stop()
        threading.Thread(target=self._remove, name="removal").start()

    def _claim(self, key: _Key) -> "Future[IsolatedEnv] | None":
        """Return the future of an environment that the caller has to set up; None when another thread does."""
        with self._lock:
            if key in self._made:
                return None
            future = self._made[key] = Future()
            return future

    def _start_or_fail(
        self, future: "Future[IsolatedEnv]", key: _Key, companion: "Companion | None" = None
    ) -> "Callable[[], IsolatedEnv]":
        try:
            return self._start(*key, companion)
        except BaseException as error:
            future.set_exception(error)
            raise

    def _start_with_uv(
        self, requirements: Collection[str], settings: UvBuildSettings, companion: "Companion | None"
    ) -> "Callable[[], IsolatedEnv]":
        folder = self._stack.enter_context(TemporaryDirectory(prefix="pypi-publish-env-", ignore_cleanup_errors=True))
        environment = UvEnvironment(Path(folder))
        self._with_uv.append(environment)
        self._stack.callback(environment.keep_bytecode)
        if companion is not None:
            companion.start(environment)  # first, because it takes longer than uv
        environment.start(requirements, settings)

        def finish() -> "IsolatedEnv":
            if companion is not None:
                companion.go_on()
            environment.finish()
            if companion is None or not companion.finish(environment):
                restore_bytecode(environment.packages)
            return environment

        return finish

    def _start_with_pip(
        self, requirements: Collection[str], _settings: UvBuildSettings, _companion: "Companion | None"
    ) -> "Callable[[], IsolatedEnv]":
        def make() -> "IsolatedEnv":
            from publisher.building.pypa_build import DefaultIsolatedEnv  # noqa: PLC0415 - not needed with uv

            environment = self._stack.enter_context(DefaultIsolatedEnv(installer="pip"))
            install_with_pip(environment, requirements)
            return environment

        return make

    def _remove(self) -> None:
        for thread in self._threads:
            thread.join()
        self._stack.close()


class Companion(Protocol):
    """Something that is started while uv installs an environment's requirements, and uses it afterwards."""

    def start(self, environment: "UvEnvironment") -> None:
        """Start in an environment that is still empty."""

    def go_on(self) -> None:
        """Do the slow part of the work while uv runs."""

    def finish(self, environment: "UvEnvironment") -> bool:
        """Go on before any build uses the environment; return whether the bytecode of its packages was restored."""


class UvEnvironment:
    """
    An isolated environment of pypa/build's interface, whose requirements uv installs in the background.

    It does the same as pypa/build with uv, but uv starts before anything slow is imported.
    """

    def __init__(self, folder: Path) -> None:
        builder = _Builder(symlinks=os.name != "nt")
        builder.create(folder)
        self.python_executable: str = builder.context.env_exe
        self._folder = folder
        self._scripts: str = builder.context.bin_path
        base = {"base": str(folder), "platbase": str(folder)}
        self.packages = Path(sysconfig.get_path("purelib", "venv", base))
        self._installing: subprocess.Popen[bytes] | None = None
        self._has_known_python = all(map(_is_plain, (sys.executable, self.python_executable)))

    def make_extra_environ(self) -> Mapping[str, str]:
        """Return the variables that select this environment instead of the one that runs this program."""
        return {"PATH": os.pathsep.join(filter(None, [self._scripts, os.environ.get("PATH")])), "PYTHONPATH": ""}

    def start(self, requirements: Collection[str], settings: UvBuildSettings) -> None:
        """
        Start to install requirements (PEP 508).

        uv would run a new environment's interpreter to ask for its version. It knows the one that runs this program.
        """
        if not requirements:
            return
        known = self._has_known_python
        python = sys.executable if known else self.python_executable
        self._installing = subprocess.Popen(  # noqa: S603 - no shell
            uv_install_command(python, requirements, settings, self._folder, into_folder=known),
            env=uv_variables(self._folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def finish(self) -> "UvEnvironment":
        """Return the environment once uv has ended; raises subprocess.CalledProcessError with its output."""
        if self._installing is not None:
            output, _ = self._installing.communicate()
            if self._installing.returncode:
                raise subprocess.CalledProcessError(self._installing.returncode, self._installing.args, output)
            if self._has_known_python:
                self._own_scripts()
        return self

    def stop(self) -> None:
        """End uv, where it still runs; `finish` then fails."""
        if self._installing is not None:
            self._installing.terminate()

    def keep_bytecode(self) -> None:
        """Keep the bytecode that imports compiled in this environment for later runs."""
        keep_bytecode(self.packages)

    def _own_scripts(self) -> None:
        """Make installed scripts start this environment's interpreter; uv wrote them for the one that it was given."""
        written = {f"#!{path}\n".encode() for path in (sys.executable, os.path.realpath(sys.executable))}
        for script in Path(self._scripts).iterdir():
            if script.is_symlink() or not script.is_file():
                continue  # the interpreter
            with script.open("rb") as file:
                is_written = file.readline(_LONGEST_PLAIN + 3) in written
                rest = file.read() if is_written else b""
            if is_written:
                replace_file(script, f"#!{self.python_executable}\n".encode() + rest)


def _is_plain(python: str) -> bool:
    """Return whether uv writes scripts for an interpreter that have its path, and nothing else, in their first line."""
    return os.name != "nt" and len(python) < _LONGEST_PLAIN and not set(python) & set(" \t\n'")


class _Builder(EnvBuilder):
    """Builder of a virtual environment without pip and activation scripts."""

    context: SimpleNamespace

    def setup_scripts(self, context: SimpleNamespace) -> None:
        """Write no scripts, and keep the paths of the environment."""
        self.context = context


def _settle(future: "Future[IsolatedEnv]", make: "Callable[[], IsolatedEnv]") -> None:
    try:
        future.set_result(make())
    except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
        future.set_exception(error)
