"""Facts about public names: in memory at once, in the package storage soon, and the same in every process."""

import asyncio
import json
import logging
from collections.abc import Mapping

import pytest

from publisher.server.upstream.policy.ledger import BATCHES, Allowance, Claim, Ledger
from tests.helpers.passing_on import DAY, Clock
from tests.helpers.waiting import eventually_async


class Records:
    """Records in memory, which may fail, and every request in order."""

    def __init__(self) -> None:
        self.found: dict[str, bytes] = {}
        self.asked: list[object] = []
        self.failure: Exception | None = None
        self.vanished: set[str] = set()

    async def keys(self, *, fresh: bool = False) -> set[str]:
        self.asked.append(("keys", fresh))
        return {*self.found, *self.vanished}

    async def read(self, key: str) -> bytes:
        self.asked.append(("read", key))
        if key in self.vanished:
            raise FileNotFoundError(key)
        return self.found[key]

    async def write(self, records: Mapping[str, bytes]) -> None:
        self.asked.append(("write", sorted(records)))
        if self.failure is not None:
            raise self.failure
        self.found.update(records)

    async def remove(self, keys: set[str]) -> None:
        for key in keys:
            self.found.pop(key, None)

    def kinds(self) -> list[str]:
        return sorted(key.partition("/")[0] for key in self.found)


def allowance(name: str = "foo", version: str = "1.0", until: float = 5.0) -> Allowance:
    return Allowance(name, version, until, "a fix", "root", 1.0)


def test_names_are_known_at_once_and_written_together_once(caplog: pytest.LogCaptureFixture) -> None:
    records = Records()

    async def scenario() -> None:
        ledger = Ledger(records, 0.02, Clock())
        for name in ("foo", "bar", "foo"):
            ledger.note_passed_on(name)
        ledger.note_first_seen("foo", ["foo-1.0.tar.gz", "foo-2.0.tar.gz"])
        assert ledger.passed_on == {"foo", "bar"}
        assert records.asked == []
        await eventually_async(lambda: bool(records.found))
        assert records.kinds() == ["first-seen", "passed-on"]
        await ledger.stop()
        assert len(records.found) == 2
        fresh = Ledger(records, 0.02, Clock())
        await fresh.refresh()
        assert fresh.passed_on == {"foo", "bar"}
        assert set(fresh.first_seen("foo")) == {"foo-1.0.tar.gz", "foo-2.0.tar.gz"}
        fresh.note_passed_on("foo")
        fresh.note_first_seen("foo", ["foo-1.0.tar.gz"])
        await fresh.stop()
        assert len(records.found) == 2

    asyncio.run(scenario())
    assert not caplog.records


def test_noted_facts_are_written_at_the_end() -> None:
    records = Records()

    async def scenario() -> None:
        ledger = Ledger(records, 3600.0, Clock())
        ledger.note_passed_on("foo")
        await ledger.stop()

    asyncio.run(scenario())
    assert [json.loads(data) for data in records.found.values()] == [{"foo": Clock().now}]


def test_facts_that_can_not_be_written_are_tried_again_with_later_ones(caplog: pytest.LogCaptureFixture) -> None:
    records = Records()
    records.failure = OSError("the disk is away")

    async def scenario() -> None:
        ledger = Ledger(records, 0.01, Clock())
        ledger.note_passed_on("foo")
        await eventually_async(lambda: len(records.asked) == 1)
        ledger.note_passed_on("bar")
        records.failure = None
        await eventually_async(lambda: bool(records.found))
        await ledger.stop()

    with caplog.at_level(logging.WARNING):
        asyncio.run(scenario())
    assert "the disk is away" in caplog.text
    assert {name for data in records.found.values() for name in json.loads(data)} == {"foo", "bar"}


def test_many_batches_become_one_that_says_the_same() -> None:
    records = Records()
    for number in range(BATCHES + 1):
        records.found[f"passed-on/{number:014d}-a"] = json.dumps(
            {f"name-{number}": 1.0, "both": float(number)}
        ).encode()
    records.found.update({f"first-seen/{number:014d}-a": b'{"foo/foo-1.tar.gz": 9.0}' for number in range(BATCHES)})
    records.found["passed-on/00000000000000-broken"] = b"{"
    records.vanished = {"passed-on/00000000000000-gone"}

    async def scenario() -> None:
        ledger = Ledger(records, 1.0, Clock())
        await ledger.refresh()
        assert len(ledger.passed_on) == BATCHES + 2
        joined = [key for key in records.found if key.startswith("passed-on/")]
        assert len(joined) == 1
        assert json.loads(records.found[joined[0]])["both"] == 0.0
        assert len(json.loads(records.found[joined[0]])) == BATCHES + 2
        assert records.kinds().count("first-seen") == BATCHES
        records.vanished, records.asked = set(), []
        await ledger.refresh()
        assert records.asked == [("keys", False)]  # the joined one is known already
        fresh = Ledger(records, 1.0, Clock())
        await fresh.refresh()
        assert fresh.passed_on == ledger.passed_on

    asyncio.run(scenario())


