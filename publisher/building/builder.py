"""Builds of whole projects: the sdist, and the wheel from that sdist."""

import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from publisher.building.engine import BuildContext, BuildEngine, DistributionKind, Installer
from publisher.building.fast import FastEngine
from publisher.building.hooks import AccelerationError, OutputCallback, ignore_output
from publisher.building.reproducible import VARIABLE, source_date_epoch
from publisher.building.uv import UvBuildSettings, find_uv, read_uv_settings
from publisher.errors import BuildFailedError, ConfigurationError
from publisher.project.kinds import Kind
from publisher.project.pyproject import declared_build_requirements, require_project

PLAIN_VARIABLE = "PYPI_PUBLISH_PLAIN_BUILDS"
"""Environment variable that turns acceleration off when it is ``1``."""

_KINDS: Mapping[Kind, DistributionKind] = {Kind.SDIST: "sdist", Kind.WHEEL: "wheel"}


def usable_processors() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


@dataclass(frozen=True)
class BuildOptions:
    """
    Installer of build requirements, kinds to build, and display of the backend's output.

    ``jobs`` is the number of projects that are built at the same time.
    """

    installer: Installer
    kinds: frozenset[Kind] = frozenset(Kind)
    show_output: bool = False
    jobs: int = field(default_factory=usable_processors)


def build_project(project: Path, out_dir: Path, options: BuildOptions) -> list[Path]:
    """Build one project as `Builder.build` does, in environments of its own."""
    with closing(Builder(options)) as builder:
        return builder.build(project, out_dir)


class Builder:
    """
    Builder of projects, which several threads may use.

    Raises ConfigurationError when the installer is missing.
    """

    def __init__(self, options: BuildOptions, warn: Callable[[str], None] | None = None) -> None:
        if options.installer == "uv" and find_uv() is None:
            raise ConfigurationError("uv is not installed.", hint="Install it, or use --installer pip.")
        self.options = options
        self._problems: list[str] = []
        self._warn = warn or self._problems.append
        self._choosing = threading.Lock()
        self._is_closed = False
        self._prepared: set[Path] = set()
        self._epochs: dict[Path, int | None] = {}
        self._is_plain = os.environ.get(PLAIN_VARIABLE) == "1"
        self._engine = self._open_engine()

    def report_to(self, warn: Callable[[str], None]) -> None:
        """Report problems that stop no build, also those so far."""
        self._warn = warn
        for problem in self._problems:
            warn(problem)
        self._problems.clear()

    def prepare(self, projects: Iterable[Path]) -> None:
        """Start to set up the environments of projects; `build` raises their failures."""
        engine = self._engine
        try:
            for project in projects:
                if project not in self._prepared and (required := declared_build_requirements(project)):
                    self._prepared.add(project)
                    engine.prepare(project, required, self._settings(project), partial(self._variables, project))
        except AccelerationError as error:
            self._fall_back(engine, error)

    def build(self, project: Path, out_dir: Path, on_output: OutputCallback = ignore_output) -> list[Path]:
        """
        Build a project's sdist and, from that sdist, its wheel; return the files in ``out_dir``.

        The files appear in ``out_dir`` when all of them are complete. Any PEP 517 backend works; it sees
        SOURCE_DATE_EPOCH (see `publisher.building.reproducible`). ``on_output`` receives the backend's output.

        Raises ConfigurationError when the folder is not a Python project or its ``[build-system]`` is invalid,
        BuildFailedError when an environment can't be set up or the backend fails.
        """
        from publisher.building.sdists import make_reproducible, unpack_sdist  # noqa: PLC0415 - uv installs meanwhile

        require_project(project)
        epoch = self._epoch(project)
        context = BuildContext(self._variables(project), on_output, self._settings(project))
        with TemporaryDirectory(prefix="pypi-publish-") as temporary:
            built: list[Path] = []
            source = project
            if Kind.SDIST in self.options.kinds:
                built.append(self._build_one(project, Kind.SDIST, Path(temporary, "sdist"), context))
                if epoch is not None:
                    make_reproducible(built[0], epoch)
            if Kind.WHEEL in self.options.kinds:
                if built:
                    source = unpack_sdist(built[0], Path(temporary, "source"))
                built.append(self._build_one(source, Kind.WHEEL, Path(temporary, "wheel"), context))
            return _place(built, out_dir)

    def close(self) -> None:
        """End running builds, which then fail, and remove the environments."""
        with self._choosing:
            self._is_closed = True
            self._engine.close()

    def _build_one(self, source: Path, kind: Kind, out_dir: Path, context: BuildContext) -> Path:
        from publisher.building.failures import translate_build_errors  # noqa: PLC0415 - imported while uv installs

        name = _KINDS[kind]
        engine = self._engine
        with translate_build_errors(name, self.options.installer):
            try:
                return engine.build(source, name, out_dir, context)
            except AccelerationError as error:
                self._fall_back(engine, error)
                return self._engine.build(source, name, out_dir, context)

    def _epoch(self, project: Path) -> int | None:
        """Return the time of a project's build, which is asked for once."""
        if project not in self._epochs:
            self._epochs[project] = source_date_epoch(project)
        return self._epochs[project]

    def _variables(self, project: Path) -> dict[str, str]:
        epoch = self._epoch(project)
        return {} if epoch is None else {VARIABLE: str(epoch)}

    def _settings(self, project: Path) -> UvBuildSettings:
        return read_uv_settings(project) if self.options.installer == "uv" else UvBuildSettings()

    def _fall_back(self, failed: BuildEngine, error: AccelerationError) -> None:
        """Replace a failed engine by the plain one, for all builds from now on."""
        with self._choosing:
            if failed is not self._engine:
                return  # another build already did
            self._warn(f"The acceleration of builds failed ({error}); building without it.")
            failed.close()
            self._is_plain = True
            self._engine = self._open_engine()
            if self._is_closed:
                self._engine.close()

    def _open_engine(self) -> BuildEngine:
        if not self._is_plain:
            return FastEngine(self.options.installer)
        from publisher.building.plain import PlainEngine  # noqa: PLC0415 - imports pypa/build, which the fast one delays

        return PlainEngine(self.options.installer)


def _place(files: Iterable[Path], out_dir: Path) -> list[Path]:
    """Put complete files into the output folder, each in one step."""
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        placed = []
        for file in files:
            beside = out_dir / f".{file.name}.part"
            shutil.copyfile(file, beside)
            placed.append(beside.replace(out_dir / file.name))
    except OSError as error:
        raise BuildFailedError(
            f"The built files could not be moved to {out_dir}: {error.strerror or error}."
        ) from error
    return placed
