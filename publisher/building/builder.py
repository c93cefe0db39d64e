"""Building projects: the sdist, and the wheel from that sdist, in isolated environments."""

import os
import shutil
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

from publisher.building.environments import Environments, Installer, find_uv
from publisher.building.hooks import HookRunner, Tell, ignore, open_runner
from publisher.building.preload import HookImports
from publisher.epoch import source_date_epoch
from publisher.errors import BuildFailedError, ConfigurationError
from publisher.files.atomic import replacing
from publisher.project.distributions import Kind
from publisher.project.pyproject import read_pyproject

if TYPE_CHECKING:
    from types import ModuleType

    from build import ProjectBuilder  # noqa: TID251
    from build.env import IsolatedEnv  # noqa: TID251

_IDLE_LIMIT = 4
"""Processes with an imported backend that wait for the next build like theirs."""

_HOOK_NAMES: Mapping[Kind, Literal["sdist", "wheel"]] = {Kind.SDIST: "sdist", Kind.WHEEL: "wheel"}


def usable_processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


@dataclass(frozen=True)
class BuildOptions:
    """
    How to build: what installs the requirements, which kinds, and whether the backend's output is passed on.

    ``jobs`` is how many projects are built at the same time.
    """

    installer: Installer
    kinds: frozenset[Kind] = frozenset(Kind)
    show_output: bool = False
    jobs: int = field(default_factory=usable_processors)


def default_installer() -> Installer:
    """Return uv where it is on the path or importable, else pip."""
    return "uv" if find_uv() else "pip"


def build_project(project: Path, out_dir: Path, options: BuildOptions) -> list[Path]:
    """Build one project as `Builder.build` does, with environments of its own."""
    with closing(Builder(options)) as builder:
        return builder.build(project, out_dir)


class Builder:
    """
    Builds projects, several at a time when several threads ask, in environments that they share.

    `close` ends what still runs and removes the environments.
    """

    def __init__(self, options: BuildOptions) -> None:
        self.options = options
        self._environments = Environments(options.installer)
        self._runners = _Runners()

    def get_ready(self, projects: Iterable[Path]) -> None:
        """Begin to make the environments that the projects' tables ask for; what is wrong with them `build` tells."""
        for requirements in {frozenset(required) for project in projects if (required := _declared(project))}:
            self._environments.begin(requirements)

    def build(self, project: Path, out_dir: Path, tell: Tell = ignore) -> list[Path]:
        """
        Build a project's sdist and, from that sdist, its wheel, and return the files, which then are in ``out_dir``.

        The files appear in ``out_dir`` when all of them are complete. Uses pypa/build's `ProjectBuilder` with any PEP
        517 backend; the backend sees SOURCE_DATE_EPOCH (see `publisher.epoch`). ``tell`` gets what the backend prints.

        Raises ConfigurationError when the folder is no Python project or its ``[build-system]`` is invalid,
        BuildFailedError when an environment can't be set up or the backend fails.
        """
        require_project(project)
        manner = _Manner(source_date_epoch(project), tell)
        with TemporaryDirectory(prefix="pypi-publish-") as temporary:
            built: list[Path] = []
            source = project
            if Kind.SDIST in self.options.kinds:
                built.append(self._build_one(project, Kind.SDIST, Path(temporary, "sdist"), manner))
            if Kind.WHEEL in self.options.kinds:
                if built:
                    source = _unpack(built[0], Path(temporary, "source"))
                built.append(self._build_one(source, Kind.WHEEL, Path(temporary, "wheel"), manner))
            return _move(built, out_dir)

    def close(self) -> None:
        """End the builds that run, which then fail, and remove the environments."""
        self._runners.close()
        self._environments.close()

    def _build_one(self, source: Path, kind: Kind, out_dir: Path, manner: "_Manner") -> Path:
        """Build one distribution in an environment that has what its ``[build-system]`` and its backend require."""
        import build  # noqa: PLC0415, TID251 - the only door to build, opened when it is needed

        name = _HOOK_NAMES[kind]
        with _told_as_failure(name, build):
            required = build.ProjectBuilder(source).build_system_requires  # proves [build-system]; runs no hook
            with self._builder(required, source, manner) as builder:
                more = builder.get_requires_for_build(name) - required
                if not more:
                    return Path(builder.build(name, out_dir))
            with self._builder(required | more, source, manner) as builder:
                return Path(builder.build(name, out_dir))

    @contextmanager
    def _builder(self, requirements: set[str], source: Path, manner: "_Manner") -> Iterator["ProjectBuilder"]:
        import build  # noqa: PLC0415, TID251

        isolated = self._environments.get(requirements)
        wanted = _HooksOf(frozenset(requirements), _backend_module(source), manner.epoch)
        with self._runners.taken(isolated, wanted) as runner:
            runner.tell = manner.tell
            yield build.ProjectBuilder.from_isolated_env(isolated, source, runner)


@dataclass(frozen=True)
class _Manner:
    """What is particular to the build of one project: its SOURCE_DATE_EPOCH, and who is told what is printed."""

    epoch: str | None
    tell: Tell


@dataclass(frozen=True)
class _HooksOf:
    """What must be the same for two builds to share a runner of hooks, one after the other."""

    requirements: frozenset[str]
    backend: str | None
    epoch: str | None


