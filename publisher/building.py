"""Building a project's sdist, and its wheel from that sdist, in isolated environments."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

from publisher.dists import Kind
from publisher.epoch import source_date_epoch
from publisher.errors import BuildFailedError, ConfigurationError

if TYPE_CHECKING:
    from types import ModuleType

Installer = Literal["pip", "uv"]

_HOOK_NAMES: Mapping[Kind, Literal["sdist", "wheel"]] = {Kind.SDIST: "sdist", Kind.WHEEL: "wheel"}


@dataclass(frozen=True)
class BuildOptions:
    """How to build: what installs the requirements, which kinds, and whether the backend's output is passed on."""

    installer: Installer
    kinds: frozenset[Kind] = frozenset(Kind)
    show_output: bool = False


def default_installer() -> Installer:
    """Return uv where it is on the path or importable, else pip."""
    return "uv" if shutil.which("uv") or find_spec("uv") else "pip"


def build_project(project: Path, out_dir: Path, options: BuildOptions) -> list[Path]:
    """
    Build a project's sdist and, from that sdist, its wheel, and return the files, which then are in ``out_dir``.

    The files appear in ``out_dir`` when all of them are complete. Uses pypa/build's `ProjectBuilder` with any PEP 517
    backend; the backend sees SOURCE_DATE_EPOCH (see `publisher.epoch`).

    Raises ConfigurationError when the folder is no Python project or its ``[build-system]`` is invalid,
    BuildFailedError when an environment can't be set up or the backend fails.
    """
    require_project(project)
    environment = {} if (epoch := source_date_epoch(project)) is None else {"SOURCE_DATE_EPOCH": epoch}
    with TemporaryDirectory(prefix="pypi-publish-") as temporary:
        built: list[Path] = []
        source = project
        if Kind.SDIST in options.kinds:
            built.append(_build(project, Kind.SDIST, Path(temporary, "sdist"), options, environment))
            source = _unpack(built[0], Path(temporary, "source")) if Kind.WHEEL in options.kinds else source
        if Kind.WHEEL in options.kinds:
            built.append(_build(source, Kind.WHEEL, Path(temporary, "wheel"), options, environment))
        return _move(built, out_dir)


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


def _build(source: Path, kind: Kind, out_dir: Path, options: BuildOptions, environment: Mapping[str, str]) -> Path:
    """Build one distribution in an environment of its own."""
    import build  # noqa: PLC0415, TID251 - the only door to build, opened when it is needed
    from build.env import DefaultIsolatedEnv  # noqa: PLC0415, TID251

    out_dir.mkdir()
    run = _Runner(environment, show_output=options.show_output)
    name = _HOOK_NAMES[kind]
    with _told_as_failure(name, build), DefaultIsolatedEnv(installer=options.installer) as isolated:
        builder = build.ProjectBuilder.from_isolated_env(isolated, source, runner=run)
        isolated.install(builder.build_system_requires)
        isolated.install(builder.get_requires_for_build(name))
        path = builder.build(name, out_dir)
    return Path(path)


class _Runner:
    """Runs the backend's hooks, and passes their output on to standard error where that is wanted."""

    def __init__(self, environment: Mapping[str, str], *, show_output: bool) -> None:
        self._environment = environment
        self._show_output = show_output

    def __call__(
        self, cmd: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None
    ) -> None:
        """Run one hook; raises subprocess.CalledProcessError, with the output, when it fails."""
        environment = {**os.environ, **(extra_environ or {}), **self._environment}
        lines: list[bytes] = []
        with subprocess.Popen(  # noqa: S603 - the command is pyproject_hooks' own
            cmd, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            for line in process.stdout or ():
                lines.append(line)
                if self._show_output:
                    sys.stderr.buffer.write(line)
                    sys.stderr.buffer.flush()
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, cmd, b"".join(lines))


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
            beside = out_dir / f".{file.name}.part"
            shutil.copyfile(file, beside)
            placed.append(beside.replace(out_dir / file.name))
    except OSError as error:
        raise BuildFailedError(
            f"The built files could not be put into {out_dir}: {error.strerror or error}."
        ) from error
    return placed
