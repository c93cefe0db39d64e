"""Leases in a shared dictionary: their numbers, who waits, who takes over, and what is left in the dictionary."""

import asyncio
import time
from collections.abc import Awaitable
from typing import Any

import pytest

from publisher.server.storage.dictlease import DictLease, DictLeases
from publisher.server.storage.errors import LeaseLostError, StorageUnavailableError
from tests.helpers.memory_bucket import running
from tests.storage.worlds import MemoryDict

LONG = 1000.0


async def _is_refused(leases: DictLeases, name: str, value: str = "", patience: float = 0.0) -> bool:
    try:
        async with leases.hold(name, value, patience):
            return False
    except StorageUnavailableError:
        return True


async def _until(entries: MemoryDict, key: str, beat: int) -> None:
    while (await entries.get(key))[1] != beat:  # noqa: ASYNC110 - another task writes it
        await asyncio.sleep(0)


@running
async def test_each_holder_has_the_next_number_and_says_when_it_has_ended() -> None:
    entries = MemoryDict()
    for number in (1, 2, 3):
        leases = DictLeases(entries)
        async with leases.hold("acme", "", 5.0) as lease:
            assert lease.number == number
            assert await entries.get(f"lease/acme#{number}") == (lease.holder, 0, "")
            assert await entries.get("lease/acme") == number
            await lease.check()
        assert await entries.get(f"lease/acme#{number}") == (lease.holder, -1, "")
    async with DictLeases(entries).hold("other", "", 5.0) as lease:
        assert lease.number == 1
    assert sorted(await entries.items("lease/acme")) == ["lease/acme", *(f"lease/acme#{n}" for n in (1, 2, 3))]


@running
async def test_a_held_lease_is_refused_to_others_but_for_the_same_value() -> None:
    entries = MemoryDict()
    async with DictLeases(entries, LONG).hold("acme", "digest", 5.0) as lease:
        for value, refused in (("", True), ("other", True), ("digest", False)):
            assert await _is_refused(DictLeases(entries, LONG), "acme", value) is refused
        await lease.check()  # the one that came later does the same
    async with DictLeases(entries, LONG).hold("empty", "", 5.0):
        assert await _is_refused(DictLeases(entries, LONG), "empty", "")


@running
async def test_two_of_one_process_hold_a_lease_one_after_the_other() -> None:
    entries = MemoryDict()
    leases = DictLeases(entries, LONG)
    async with leases.hold("acme", "same", 5.0):
        assert await _is_refused(leases, "acme", "same")
        assert not await _is_refused(leases, "other", "same")
    assert not await _is_refused(leases, "acme", "same")


@running
async def test_a_holder_that_dies_is_followed_once_its_entry_was_unchanged_for_a_lease() -> None:
    entries = MemoryDict()
    dead = DictLease(entries, "acme", "", 1)
    await entries.create(dead.key(1), dead.entry(7))  # it died before it wrote down its number
    assert await _is_refused(DictLeases(entries, LONG), "acme")
    began = time.monotonic()
    async with DictLeases(entries, 0.15).hold("acme", "", 30.0) as lease:
        assert time.monotonic() - began > 0.15
        assert lease.number == 2
        with pytest.raises(LeaseLostError, match="Send it again"):
            await dead.check()
        await lease.check()


@running
async def test_a_holder_whose_entry_changes_is_alive() -> None:
    class Living(MemoryDict):
        beat = 0

        async def get(self, key: str) -> Any:
            self.beat += 1
            return ("holder", self.beat, "") if key == "lease/acme#1" else await super().get(key)

    assert await _is_refused(DictLeases(Living(), 0.1), "acme", patience=0.25)


