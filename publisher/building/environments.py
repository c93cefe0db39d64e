"""The isolated environments of a run: one for each set of build requirements, made once and then left as it is."""

import os
import shutil
import subprocess
import sysconfig
import threading
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import TYPE_CHECKING, Literal
from venv import EnvBuilder

if TYPE_CHECKING:
    from build.env import IsolatedEnv  # noqa: TID251 - makes the environments that building builds in

Installer = Literal["pip", "uv"]


class Environments:
    """
    Makes isolated environments, and shares each among all builds that require the same.

    Nothing is installed into an environment once a build uses it: builds that turn out to need more get another one.
    """

    def __init__(self, installer: Installer) -> None:
        self._start = self._start_with_uv if installer == "uv" else self._start_with_pip
        self._made: dict[frozenset[str], Future[IsolatedEnv]] = {}
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._stack = ExitStack()

    def begin(self, requirements: Collection[str]) -> None:
        """Make the environment with these requirements in the background, unless somebody does already."""
        if future := self._claim(frozenset(requirements)):
            finish = self._start(requirements)
            thread = threading.Thread(target=_settle, args=(future, finish), name="environment")
            self._threads.append(thread)
            thread.start()

    def get(self, requirements: Collection[str]) -> "IsolatedEnv":
        """
        Return the environment with these requirements (PEP 508), which is made now unless it was or is being made.

        Raises subprocess.CalledProcessError and what pypa/build raises when it can't be made, to everybody who asks.
        """
        key = frozenset(requirements)
        if future := self._claim(key):
            _settle(future, self._start(key))
        return self._made[key].result()

    def close(self) -> None:
        """Remove the environments, in the background: there may be many files."""
        threading.Thread(target=self._remove, name="removal").start()

    def _claim(self, key: frozenset[str]) -> "Future[IsolatedEnv] | None":
        """Return the future of an environment that the caller has to make; None when it is made by another."""
        with self._lock:
            if key in self._made:
                return None
            future = self._made[key] = Future()
            return future

    def _start_with_uv(self, requirements: Collection[str]) -> "Callable[[], IsolatedEnv]":
        folder = self._stack.enter_context(TemporaryDirectory(prefix="pypi-publish-env-", ignore_cleanup_errors=True))
        environment = UvEnvironment(Path(folder))
        self._stack.callback(environment.keep_bytecode)
        environment.start(requirements)
        return environment.finish

    def _start_with_pip(self, requirements: Collection[str]) -> "Callable[[], IsolatedEnv]":
        def make() -> "IsolatedEnv":
            from build.env import DefaultIsolatedEnv  # noqa: PLC0415, TID251 - opened when it is needed

            environment = self._stack.enter_context(DefaultIsolatedEnv(installer="pip"))
            environment.install(requirements)
            return environment

        return make

    def _remove(self) -> None:
        for thread in self._threads:
            thread.join()
        self._stack.close()


class UvEnvironment:
    """
    An isolated environment as pypa/build knows it, whose requirements are installed by uv while others work.

    What pypa/build does with uv, but that nothing is imported for it, and nobody waits, before uv runs.
    """

    def __init__(self, folder: Path) -> None:
        builder = _Builder(symlinks=os.name != "nt")
        builder.create(folder)
        self.python_executable: str = builder.context.env_exe
        self._folder = folder
        self._scripts: str = builder.context.bin_path
        base = {"base": str(folder), "platbase": str(folder)}
        self._packages = Path(sysconfig.get_path("purelib", "venv", base))
        self._installing: subprocess.Popen[bytes] | None = None

    def make_extra_environ(self) -> Mapping[str, str]:
        """Return the variables that make programs find the environment, and nothing of the one that this runs in."""
        return {"PATH": os.pathsep.join(filter(None, [self._scripts, os.environ.get("PATH")])), "PYTHONPATH": ""}

    def start(self, requirements: Collection[str]) -> None:
        """Begin to install requirements (PEP 508)."""
        if not requirements:
            return
        variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        if shutil.which("keyring"):
            variables.setdefault("UV_KEYRING_PROVIDER", "subprocess")
        self._installing = subprocess.Popen(  # noqa: S603 - no shell
            [find_uv() or "uv", "pip", "install", "--python", self.python_executable, "--", *sorted(requirements)],
            env={**variables, "VIRTUAL_ENV": str(self._folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def finish(self) -> "UvEnvironment":
        """Return the environment when all is installed; raises subprocess.CalledProcessError with uv's output."""
        if self._installing is not None:
            output, _ = self._installing.communicate()
            if self._installing.returncode:
                raise subprocess.CalledProcessError(self._installing.returncode, self._installing.args, output)
            from publisher.building.bytecode import restore_bytecode  # noqa: PLC0415 - after uv has begun

            restore_bytecode(self._packages)
        return self

    def keep_bytecode(self) -> None:
        """Keep for later runs what imports compiled in this environment."""
        from publisher.building.bytecode import keep_bytecode  # noqa: PLC0415

        keep_bytecode(self._packages)


def find_uv() -> str | None:
    """Return the path of uv, which may come from its package or from the search path; None where there is none."""
    try:
        import uv  # noqa: PLC0415, TID251 - an extra

        return uv.find_uv_bin()
    except (ImportError, FileNotFoundError):
        return shutil.which("uv")


class _Builder(EnvBuilder):
    """Makes a virtual environment without pip and activation scripts, and tells where its parts are."""

    context: SimpleNamespace

    def setup_scripts(self, context: SimpleNamespace) -> None:
        """Write no scripts; keep what is known of the environment."""
        self.context = context


def _settle(future: "Future[IsolatedEnv]", make: "Callable[[], IsolatedEnv]") -> None:
    try:
        future.set_result(make())
    except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
        future.set_exception(error)
