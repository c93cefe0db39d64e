"""Builds as pypa/build does them: one environment for each distribution, one interpreter for each hook."""

import threading
from collections.abc import Collection
from pathlib import Path

from publisher.building.engine import BuildContext, BuildEngine, DistributionKind, Installer
from publisher.building.hooks import SubprocessHookRunner
from publisher.building.pypa_build import DefaultIsolatedEnv, ProjectBuilder
from publisher.building.surroundings import hook_variables, installer_settings
from publisher.errors import BuildFailedError


class PlainEngine(BuildEngine):
    """pypa/build without acceleration."""

    def __init__(self, installer: Installer) -> None:
        self._installer = installer
        self._lock = threading.Lock()
        self._running: set[SubprocessHookRunner] = set()
        self._is_closed = False

    def prepare(self, requirements: Collection[str]) -> None:
        """Do nothing: environments are not shared."""

    def build(self, source: Path, kind: DistributionKind, out_dir: Path, context: BuildContext) -> Path:
        """Build one distribution in an environment of its own."""
        with DefaultIsolatedEnv(installer=self._installer) as environment:
            variables = {**hook_variables(), **environment.make_extra_environ(), **context.variables}
            runner = SubprocessHookRunner(variables)
            runner.on_output = context.on_output
            builder = ProjectBuilder.from_isolated_env(environment, source, runner)
            self._start(runner)
            try:
                with installer_settings():
                    environment.install(builder.build_system_requires)
                required = builder.get_requires_for_build(kind)
                with installer_settings():
                    environment.install(required)
                return Path(builder.build(kind, out_dir))
            finally:
                self._running.discard(runner)

    def close(self) -> None:
        """End the hooks that run."""
        with self._lock:
            self._is_closed = True
            for runner in self._running:
                runner.close()

    def _start(self, runner: SubprocessHookRunner) -> None:
        with self._lock:
            if self._is_closed:
                raise BuildFailedError("The build was stopped.")
            self._running.add(runner)
