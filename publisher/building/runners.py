"""Pool of hook runners, reused while warm by builds with the same backend."""

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from publisher.building.hooks import HookRunner, hook_variables, open_runner
from publisher.building.preload import HookImports
from publisher.building.uv import UvBuildSettings
from publisher.errors import BuildFailedError

if TYPE_CHECKING:
    from publisher.building.pypa_build import IsolatedEnv

_IDLE_LIMIT = 4
"""Number of idle runners to keep."""


@dataclass(frozen=True)
class RunnerKey:
    """Equal for two builds that may share a runner, one after the other."""

    requirements: frozenset[str]
    settings: UvBuildSettings
    backend: str | None
    variables: tuple[tuple[str, str], ...]


class RunnerPool:
    """
    Runners of the hooks of all builds.

    The modules that the hooks of one build import are preloaded by the runners of others like it.
    """

    def __init__(self) -> None:
        self._is_closed = False
        self._lock = threading.Lock()
        self._busy: set[HookRunner] = set()
        self._idle: list[tuple[RunnerKey, HookRunner]] = []
        self._imports = HookImports()

    def borrow(self, environment: "IsolatedEnv", key: RunnerKey) -> HookRunner:
        """Return a runner for an environment, an idle one where there is one; raises BuildFailedError once closed."""
        with self._lock:
            found = next((pair for pair in self._idle if pair[0] == key), None)
            if found:
                self._idle.remove(found)
            if self._is_closed:
                raise BuildFailedError("The build was stopped.")
            runner = found[1] if found else self._open(key, environment)
            self._busy.add(runner)
            return runner

    def give_back(self, key: RunnerKey, runner: HookRunner) -> None:
        """Return a borrowed runner to the pool."""
        with self._lock:
            if key.backend is not None:
                self._imports.learn(key.requirements, key.backend, runner.imported())
            self._busy.discard(runner)
            self._idle.append((key, runner))
            if len(self._idle) > _IDLE_LIMIT:
                self._idle.pop(0)[1].close()

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            self._is_closed = True
            runners = [*self._busy, *(runner for _, runner in self._idle)]
        for runner in runners:
            runner.close()
        self._imports.keep()

    def _open(self, key: RunnerKey, environment: "IsolatedEnv") -> HookRunner:
        variables = {**hook_variables(), **(environment.make_extra_environ() or {}), **dict(key.variables)}
        runner = open_runner(environment.python_executable, variables)
        if key.backend is not None:
            runner.preload(self._imports.recall(key.requirements, key.backend))
        return runner
