"""Turns: a bounded number of jobs at a time, shared fairly among accounts or addresses, in a bounded queue."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager


class BusyError(Exception):
    """
    There is no turn now: the queue is full, or it took too long.

    ``message`` is the sentence for the client, ``retry_after`` the seconds after which trying again makes sense.
    """

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after


class FairTurns:
    """
    Gives out turns: at most ``running`` at a time and ``each`` of them to one key, while at most ``waiting`` wait.

    A turn that becomes free goes to the keys in rotation, so that one with many jobs delays another by one job only.
    ``name`` is the plural in refusals.
    """

    def __init__(self, name: str, *, running: int, waiting: int, each: int | None = None, patience: float) -> None:
        self._name = name
        self._free = running
        self._each = running if each is None else each
        self._limit = waiting
        self._patience = patience
        self._held: dict[Hashable, int] = {}
        self._queues: OrderedDict[Hashable, deque[asyncio.Future[None]]] = OrderedDict()
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """The number of jobs that wait for a turn."""
        return self._waiting

    @asynccontextmanager
    async def turn(self, key: Hashable) -> AsyncIterator[None]:
        """Hold a turn; raise BusyError where there is none in time."""
        await self._take(key)
        try:
            yield
        finally:
            self._give_back(key)

    async def _take(self, key: Hashable) -> None:
        if self._free and self._held.get(key, 0) < self._each:
            self._hold(key)
            return
        queue = self._queues.setdefault(key, deque())
        full = self._waiting >= self._limit and len(queue) >= self._share()
        if full or self._waiting >= 2 * self._limit:
            self._drop_if_empty(key)
            raise self._busy()
        turn = asyncio.get_running_loop().create_future()
        queue.append(turn)
        self._waiting += 1
        try:
            async with asyncio.timeout(self._patience):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():  # it came in the moment that the wait ended
                self._give_back(key)
            elif turn in queue:
                queue.remove(turn)
                self._waiting -= 1
                self._drop_if_empty(key)
            if isinstance(error, TimeoutError):
                raise self._busy() from None
            raise

    def _share(self) -> int:
        """Return how many jobs a key may have waiting once the queue is full: newcomers still find a place."""
        return max(1, self._limit // max(1, len(self._queues)) // 2)

    def _hold(self, key: Hashable) -> None:
        self._free -= 1
        self._held[key] = self._held.get(key, 0) + 1

    def _give_back(self, key: Hashable) -> None:
        self._free += 1
        self._held[key] -= 1
        if not self._held[key]:
            del self._held[key]
        for waiting in list(self._queues):
            if not self._free:
                return
            if self._held.get(waiting, 0) < self._each:
                self._pass_on(waiting)

    def _pass_on(self, key: Hashable) -> None:
        """Give a free turn to the first job of a key that still waits, and put the key behind the others."""
        queue = self._queues[key]
        while queue:
            turn = queue.popleft()
            self._waiting -= 1
            if not turn.done():  # else its client went away
                self._hold(key)
                turn.set_result(None)
                break
        self._queues.move_to_end(key)
        self._drop_if_empty(key)

    def _drop_if_empty(self, key: Hashable) -> None:
        if key in self._queues and not self._queues[key]:
            del self._queues[key]

    def _busy(self) -> BusyError:
        return BusyError(f"The index is busy with too many {self._name}; try again in a moment.", 5)
