"""A page that was rendered at an earlier run is answered as it is only while the same page would be made again."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from publisher.server.settings import Denial, UpstreamSettings
from publisher.server.upstream.pages import early
from publisher.server.upstream.service import PublicPage
from tests.helpers.passing_on import DAY, QUICK, Clock, filenames, find, passing_on, settings_for
from tests.helpers.upstream import FakeUpstream


def add_releases(fake: FakeUpstream, folder: Path, clock: Clock, days: int = 6) -> None:
    """Add a release for each of the last days, the oldest first; together their page is long enough to be zipped."""
    for number in range(days, 0, -1):
        born = datetime.fromtimestamp(clock.now - number * DAY, UTC).isoformat()
        fake.add(folder, "foo", f"1.{days - number}", uploaded=born)


async def ask(settings: UpstreamSettings, clock: Clock) -> PublicPage:
    """Return the page of a run of its own."""
    async with passing_on(settings, clock=clock) as upstream:
        return await upstream.page("foo", "", as_json=True)


def names_on(found: PublicPage) -> list[str]:
    return [file["filename"] for file in json.loads(found.rendered.body)["files"]]


def rendered_file(settings: UpstreamSettings) -> Path:
    return settings.cache / "pages" / "foo.rendered"


def test_a_start_answers_without_making_the_page_again(
    fake: FakeUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, clock = settings_for(fake, tmp_path, cooldown=2.5 * DAY), Clock()
    add_releases(fake, tmp_path, clock)
    first = asyncio.run(ask(settings, clock))
    monkeypatch.setattr(early, "render", lambda *_, **__: pytest.fail("the page was made again"))
    newest = fake.projects["foo"][3]

    async def again() -> PublicPage:
        async with passing_on(settings, clock=clock) as upstream:
            found = await upstream.page("foo", "", as_json=True)
            assert upstream.is_right(found.basis)
            monkeypatch.setattr(upstream.pages, "parsed", lambda *_: pytest.fail("the page was parsed again"))
            assert (await find(upstream, newest.path)).file.filename == newest.filename
            return found

    second = asyncio.run(again())
    assert second.rendered.body == first.rendered.body
    assert (second.rendered.tag, second.rendered.until) == (first.rendered.tag, first.rendered.until)
    assert fake.count("page") == 1


@pytest.mark.parametrize(
    ("change", "moved", "shown"),
    [
        (lambda settings: settings, 0.0, 4),
        (lambda settings: settings._replace(cooldown=0.0), 0.0, 6),
        (lambda settings: settings._replace(cooldown=4.5 * DAY), 0.0, 2),
        (lambda settings: settings._replace(denials=(Denial("f*", "==1.0", "broken"),)), 0.0, 3),
        (lambda settings: settings, DAY, 5),
        (lambda settings: settings, -DAY, 3),
    ],
    ids=["nothing", "no cooldown", "a longer cooldown", "a denial", "a day later", "a clock that was ahead"],
)
def test_what_changed_between_two_runs_counts(
    fake: FakeUpstream,
    tmp_path: Path,
    change: Callable[[UpstreamSettings], UpstreamSettings],
    moved: float,
    shown: int,
) -> None:
    limits = QUICK._replace(fresh_least=10 * DAY, fresh_most=10 * DAY)
    settings, clock = settings_for(fake, tmp_path, cooldown=2.5 * DAY, limits=limits), Clock()
    add_releases(fake, tmp_path, clock)
    assert len(names_on(asyncio.run(ask(settings, clock)))) == 4
    assert rendered_file(settings).exists()
    clock.now += moved
    assert len(names_on(asyncio.run(ask(change(settings), clock)))) == shown


def test_another_page_of_upstream_is_not_answered_by_the_old_one(fake: FakeUpstream, tmp_path: Path) -> None:
    settings, clock = settings_for(fake, tmp_path), Clock()
    add_releases(fake, tmp_path, clock)
    asyncio.run(ask(settings, clock))
    kept = rendered_file(settings).read_bytes()
    fake.add(tmp_path, "foo", "2.0")

    async def refresh() -> None:
        async with passing_on(settings, clock=clock) as upstream:
            source = upstream.policy.source_of("foo")
            assert source is not None
            await upstream.pages.refresh("foo", source)
            await upstream.pages.saved("foo")

    asyncio.run(refresh())
    rendered_file(settings).write_bytes(kept)  # as after an end between two writes
    assert len(names_on(asyncio.run(ask(settings, clock)))) == 7


@pytest.mark.parametrize("damage", [b"", b"{}\n", b"null\n", b"[]", b"{\xff\n", None])
def test_a_damaged_rendering_is_made_again(fake: FakeUpstream, tmp_path: Path, damage: bytes | None) -> None:
    settings, clock = settings_for(fake, tmp_path), Clock()
    add_releases(fake, tmp_path, clock)
    first = asyncio.run(ask(settings, clock))
    whole = rendered_file(settings).read_bytes()
    rendered_file(settings).write_bytes(whole[:-1] + b"?" if damage is None else damage)
    assert asyncio.run(ask(settings, clock)).rendered.body == first.rendered.body
    assert rendered_file(settings).read_bytes() == whole  # and stored again
    assert fake.count("page") == 1


def test_files_without_digests_are_looked_up_at_every_start(fake: FakeUpstream, tmp_path: Path) -> None:
    settings, clock = settings_for(fake, tmp_path), Clock()
    add_releases(fake, tmp_path, clock)
    fake.add(tmp_path, "foo", "2.0", extra={"hashes": {}})
    asyncio.run(ask(settings, clock))
    assert not rendered_file(settings).exists()


def test_a_removed_project_leaves_nothing(fake: FakeUpstream, tmp_path: Path) -> None:
    settings, clock = settings_for(fake, tmp_path), Clock()
    add_releases(fake, tmp_path, clock)
    asyncio.run(ask(settings, clock))
    assert rendered_file(settings).exists()

    async def remove() -> None:
        async with passing_on(settings, clock=clock) as upstream:
            upstream.page_store.remove("foo")
            upstream.pages.forget("foo")
            fake.projects["foo"] = fake.projects["foo"][:1]
            assert len(await filenames(upstream, "foo")) == 1

    asyncio.run(remove())
    assert not rendered_file(settings).exists()  # a page this short is not stored
