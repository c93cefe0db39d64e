import asyncio
import os
from pathlib import Path

import pytest

from publisher.server.settings import UpstreamSource
from publisher.server.upstream.client import PageReply
from publisher.server.upstream.errors import NotUpstreamError, UpstreamUnavailableError
from tests.helpers.passing_on import DAY, QUICK, Clock, Owned, filenames, page, passing_on, settings_for
from tests.helpers.upstream import FakeUpstream
from tests.helpers.waiting import eventually_async


def test_everything_that_upstream_says_is_passed_on(fake: FakeUpstream, tmp_path: Path) -> None:
    said = {
        "yanked": "broken",
        "requires-python": ">=3.9",
        "provenance": "https://public.example/integrity/foo",
        "some-day": {"a": 1},
    }
    file = fake.add(tmp_path, "foo", extra=said)
    fake.page_extra["foo"] = {
        "project-status": {"status": "archived"},
        "alternate-locations": ["https://elsewhere.example/"],
        "meta": {"api-version": "1.7", "_last-serial": 5},
    }

    async def scenario() -> None:
        async with passing_on(settings_for(fake, tmp_path)) as upstream:
            found = await page(upstream, "foo")
            assert found["meta"] == {"api-version": "1.7", "_last-serial": 5}
            assert found["project-status"] == {"status": "archived"}
            assert "alternate-locations" not in found
            entry = fake.entry(file)
            assert found["files"] == [{**entry, "url": "/-/public/" + file.path.removeprefix("/packages/")}]
            html = (await upstream.page("foo", "/pypi", as_json=False)).rendered.body.decode()
            assert 'data-yanked="broken"' in html
            assert f'href="/pypi/-/public/{file.path.removeprefix("/packages/")}#sha256={file.sha256}"' in html

    asyncio.run(scenario())


def test_one_request_serves_everybody_who_asks(fake: FakeUpstream, tmp_path: Path) -> None:
    fake.add(tmp_path, "foo")

    async def scenario() -> None:
        async with passing_on(settings_for(fake, tmp_path)) as upstream:
            await asyncio.gather(*(filenames(upstream, "foo") for _ in range(20)))
            assert fake.count("page") == 1

    asyncio.run(scenario())


def test_a_stale_page_is_answered_at_once_and_asked_for_behind(fake: FakeUpstream, tmp_path: Path) -> None:
    clock = Clock()
    fake.add(tmp_path, "foo", "1.0")

    async def scenario() -> None:
        async with passing_on(settings_for(fake, tmp_path), clock=clock) as upstream:
            assert len(await filenames(upstream, "foo")) == 1
            fake.add(tmp_path, "foo", "2.0")
            clock.now += 601
            assert len(await filenames(upstream, "foo")) == 1
            await eventually_async(lambda: fake.count("page") == 2 and not upstream.pages.is_refreshing("foo"))
            assert len(await filenames(upstream, "foo")) == 2
            clock.now += 601
            await filenames(upstream, "foo")
            await eventually_async(lambda: fake.count("page") == 3)
            assert "if-none-match" in fake.headers_of("page")[-1]  # metadata may have been requested in the meantime

    asyncio.run(scenario())


@pytest.mark.parametrize(("said", "seconds"), [("max-age=1", 300), ("max-age=86400", 1800), ("no-cache", 600)])
def test_how_long_a_page_is_fresh_is_upstreams_word_within_bounds(
    fake: FakeUpstream, tmp_path: Path, said: str, seconds: int
) -> None:
    clock = Clock()
    fake.add(tmp_path, "foo")
    fake.cache_control = said

    async def scenario() -> None:
        async with passing_on(settings_for(fake, tmp_path), clock=clock) as upstream:
            await filenames(upstream, "foo")
            clock.now += seconds - 1
            await filenames(upstream, "foo")
            assert not upstream.pages.is_refreshing("foo")
            assert fake.count("page") == 1
            clock.now += 2
            await filenames(upstream, "foo")
            await eventually_async(lambda: fake.count("page") == 2)

    asyncio.run(scenario())


def test_a_project_that_upstream_lost_is_believed_the_second_time(fake: FakeUpstream, tmp_path: Path) -> None:
    clock = Clock()
    fake.add(tmp_path, "foo")

    async def scenario() -> None:
        async with passing_on(settings_for(fake, tmp_path), clock=clock) as upstream:
            await filenames(upstream, "foo")
            del fake.projects["foo"]
            source = await upstream.source_of("foo")
            await upstream.pages.refresh("foo", source)
            assert len(await filenames(upstream, "foo")) == 1
            clock.now += 301
            with pytest.raises(NotUpstreamError):
                await upstream.pages.refresh("foo", source)
            with pytest.raises(NotUpstreamError):
                await filenames(upstream, "foo")

    asyncio.run(scenario())


