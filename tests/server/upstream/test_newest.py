"""The metadata that an installer is expected to ask for comes while it still reads the page."""

import asyncio
from pathlib import Path

import pytest

from tests.helpers.passing_on import DAY, Clock, filenames, passing_on, settings_for
from tests.helpers.upstream import FakeUpstream
from tests.helpers.waiting import eventually_async


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        (["1.0"], "1.0"),
        (["1.10", "1.9"], "1.10"),
        (["2.0rc1", "1.0"], "1.0"),
        (["1.0", "1.0-1"], ""),  # two wheels of one version: which one depends on the client
        (["1.0.post1"], ""),
    ],
    ids=str,
)
def test_the_metadata_of_the_newest_release_is_asked_for_once(
    fake: FakeUpstream, tmp_path: Path, versions: list[str], expected: str
) -> None:
    files = {version: fake.add(tmp_path, "foo", version) for version in versions}

    async def scenario() -> None:
        async with passing_on(settings_for(fake, tmp_path)) as upstream:
            await filenames(upstream, "foo")
            if not expected:
                fake.add(tmp_path, "later")
                await filenames(upstream, "later")
                await eventually_async(lambda: fake.count("metadata") == 1)
                assert "later" in fake.requests[-1]
                return
            await eventually_async(lambda: fake.count("metadata") == 1)
            file = files[expected]
            tail, _, name = file.path.removeprefix("/packages/").rpartition("/")
            assert await upstream.metadata(await upstream.find(tail, name)) == file.metadata
            assert fake.count("metadata") == 1

    asyncio.run(scenario())


def test_no_metadata_of_a_withheld_release_is_asked_for(fake: FakeUpstream, tmp_path: Path) -> None:
    clock = Clock()
    old = fake.add(tmp_path, "foo", "1.0")
    fake.add(tmp_path, "foo", "2.0", uploaded="2026-09-21T00:00:00Z")

    async def scenario() -> None:
        async with passing_on(settings_for(fake, tmp_path, cooldown=10 * DAY), clock=clock) as upstream:
            assert await filenames(upstream, "foo") == [old.filename]
            await eventually_async(lambda: fake.count("metadata") == 1)
            assert fake.requests[-1] == f"{old.path}.metadata"

    asyncio.run(scenario())


def test_a_failed_prefetch_is_no_answer_before_it_is_requested(fake: FakeUpstream, tmp_path: Path) -> None:
    fake.add(tmp_path, "foo")
    fake.faults["metadata"] = "500"

    async def scenario() -> None:
        async with passing_on(settings_for(fake, tmp_path)) as upstream:
            assert len(await filenames(upstream, "foo")) == 1
            await eventually_async(lambda: fake.count("metadata") == 1)
            assert len(await filenames(upstream, "foo")) == 1
            assert fake.count("metadata") == 1

    asyncio.run(scenario())
