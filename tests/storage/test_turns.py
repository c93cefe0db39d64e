"""Turns within one process: one holder of a name at a time, however many names there were."""

import asyncio
import gc

import pytest

from publisher.server.storage.errors import StorageUnavailableError
from publisher.server.storage.turns import LocalTurns


def test_one_holder_of_a_name_at_a_time() -> None:
    async def run() -> None:
        turns, inside, most = LocalTurns(), 0, 0

        async def hold(name: str) -> None:
            nonlocal inside, most
            turn = await turns.take(name, 1000)
            inside, most = inside + 1, max(most, inside + 1)
            await turns.take(f"another of {inside}", 1000)  # which is forgotten at once
            await asyncio.sleep(0)
            inside -= 1
            turn.release()

        waiting = asyncio.gather(*(hold("a name") for _ in range(50)))
        await asyncio.sleep(0)
        gc.collect()
        await waiting
        assert (inside, most) == (0, 1)

    asyncio.run(run())


def test_a_turn_that_is_not_free_in_time_is_refused() -> None:
    async def run() -> None:
        turns = LocalTurns()
        turn = await turns.take("a name", 10)
        with pytest.raises(StorageUnavailableError):
            await turns.take("a name", 0.01)
        turn.release()
        await turns.take("a name", 10)

    asyncio.run(run())
