"""Coalesced work: one run serves all requests made before it began."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

_Result = TypeVar("_Result")


class Coalesced(Generic[_Result]):
    """Work whose run serves all requests made before it began; later ones get the next run."""

    def __init__(self, work: Callable[[], Awaitable[_Result]]) -> None:
        self._work = work
        self._one = asyncio.Lock()
        self._next: asyncio.Task[_Result] | None = None
        self.began = float("-inf")
        """The monotonic time at which the newest successful run began."""

    async def __call__(self, since: float | None = None) -> _Result | None:
        """Return the result of a run that begins after this call; None when one has begun after ``since`` already."""
        if since is not None and self.began > since:
            return None
        if self._next is None:
            self._next = asyncio.create_task(self._run())
        return await asyncio.shield(self._next)

    @property
    def is_idle(self) -> bool:
        """Whether no run is under way or asked for."""
        return self._next is None and not self._one.locked()

    async def _run(self) -> _Result:
        async with self._one:
            self._next = None
            began = time.monotonic()
            result = await self._work()
            self.began = began
            return result
