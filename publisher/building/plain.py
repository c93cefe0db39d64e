"""Builds as pypa/build does them: one environment for each distribution, one interpreter for each hook."""

import subprocess
import threading
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from publisher.building.engine import BuildContext, BuildEngine, DistributionKind, Installer
from publisher.building.hooks import SubprocessHookRunner, hook_variables
from publisher.building.installer import install_with_pip
from publisher.building.pypa_build import DefaultIsolatedEnv, ProjectBuilder
from publisher.building.uv import UvBuildSettings, uv_install_command, uv_variables
from publisher.errors import BuildFailedError
from publisher.waiting import waiting_for


class PlainEngine(BuildEngine):
    """pypa/build without acceleration."""

    def __init__(self, installer: Installer) -> None:
        self._installer = installer
        self._lock = threading.Lock()
        self._running: set[SubprocessHookRunner] = set()
        self._is_closed = False

    def prepare(
        self,
        source: Path,
        requirements: Collection[str],
        settings: UvBuildSettings,
        variables: Callable[[], Mapping[str, str]],
    ) -> None:
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
                self._install(environment, builder.build_system_requires, context)
                self._install(environment, builder.get_requires_for_build(kind), context)
                return Path(builder.build(kind, out_dir))
            finally:
                self._running.discard(runner)

    def close(self) -> None:
        """End the hooks that run."""
        with self._lock:
            self._is_closed = True
            for runner in self._running:
                runner.close()

    def _install(self, environment: DefaultIsolatedEnv, requirements: Collection[str], context: BuildContext) -> None:
        if requirements:
            with waiting_for(f"{self._installer} to install {', '.join(sorted(requirements))}"):
                self._install_now(environment, requirements, context)

    def _install_now(
        self, environment: DefaultIsolatedEnv, requirements: Collection[str], context: BuildContext
    ) -> None:
        if self._installer == "pip":
            install_with_pip(environment, requirements)
            return
        with TemporaryDirectory(prefix="pypi-publish-uv-") as folder:
            command = uv_install_command(environment.python_executable, requirements, context.settings, Path(folder))
            variables = uv_variables(Path(environment.path))
            subprocess.run(command, env=variables, stdin=subprocess.DEVNULL, capture_output=True, check=True)  # noqa: S603

    def _start(self, runner: SubprocessHookRunner) -> None:
        with self._lock:
            if self._is_closed:
                raise BuildFailedError("The build was stopped.")
            self._running.add(runner)
