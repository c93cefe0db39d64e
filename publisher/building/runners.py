"""Pool of hook runners, reused while warm by builds with the same backend."""

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from publisher.building.bytecode import kept_bytecode
from publisher.building.hooks import CAN_FORK, ForkingHookRunner, HookRunner, hook_variables, open_runner
from publisher.building.preload import HookImports
from publisher.building.uv import UvBuildSettings
from publisher.errors import BuildFailedError, PublishError

if TYPE_CHECKING:
    from publisher.building.environments import UvEnvironment
    from publisher.building.pypa_build import IsolatedEnv

_IDLE_LIMIT = 4
"""Number of idle runners to keep."""


class RunnerKey(NamedTuple):
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
        self.imports = HookImports()

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

    def early(self, key: RunnerKey, variables: Callable[[], Mapping[str, str]]) -> "EarlyRunner | None":
        """Return a runner that is started before its environment is complete; None where that is not possible."""
        return EarlyRunner(self, key, variables) if CAN_FORK else None

    def adopt(self, runner: HookRunner) -> None:
        """Close a runner with the others from now on; raises BuildFailedError once closed."""
        with self._lock:
            self._busy.add(runner)
            if self._is_closed:
                runner.close()
                raise BuildFailedError("The build was stopped.")

    def give_back(self, key: RunnerKey, runner: HookRunner) -> None:
        """Return a borrowed runner to the pool."""
        with self._lock:
            if key.backend is not None:
                self.imports.learn(key.requirements, key.backend, runner.imported())
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
        self.imports.keep()

    def _open(self, key: RunnerKey, environment: "IsolatedEnv") -> HookRunner:
        variables = {**hook_variables(), **(environment.make_extra_environ() or {}), **dict(key.variables)}
        runner = open_runner(environment.python_executable, variables)
        if key.backend is not None:
            runner.preload(self.imports.recall(key.requirements, key.backend))
        return runner


class EarlyRunner:
    """
    A runner whose process starts while uv installs, and imports the standard library's modules that hooks need.

    It then imports the others, and is idle in the pool. ``variables`` may take a while: they are asked for meanwhile.
    """

    def __init__(self, pool: RunnerPool, key: RunnerKey, variables: Callable[[], Mapping[str, str]]) -> None:
        self._pool, self._key, self._variables = pool, key, variables
        self._runner: ForkingHookRunner | None = None

    def start(self, environment: "UvEnvironment") -> None:
        """Start the process."""
        runner = ForkingHookRunner(
            environment.python_executable, {**hook_variables(), **environment.make_extra_environ()}
        )
        self._pool.adopt(runner)
        if self._key.backend is not None:
            runner.preload(self._pool.imports.recall_standard(self._key.requirements, self._key.backend))
        self._runner = runner

    def go_on(self) -> None:
        """Find out the variables."""
        try:
            self._key = self._key._replace(variables=tuple(sorted(self._variables().items())))
        except PublishError:
            self._runner = None  # the build raises it

    def finish(self, environment: "UvEnvironment") -> bool:
        """Let the process import the packages that are installed, and give it to the pool."""
        runner, key = self._runner, self._key
        if runner is None:
            return False
        runner.set_up(environment.packages, kept_bytecode(), dict(key.variables))
        if key.backend is not None:
            runner.preload(self._pool.imports.recall(key.requirements, key.backend))
        self._pool.give_back(key, runner)
        return True
