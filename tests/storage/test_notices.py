"""Notices of changes: when a container has to reload, and when it may stop."""

import pytest

from publisher.server.storage.notices import LONGEST_COMMIT, Notices
from tests.helpers.memory_bucket import running
from tests.storage.worlds import MemoryDict


async def _must_reload(notices: Notices) -> bool:
    """Look, and reload where that is needed."""
    look = await notices.look()
    if look.reload:
        notices.brought_in(look)
    return look.reload


async def _states(entries: MemoryDict, name: str = "packages") -> list[str]:
    return sorted(state for state, _ in (await entries.items(f"changes/{name}/")).values())


@running
async def test_a_change_is_pending_until_it_has_ended_and_is_brought_in_once_more() -> None:
    entries = MemoryDict()
    one, other = Notices(entries, "packages"), Notices(entries, "packages")
    assert not await _must_reload(other)
    await one.begin()
    assert await _states(entries) == ["pending"]
    assert [await _must_reload(other) for _ in range(3)] == [True] * 3
    assert not await _must_reload(one)  # its own change is known
    await one.end()
    assert await _states(entries) == ["settled"]
    assert [await _must_reload(other) for _ in range(3)] == [True, False, False]


@running
async def test_a_change_between_two_looks_is_noticed() -> None:
    entries = MemoryDict()
    one, other = Notices(entries, "packages"), Notices(entries, "packages")
    for _ in range(2):
        await one.begin()
        await one.end()
        assert await _must_reload(other)
        assert not await _must_reload(other)


@running
async def test_a_reload_that_failed_is_needed_again() -> None:
    entries = MemoryDict()
    one, other = Notices(entries, "packages"), Notices(entries, "packages")
    await one.begin()
    await one.end()
    for _ in range(2):
        assert (await other.look()).reload
    assert await _must_reload(other)
    assert not (await other.look()).reload


@running
async def test_a_change_after_the_look_of_a_reload_is_not_taken_for_brought_in() -> None:
    entries = MemoryDict()
    one, other = Notices(entries, "packages"), Notices(entries, "packages")
    await one.begin()
    await one.end()
    look = await other.look()
    await one.begin()
    await one.end()
    other.brought_in(look)
    assert await _must_reload(other)


@running
async def test_a_container_with_two_changes_is_settled_after_both() -> None:
    entries = MemoryDict()
    notices = Notices(entries, "packages")
    await notices.begin()
    await notices.begin()
    await notices.end()
    assert await _states(entries) == ["pending"]
    await notices.end()
    assert await _states(entries) == ["settled"]


@running
async def test_changes_of_another_storage_are_none_of_this_one() -> None:
    entries = MemoryDict()
    await Notices(entries, "accounts").begin()
    assert not await _must_reload(Notices(entries, "packages"))
    assert await _must_reload(Notices(entries, "accounts"))


@running
async def test_a_change_that_could_not_be_announced_was_not_begun() -> None:
    class Failing(MemoryDict):
        fails = True

        async def put(self, key: str, value: object) -> None:
            if self.fails:
                raise RuntimeError
            await super().put(key, value)

    entries = Failing()
    notices = Notices(entries, "packages")
    with pytest.raises(RuntimeError):
        await notices.begin()
    entries.fails = False
    await notices.begin()
    await notices.end()
    assert await _states(entries) == ["settled"]


@running
async def test_a_writer_that_was_killed_is_given_up_after_the_longest_commit_and_one_more_reload() -> None:
    entries = MemoryDict()
    dead, notices = Notices(entries, "packages"), Notices(entries, "packages", longest_commit=0.0)
    patient = Notices(entries, "packages")
    await dead.begin()
    assert [await _must_reload(notices) for _ in range(4)] == [True, True, False, False]
    assert [await _must_reload(patient) for _ in range(4)] == [True] * 4
    await dead.end()  # it was only slow
    assert [await _must_reload(notices) for _ in range(2)] == [True, False]
    await dead.begin()  # which is another change, with a time of its own
    assert [await _must_reload(notices) for _ in range(3)] == [True, True, False]
    assert LONGEST_COMMIT > 60