class _Runners:
    """
    The runners of hooks of all builds: each build has its own while it lasts, then the next like it takes it over.

    What the hooks of one build imported, the runners of the others import beforehand.
    """

    def __init__(self) -> None:
        self._is_closed = False
        self._lock = threading.Lock()
        self._busy: set[HookRunner] = set()
        self._idle: list[tuple[_HooksOf, HookRunner]] = []
        self._imports = HookImports()

    @contextmanager
    def taken(self, isolated: "IsolatedEnv", wanted: _HooksOf) -> Iterator[HookRunner]:
        """Lend what runs the hooks of a backend in an environment."""
        with self._lock:
            found = next((pair for pair in self._idle if pair[0] == wanted), None)
            if found:
                self._idle.remove(found)
            if self._is_closed:
                raise BuildFailedError("The build was stopped.")
            runner = found[1] if found else self._open(wanted, isolated)
            self._busy.add(runner)
        try:
            yield runner
        finally:
            self._take_back(wanted, runner)

    def close(self) -> None:
        """End the processes."""
        with self._lock:
            self._is_closed = True
            runners = [*self._busy, *(runner for _, runner in self._idle)]
        for runner in runners:
            runner.close()
        self._imports.keep()

    def _take_back(self, wanted: _HooksOf, runner: HookRunner) -> None:
        with self._lock:
            if wanted.backend is not None:
                self._imports.learn(wanted.requirements, wanted.backend, runner.imported())
            self._busy.discard(runner)
            self._idle.append((wanted, runner))
            if len(self._idle) > _IDLE_LIMIT:
                self._idle.pop(0)[1].close()

    def _open(self, wanted: _HooksOf, isolated: "IsolatedEnv") -> HookRunner:
        variables = {} if wanted.epoch is None else {"SOURCE_DATE_EPOCH": wanted.epoch}
        environment = {**os.environ, **(isolated.make_extra_environ() or {}), **variables}
        runner = open_runner(isolated.python_executable, environment)
        if wanted.backend is not None:
            runner.import_beforehand(self._imports.recall(wanted.requirements, wanted.backend))
        return runner


def _declared(project: Path) -> list[str] | None:
    """Return the requirements that ``[build-system]`` declares; None where it does not in a valid way."""
    try:
        match read_pyproject(project):
            case {"build-system": {"requires": [*required]}} if all(isinstance(each, str) for each in required):
                return required
    except ConfigurationError:
        pass
    return None


def _backend_module(source: Path) -> str | None:
    """Return the module of an installed backend, which can be imported beforehand; None for a folder's own."""
    table = read_pyproject(source).get("build-system", {})
    if "backend-path" in table:
        return None
    return str(table.get("build-backend", "setuptools.build_meta")).partition(":")[0]


def require_project(project: Path) -> None:
    """
    Return when a folder can be built.

    Raises ConfigurationError when it does not exist or holds neither pyproject.toml nor setup.py.
    """
    if not project.is_dir():
        state = "is a file, not a folder" if project.exists() else "does not exist"
        hint = "Give the folder that holds pyproject.toml; built files are published with `pypi-publish upload`."
        raise ConfigurationError(f"The project folder {project} {state}.", hint=hint)
    if not any((project / name).is_file() for name in ("pyproject.toml", "setup.py")):
        raise ConfigurationError(
            f"The folder {project.resolve()} holds no Python project: there is no pyproject.toml in it.",
            hint="Give the folder that holds pyproject.toml, for example `pypi-publish packages/acme-widgets`.",
        )


@contextmanager
def _told_as_failure(kind: str, build: "ModuleType") -> Iterator[None]:
    """Turn what pypa/build raises into the errors of this package, with the output of what failed."""
    try:
        yield
    except build.BuildSystemTableValidationError as error:
        raise ConfigurationError(f"[build-system] in pyproject.toml is invalid: {error}.") from error
    except build.BuildBackendException as error:
        output = _output_of(error.exception)
        raise BuildFailedError(
            f"The build backend could not make the {kind}: {_last_line(output) or error.exception}",
            hint="The backend's own output stands above; -v shows it while it runs.",
            output=output,
        ) from error
    except build.BuildException as error:
        raise ConfigurationError(f"{error}.") from error
    except (subprocess.CalledProcessError, build.FailedProcessError) as error:
        output = _output_of(error)
        raise BuildFailedError(
            f"The build requirements of the {kind} could not be installed: {_last_line(output) or error}",
            hint="Check `requires` in [build-system], and that pip or uv can reach the index that has them.",
            output=output,
        ) from error


def _output_of(error: BaseException) -> str:
    """Return the end of what the failed process printed, as text."""
    for cause in (error, getattr(error, "exception", None), error.__cause__):
        if isinstance(cause, subprocess.CalledProcessError):
            streams = [part for part in (cause.stdout, cause.stderr) if part]
            text = "\n".join(part.decode(errors="replace") if isinstance(part, bytes) else part for part in streams)
            return text.strip()
    return ""


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _unpack(sdist: Path, target: Path) -> Path:
    """Unpack an sdist and return the one folder in it."""
    try:
        if sdist.suffix == ".zip":
            with zipfile.ZipFile(sdist) as archive:
                archive.extractall(target)  # noqa: S202 - the backend's own archive, from this machine
        else:
            with tarfile.open(sdist) as archive:
                archive.extractall(target, filter="data")
    except (tarfile.TarError, zipfile.BadZipFile, OSError) as error:
        raise BuildFailedError(f"The backend's sdist {sdist.name} can't be unpacked: {error}") from error
    folders = list(target.iterdir())
    if len(folders) != 1 or not folders[0].is_dir():
        raise BuildFailedError(f"The backend's sdist {sdist.name} does not hold exactly one folder.")
    return folders[0]


def _move(files: Iterable[Path], out_dir: Path) -> list[Path]:
    """Put complete files into the output folder, each in one step."""
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        placed = []
        for file in files:
            with file.open("rb") as built, replacing(out_dir / file.name) as copy:
                shutil.copyfileobj(built, copy)
            placed.append(out_dir / file.name)
    except OSError as error:
        raise BuildFailedError(
            f"The built files could not be put into {out_dir}: {error.strerror or error}."
        ) from error
    return placed