@pytest.mark.parametrize(("mine", "theirs", "lost"), [("", "", True), ("a", "b", True), ("a", "a", False)])
def test_a_lease_is_lost_to_a_later_one_of_another_value(mine: str, theirs: str, *, lost: bool) -> None:
    async def run() -> None:
        entries = MemoryDict()
        lease = DictLease(entries, "acme", mine, 4)
        for number, value in ((4, mine), (3, "old"), (6, "a gap")):
            await entries.put(lease.key(number), ("holder", 0, value))
        await lease.check()
        await entries.put(lease.key(5), ("another", -1, theirs))
        await entries.put(lease.key(6), ("another", -1, mine))
        if lost:
            with pytest.raises(LeaseLostError):
                await lease.check()
        else:
            await lease.check()
            await entries.put(lease.key(7), ("another", 0, "third"))
            with pytest.raises(LeaseLostError):
                await lease.check()

    asyncio.run(run())


@running
async def test_a_living_holder_renews_its_entry() -> None:
    entries = MemoryDict()
    async with DictLeases(entries, 0.003).hold("acme", "value", 5.0) as lease:
        for beat in (1, 2, 3):
            async with asyncio.timeout(20):
                await _until(entries, "lease/acme#1", beat)
        assert await entries.get("lease/acme#1") == (lease.holder, 3, "value")
    assert lease.renewing is not None
    await asyncio.wait([lease.renewing])
    assert await entries.get("lease/acme#1") == (lease.holder, -1, "value")


@running
async def test_a_lease_is_kept_until_a_commit_has_succeeded() -> None:
    entries = MemoryDict()
    leases, committed = DictLeases(entries, LONG), asyncio.Event()

    async def commit() -> None:
        await committed.wait()

    settled = asyncio.create_task(commit())
    async with leases.hold("acme", "", 5.0) as lease:
        lease.keep_until(settled)
    assert await entries.get("lease/acme#1") == (lease.holder, 0, "")
    assert await _is_refused(leases, "acme")
    assert await _is_refused(DictLeases(entries, LONG), "acme")
    committed.set()
    async with leases.hold("acme", "", 5.0) as lease:
        assert lease.number == 2
    assert (await entries.get("lease/acme#1"))[1] == -1


class _Failing(MemoryDict):
    """A dictionary whose next calls of a method fail."""

    failing = ""

    async def get(self, key: str) -> Any:
        return await self._done("get", super().get(key))

    async def put(self, key: str, value: Any) -> None:
        await self._done("put", super().put(key, value))

    async def create(self, key: str, value: Any) -> bool:
        return bool(await self._done("create", super().create(key, value)))

    async def _done(self, method: str, call: Awaitable[Any]) -> Any:
        found = await call
        if method == self.failing:
            raise RuntimeError(method)
        return found


@pytest.mark.parametrize("method", ["get", "create", "put"])
def test_without_the_dictionary_there_is_no_lease_and_the_turn_is_given_back(method: str) -> None:
    async def run() -> None:
        entries = _Failing()
        leases = DictLeases(entries, 0.01)
        entries.failing = method
        for _ in range(2):
            assert await _is_refused(leases, "acme", "value", 5.0)
        entries.failing = ""
        assert not await _is_refused(leases, "acme", "value", 5.0)

    asyncio.run(run())


@running
async def test_a_dictionary_that_fails_is_no_loss_of_a_lease_and_ends_nothing() -> None:
    entries = _Failing()
    leases = DictLeases(entries, LONG)
    async with leases.hold("acme", "", 5.0) as lease:
        entries.failing = "get"
        with pytest.raises(StorageUnavailableError) as unknown:
            await lease.check()
        assert not isinstance(unknown.value, LeaseLostError)
        entries.failing = "put"
    entries.failing = ""
    assert not await _is_refused(leases, "acme")


@running
async def test_a_failure_under_a_lease_gives_it_back() -> None:
    entries = MemoryDict()
    leases = DictLeases(entries, LONG)
    with pytest.raises(ZeroDivisionError):
        async with leases.hold("acme", "", 5.0):
            _ = 1 / 0
    assert not await _is_refused(DictLeases(entries, LONG), "acme")
    assert not await _is_refused(leases, "acme")
