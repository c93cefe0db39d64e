import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from publisher.server.settings import Denial, UpstreamSource
from publisher.server.upstream.admin import InvalidRequestError, UpstreamAdmin
from publisher.server.upstream.errors import WithheldError
from tests.helpers.passing_on import DAY, Clock, filenames, find, page, passing_on, settings_for
from tests.helpers.upstream import FakeUpstream

OLD = "2024-01-01T00:00:00.000000Z"


def days_ago(clock: Clock, days: float) -> str:
    return datetime.fromtimestamp(clock.now - days * DAY, UTC).isoformat()


def date_of(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()


def test_a_young_file_is_hidden_refused_and_ripens_without_a_fetch(fake: FakeUpstream, tmp_path: Path) -> None:
    clock = Clock()
    old = fake.add(tmp_path, "foo", "1.0", uploaded=OLD)
    young = fake.add(tmp_path, "foo", "2.0", uploaded=days_ago(clock, 1))

    async def scenario() -> None:
        async with passing_on(settings_for(fake, tmp_path, cooldown=3 * DAY), clock=clock) as upstream:
            shown = await page(upstream, "foo")
            assert [file["filename"] for file in shown["files"]] == [old.filename]
            assert shown["versions"] == ["1.0"]
            first = await upstream.page("foo", "", as_json=True)
            assert upstream.is_right(first.basis)
            with pytest.raises(WithheldError, match=r"cooldown of 3 days hides it until 20\d\d-\d\d-\d\d"):
                await find(upstream, young.path)
            asked = len(fake.requests)
            clock.now += 2 * DAY + 1
            assert not upstream.is_right(first.basis)
            assert await filenames(upstream, "foo") == [old.filename, young.filename]
            await find(upstream, young.path)
            assert fake.count("page") <= asked + 1  # the stale page was asked for again, behind the answer
            assert fake.count("file") == 0

    asyncio.run(scenario())


def test_a_file_without_a_time_is_not_old_enough(fake: FakeUpstream, tmp_path: Path) -> None:
    file = fake.add(tmp_path, "foo", uploaded=None)
    clock = Clock()

    async def scenario() -> None:
        async with passing_on(settings_for(fake, tmp_path, cooldown=DAY), clock=clock) as upstream:
            assert await filenames(upstream, "foo") == []
            clock.now += 100 * DAY
            with pytest.raises(WithheldError, match="no upload time"):
                await find(upstream, file.path)

    asyncio.run(scenario())


def test_first_seen_counts_only_where_it_is_chosen_and_is_remembered(fake: FakeUpstream, tmp_path: Path) -> None:
    clock = Clock()
    timeless = fake.add(tmp_path, "foo", "1.0", uploaded=None)
    young = fake.add(tmp_path, "foo", "2.0", uploaded=days_ago(clock, 0))
    source = UpstreamSource(f"{fake.url}simple/", first_seen=True)
    settings = settings_for(fake, tmp_path, cooldown=2 * DAY, sources=(source,))

    async def scenario() -> None:
        async with passing_on(settings, clock=clock) as upstream:
            assert await filenames(upstream, "foo") == []
        clock.now += DAY
        async with passing_on(settings, clock=clock) as upstream:  # another process, with what was recorded
            assert await filenames(upstream, "foo") == []
            clock.now += DAY + 1
            assert await filenames(upstream, "foo") == [timeless.filename, young.filename]

    asyncio.run(scenario())


def test_an_exception_is_for_a_version_has_an_end_and_reaches_other_processes(
    fake: FakeUpstream, tmp_path: Path
) -> None:
    clock = Clock()
    fixed = fake.add(tmp_path, "foo", "2.1", uploaded=days_ago(clock, 0))
    other = fake.add(tmp_path, "foo", "2.2", uploaded=days_ago(clock, 0))
    settings = settings_for(fake, tmp_path, cooldown=30 * DAY)

    async def scenario() -> None:
        async with passing_on(settings, clock=clock) as upstream, passing_on(settings, clock=clock) as elsewhere:
            before = await upstream.page("foo", "", as_json=True)
            await UpstreamAdmin(upstream).allow("Foo", "2.1.0", date_of(clock.now + DAY), "a fix", "root")
            assert not upstream.is_right(before.basis)
            assert await filenames(upstream, "foo") == [fixed.filename]
            await find(upstream, fixed.path)
            await elsewhere.refresh_ledger()
            assert await filenames(elsewhere, "foo") == [fixed.filename]
            with pytest.raises(WithheldError):
                await find(elsewhere, other.path)
            answer = await upstream.page("foo", "", as_json=True)
            clock.now += DAY + 1
            assert not upstream.is_right(answer.basis)
            assert await filenames(upstream, "foo") == []

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("foo", "2001-01-01", "why"), "past"),
        (("foo", "soon", "why"), "not a date"),
        (("foo", "2100-01-01", " "), "reason"),
        (("foo", "2100-01-01", "two\nlines"), "reason"),
        (("a b", "2100-01-01", "why"), "name"),
    ],
)
def test_an_exception_needs_a_name_a_reason_and_an_end(
    fake: FakeUpstream, tmp_path: Path, asked: tuple[str, str, str], message: str
) -> None:
    name, until, reason = asked

    async def scenario() -> None:
        async with passing_on(settings_for(fake, tmp_path)) as upstream:
            with pytest.raises(InvalidRequestError, match=message):
                await UpstreamAdmin(upstream).allow(name, "", until, reason, "root")

    asyncio.run(scenario())


def test_denied_quarantined_and_malicious_files_are_withheld_at_any_age(fake: FakeUpstream, tmp_path: Path) -> None:
    for version in ("1.0", "2.0"):
        fake.add(tmp_path, "foo", version)
        fake.add(tmp_path, "bar", version)
        fake.add(tmp_path, "evil", version)
        fake.add(tmp_path, "worse", version)
    fake.page_extra["bar"] = {"project-status": {"status": "quarantined"}}
    blocked = tmp_path / "malicious.txt"
    blocked.write_text("# from the security team\nevil==2.0  # steals tokens\nWorse\n")
    settings = settings_for(fake, tmp_path, denials=(Denial("foo", "<2", "too old"),), malicious=blocked)

    async def scenario() -> None:
        async with passing_on(settings) as upstream:
            assert await filenames(upstream, "foo") == ["foo-2.0-py3-none-any.whl"]
            assert await filenames(upstream, "bar") == []
            assert await filenames(upstream, "evil") == ["evil-1.0-py3-none-any.whl"]
            assert await filenames(upstream, "worse") == []
            with pytest.raises(WithheldError, match="too old"):
                await find(upstream, fake.projects["foo"][0].path)
            with pytest.raises(WithheldError, match="steals tokens"):
                await find(upstream, fake.projects["evil"][1].path)
            with pytest.raises(WithheldError, match="quarantined"):
                await find(upstream, fake.projects["bar"][0].path)

    asyncio.run(scenario())
