"""Accelerated builds: shared environments, kept bytecode, and hooks that are forked from a warm interpreter."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from subprocess import SubprocessError
from typing import TYPE_CHECKING

from publisher.building.engine import BuildContext, BuildEngine, DistributionKind, Installer
from publisher.building.environments import Environments
from publisher.building.hooks import AccelerationError
from publisher.building.runners import RunnerKey, RunnerPool
from publisher.building.uv import UvBuildSettings
from publisher.errors import PublishError
from publisher.project.pyproject import build_backend_module

if TYPE_CHECKING:
    from publisher.building.pypa_build import IsolatedEnv, ProjectBuilder


class FastEngine(BuildEngine):
    """pypa/build with every acceleration; its own failures raise AccelerationError."""

    def __init__(self, installer: Installer) -> None:
        self._environments = Environments(installer)
        self._runners = RunnerPool()

    def prepare(
        self,
        source: Path,
        requirements: Collection[str],
        settings: UvBuildSettings,
        variables: Callable[[], Mapping[str, str]],
    ) -> None:
        """Start to set up the environment in the background, and a process for the hooks in it."""
        with _accelerating():
            key = RunnerKey(frozenset(requirements), settings, build_backend_module(source), ())
            self._environments.begin(requirements, settings, self._runners.early(key, variables))

    def build(self, source: Path, kind: DistributionKind, out_dir: Path, context: BuildContext) -> Path:
        """Build one distribution; a backend that asks for more than the table says gets another environment."""
        from publisher.building.pypa_build import (  # noqa: PLC0415 - imported while uv installs
            BuildBackendException,
            ProjectBuilder,
        )

        required = ProjectBuilder(source).build_system_requires  # validates [build-system], runs no hook
        try:
            with self._builder(required, source, context) as builder:
                more = builder.get_requires_for_build(kind) - required
                if not more:
                    return Path(builder.build(kind, out_dir))
            with self._builder(required | more, source, context) as builder:
                return Path(builder.build(kind, out_dir))
        except BuildBackendException as error:
            if isinstance(error.exception, AccelerationError):
                raise error.exception from error
            raise

    def close(self) -> None:
        """End the processes, and remove the environments in the background."""
        self._runners.close()
        self._environments.close()

    @contextmanager
    def _builder(self, requirements: set[str], source: Path, context: BuildContext) -> "Iterator[ProjectBuilder]":
        from publisher.building.pypa_build import ProjectBuilder  # noqa: PLC0415 - imported while uv installs

        environment = self._environment(requirements, context.settings)
        key = RunnerKey(
            frozenset(requirements),
            context.settings,
            build_backend_module(source),
            tuple(sorted(context.variables.items())),
        )
        with _accelerating():
            runner = self._runners.borrow(environment, key)
        try:
            runner.on_output = context.on_output
            yield ProjectBuilder.from_isolated_env(environment, source, runner)
        finally:
            self._runners.give_back(key, runner)

    def _environment(self, requirements: set[str], settings: UvBuildSettings) -> "IsolatedEnv":
        with _accelerating():
            return self._environments.get(requirements, settings)


@contextmanager
def _accelerating() -> Iterator[None]:
    """Turn unforeseen failures into AccelerationError; failed installers and stopped builds are foreseen."""
    try:
        yield
    except (PublishError, SubprocessError, AccelerationError):
        raise
    except Exception as error:
        from publisher.building.pypa_build import BuildException, FailedProcessError  # noqa: PLC0415 - as above

        if isinstance(error, BuildException | FailedProcessError):
            raise
        raise AccelerationError(f"{type(error).__name__}: {error}") from error
