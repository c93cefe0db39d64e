"""The isolated environments of a run: one for each set of build requirements, made once and then left as it is."""

import threading
from collections.abc import Collection
from concurrent.futures import Future
from contextlib import ExitStack
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from build.env import DefaultIsolatedEnv  # noqa: TID251 - makes the environments that building builds in

Installer = Literal["pip", "uv"]


class Environments:
    """
    Makes isolated environments, and shares each among all builds that require the same.

    Nothing is installed into an environment once a build uses it: builds that turn out to need more get another one.
    """

    def __init__(self, installer: Installer) -> None:
        self._installer = installer
        self._made: dict[frozenset[str], Future[DefaultIsolatedEnv]] = {}
        self._lock = threading.Lock()
        self._stack = ExitStack()

    def get(self, requirements: Collection[str]) -> "DefaultIsolatedEnv":
        """
        Return the environment with these requirements (PEP 508); a second caller waits for the first one's.

        Raises what pypa/build raises when it can't be made, to everybody who asks for it.
        """
        key = frozenset(requirements)
        with self._lock:
            future = self._made.get(key)
            is_first = future is None
            if future is None:
                future = self._made[key] = Future()
        if is_first:
            try:
                future.set_result(self._make(key))
            except BaseException as error:
                future.set_exception(error)
                raise
        return future.result()

    def close(self) -> None:
        """Remove the environments."""
        self._stack.close()

    def _make(self, requirements: frozenset[str]) -> "DefaultIsolatedEnv":
        from build.env import DefaultIsolatedEnv  # noqa: PLC0415, TID251 - opened when it is needed

        environment = DefaultIsolatedEnv(installer=self._installer)
        environment.__enter__()
        with self._lock:
            self._stack.push(environment)
        environment.install(sorted(requirements))
        return environment
