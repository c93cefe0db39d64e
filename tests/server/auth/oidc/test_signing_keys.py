"""The keys of an index: when a new one signs, which ones still verify, and how a process learns of another's."""

import asyncio
import json
from pathlib import Path

import pytest

from publisher.server.auth.oidc import signing_keys
from publisher.server.auth.oidc.signing_keys import KEY, ROTATED_AFTER, SigningKey, SigningKeys
from publisher.server.storage.folder import FolderStorage


class Clock:
    """Seconds since 1970, and monotonic ones, that go on when a test says so."""

    def __init__(self) -> None:
        self.now = 1_790_000_000.0
        self.elapsed = 1000.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.elapsed


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(signing_keys, "time", found)
    return found


def process(folder: Path, clock: Clock) -> SigningKeys:
    return SigningKeys(FolderStorage(folder), clock.time)


def test_a_first_key_is_made_and_kept(tmp_path: Path, clock: Clock) -> None:
    async def work() -> None:
        keys = process(tmp_path, clock)
        assert await keys.find("any") is None
        made = await keys.current()
        assert (len(made.secret), len(made.key_id), made.created) == (32, 8, clock.now)
        assert await keys.current() == made
        assert await keys.find(made.key_id) == made
        assert await process(tmp_path, clock).current() == made
        assert len(json.loads((tmp_path / KEY).read_text())["keys"]) == 1

    asyncio.run(work())


def test_a_key_that_signs_is_found_without_a_lease(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        keys = process(tmp_path, clock)
        made = await keys.current()
        monkeypatch.setattr(signing_keys, "rewrite_alone", None)
        clock.now += ROTATED_AFTER - 1
        assert await keys.current() == made

    asyncio.run(work())


def test_processes_that_find_the_key_too_old_make_one_new_key(tmp_path: Path, clock: Clock) -> None:
    async def work() -> None:
        first, second = process(tmp_path, clock), process(tmp_path, clock)
        old = await first.current()
        assert await second.current() == old
        clock.now += ROTATED_AFTER
        new = await first.current()
        assert new != old
        assert await second.current() == new  # its copy still ends with the old one
        assert len(json.loads((tmp_path / KEY).read_text())["keys"]) == 2

    asyncio.run(work())


def test_a_key_signs_for_a_week_and_verifies_for_another(tmp_path: Path, clock: Clock) -> None:
    async def work() -> None:
        keys = process(tmp_path, clock)
        made: list[SigningKey] = []
        for _ in range(3):
            made.append(await keys.current())
            clock.now += ROTATED_AFTER - 1
            assert await keys.current() == made[-1]
            clock.now += 1
        assert len({each.key_id for each in made}) == len({each.secret for each in made}) == 3
        assert await process(tmp_path, clock).find(made[0].key_id) is None
        clock.elapsed += 10
        assert [await keys.find(each.key_id) for each in made] == [None, *made[1:]]
        assert [each["id"] for each in json.loads((tmp_path / KEY).read_text())["keys"]] == [
            each.key_id for each in made[1:]
        ]

    asyncio.run(work())


def test_processes_that_need_a_new_key_at_a_time_make_one(tmp_path: Path, clock: Clock) -> None:
    async def work() -> None:
        made = await asyncio.gather(*(process(tmp_path, clock).current() for _ in range(4)))
        assert len({each.key_id for each in made}) == 1
        one, other = process(tmp_path, clock), process(tmp_path, clock)
        await one.current()
        await other.current()
        clock.now += ROTATED_AFTER
        assert await one.current() == await other.current() != made[0]

    asyncio.run(work())


def test_an_unknown_key_is_looked_for_once_a_second(tmp_path: Path, clock: Clock) -> None:
    async def work() -> None:
        keys = process(tmp_path, clock)
        first = await keys.current()
        assert await keys.find(first.key_id) == first
        clock.now += ROTATED_AFTER
        second = await process(tmp_path, clock).current()
        assert await keys.find(second.key_id) == second, "another process has made it"
        clock.now += ROTATED_AFTER
        third = await process(tmp_path, clock).current()
        clock.elapsed += 1.0
        assert await keys.find(third.key_id) is None
        clock.elapsed += 0.1
        assert await keys.find(third.key_id) == third

    asyncio.run(work())


def test_a_known_key_is_found_without_waiting(tmp_path: Path, clock: Clock) -> None:
    async def work() -> None:
        keys = process(tmp_path, clock)
        made = await keys.current()
        assert keys.recent(made.key_id) is None, "it was written and not read yet"
        await keys.find(made.key_id)
        assert keys.recent(made.key_id) == made
        assert keys.recent("other") is None

    asyncio.run(work())