def test_an_unknown_project_is_remembered_for_a_while(fake: FakeUpstream, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with passing_on(settings_for(fake, tmp_path)) as upstream:
            for _ in range(3):
                with pytest.raises(NotUpstreamError):
                    await filenames(upstream, "foo")
            assert fake.requests == ["/simple/foo/"]

    asyncio.run(scenario())


def test_an_old_page_is_better_than_none(fake: FakeUpstream, tmp_path: Path) -> None:
    clock = Clock()
    fake.add(tmp_path, "foo")

    async def scenario() -> None:
        async with passing_on(settings_for(fake, tmp_path), clock=clock) as upstream:
            await filenames(upstream, "foo")
            clock.now += 30 * DAY
            fake.faults["page"] = "503"
            assert len(await filenames(upstream, "foo")) == 1
            assert fake.count("page") == 2  # after a week, upstream is asked first

    asyncio.run(scenario())


def test_the_breaker_leaves_a_failing_upstream_alone(fake: FakeUpstream, tmp_path: Path) -> None:
    fake.faults["page"] = "503"
    limits = QUICK._replace(breaker_failures=3)

    async def scenario() -> None:
        async with passing_on(settings_for(fake, tmp_path, limits=limits)) as upstream:
            for number in range(10):
                with pytest.raises(UpstreamUnavailableError):
                    await filenames(upstream, f"foo-{number}")
            assert fake.count("page") == 3
            assert upstream.state()[0]["status"] == "failing"

    asyncio.run(scenario())


def test_a_damaged_cache_is_fetched_anew(fake: FakeUpstream, tmp_path: Path) -> None:
    fake.add(tmp_path, "foo")
    settings = settings_for(fake, tmp_path)

    async def scenario() -> None:
        async with passing_on(settings) as upstream:
            await filenames(upstream, "foo")
        stored = settings.cache / "pages" / "foo.page"
        stored.write_bytes(stored.read_bytes()[:-20])
        async with passing_on(settings) as upstream:
            assert len(await filenames(upstream, "foo")) == 1

    asyncio.run(scenario())


def test_a_page_that_is_confirmed_while_it_is_found_damaged_is_fetched_anew(
    fake: FakeUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.add(tmp_path, "foo")
    settings = settings_for(fake, tmp_path)
    clock = Clock()

    async def scenario() -> None:
        async with passing_on(settings, clock=clock) as upstream:
            await filenames(upstream, "foo")
        stored = settings.cache / "pages" / "foo.page"
        stored.write_bytes(stored.read_bytes()[:-20])
        os.utime(stored, (clock.now, clock.now))
        clock.now += QUICK.fresh_most + 1
        async with passing_on(settings, clock=clock) as upstream:
            statuses = []
            damaged = asyncio.Event()
            ask, remove = upstream.context.client.page, upstream.page_store.remove
            loop = asyncio.get_running_loop()

            async def answer_late(source: UpstreamSource, url: str, etag: str) -> PageReply:
                reply = await ask(source, url, etag)
                statuses.append(reply.status)
                if reply.status == 304:
                    await damaged.wait()
                return reply

            def remove_and_tell(name: str) -> bool:
                loop.call_soon_threadsafe(damaged.set)
                return remove(name)

            monkeypatch.setattr(upstream.context.client, "page", answer_late)
            monkeypatch.setattr(upstream.page_store, "remove", remove_and_tell)
            assert len(await filenames(upstream, "foo")) == 1
            assert statuses == [304, 200]

    asyncio.run(scenario())


def test_a_name_of_ours_is_never_asked_for(fake: FakeUpstream, tmp_path: Path) -> None:
    file = fake.add(tmp_path, "foo")
    owned = Owned()

    async def scenario() -> None:
        async with passing_on(settings_for(fake, tmp_path), owned=owned) as upstream:
            answer = await upstream.page("foo", "", as_json=True)
            asked = len(fake.requests)
            owned.names.add("foo")
            assert not upstream.is_right(answer.basis)
            tail, _, filename = file.path.removeprefix("/packages/").rpartition("/")
            for question in (upstream.page("foo", "", as_json=True), upstream.find(tail, filename)):
                with pytest.raises(NotUpstreamError):
                    await question
            assert len(fake.requests) == asked

    asyncio.run(scenario())


def test_a_name_is_published_here_while_upstream_answers(fake: FakeUpstream, tmp_path: Path) -> None:
    fake.add(tmp_path, "foo")

    class OwnedOnceAsked(Owned):
        async def is_owned(self, name: str) -> bool:
            owned = name in self.names
            self.names.add(name)
            return owned

    async def scenario() -> None:
        async with passing_on(settings_for(fake, tmp_path), owned=OwnedOnceAsked()) as upstream:
            with pytest.raises(NotUpstreamError):
                await filenames(upstream, "foo")
            assert fake.requests == ["/simple/foo/"]
            assert "foo" not in upstream.ledger.passed_on

    asyncio.run(scenario())


def test_names_that_were_passed_on_need_a_claim_in_every_process(fake: FakeUpstream, tmp_path: Path) -> None:
    fake.add(tmp_path, "foo")
    fake.projects["empty"] = []
    settings = settings_for(fake, tmp_path)

    async def scenario() -> None:
        async with passing_on(settings) as upstream:
            await filenames(upstream, "foo")
            await filenames(upstream, "empty")
        async with passing_on(settings) as upstream:
            assert await upstream.needs_claim("foo")
            assert not await upstream.needs_claim("empty")
            assert not await upstream.needs_claim("bar")

    asyncio.run(scenario())