def test_the_earliest_sight_of_a_file_counts_wherever_it_was() -> None:
    records = Records()
    for moment in (3.0, 2.0, 4.0):
        records.found[f"first-seen/{moment}"] = json.dumps({"foo/foo-1.0.tar.gz": moment}).encode()

    async def scenario() -> None:
        ledger = Ledger(records, 3600.0, Clock())
        ledger.note_first_seen("foo", ["foo-1.0.tar.gz"])
        before = ledger.revision
        await ledger.refresh()
        assert ledger.first_seen("foo") == {"foo-1.0.tar.gz": 2.0}
        assert ledger.revision > before
        assert ledger.first_seen("bar") == {}
        await ledger.stop()

    asyncio.run(scenario())


def test_exceptions_and_claims_reach_others_and_so_does_their_end() -> None:
    records = Records()

    async def scenario() -> None:
        one, two = Ledger(records, 1.0, Clock()), Ledger(records, 1.0, Clock())
        await one.allow(allowance())
        await one.allow(allowance(version=""))
        await one.allow(allowance("bar", "2.0"))
        await one.claim(Claim("foo", "https://x.example/", "root", 1.0))
        before = two.revision
        await two.refresh()
        assert two.revision > before
        assert {each.version for each in two.allowances("foo")} == {"1.0", ""}
        assert two.claims == one.claims == {"foo": Claim("foo", "https://x.example/", "root", 1.0)}
        assert len(two.all_allowances()) == 3
        assert await two.disallow("foo", "1.0.0") == 1
        assert await two.disallow("foo", "1.0") == 0
        assert [each.version for each in two.allowances("foo")] == [""]
        assert await two.disallow("foo", "") == 1
        assert await two.disallow("bar", "") == 1
        del records.found["claimed/foo"]
        before = one.revision
        await one.refresh()
        assert one.revision > before
        assert (one.all_allowances(), one.claims) == ({}, {})

    asyncio.run(scenario())


def test_a_change_that_can_not_be_recorded_is_not_made() -> None:
    records = Records()
    records.failure = OSError("full")

    async def scenario() -> None:
        ledger = Ledger(records, 1.0, Clock())
        with pytest.raises(OSError, match="full"):
            await ledger.allow(allowance())
        with pytest.raises(OSError, match="full"):
            await ledger.claim(Claim("foo", "", "root", 1.0))
        assert (ledger.all_allowances(), ledger.claims, ledger.revision) == ({}, {}, 0)

    asyncio.run(scenario())


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"name": "foo"}', b'{"nonsense": 1}'])
@pytest.mark.parametrize("kind", ["allowed", "claimed"])
def test_a_damaged_record_harms_no_other(kind: str, data: bytes) -> None:
    records = Records()
    records.found = {f"{kind}/a": data, "passed-on/b": b'{"foo": 1.0}'}

    async def scenario() -> None:
        ledger = Ledger(records, 1.0, Clock())
        await ledger.refresh(fresh=True)
        assert ledger.passed_on == {"foo"}
        assert (ledger.all_allowances(), ledger.claims) == ({}, {})

    asyncio.run(scenario())
    assert records.asked[0] == ("keys", True)


@pytest.mark.parametrize(("version", "covered"), [("1.0", True), ("1", True), ("1.0.0", True), ("1.0.1", False)])
def test_an_exception_for_a_version_covers_all_ways_to_write_it(version: str, covered: bool) -> None:  # noqa: FBT001
    assert allowance().covers(version) is covered
    assert allowance(version="").covers(version)


def test_times_of_notes_are_the_clocks() -> None:
    records, clock = Records(), Clock()

    async def scenario() -> None:
        ledger = Ledger(records, 3600.0, clock)
        ledger.note_first_seen("foo", ["a"])
        clock.now += DAY
        ledger.note_first_seen("foo", ["a", "b"])
        assert ledger.first_seen("foo") == {"a": clock.now - DAY, "b": clock.now}
        await ledger.stop()

    asyncio.run(scenario())
