"""The life of a public page: when upstream is asked for it, what is answered meanwhile, and what a failure means."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from publisher.server.settings import UpstreamSettings, UpstreamSource
from publisher.server.upstream.client import PageReply
from publisher.server.upstream.errors import NotUpstreamError, UpstreamUnavailableError
from publisher.server.upstream.pages import projects
from publisher.server.upstream.pages.projects import AHEAD, PageState
from publisher.server.upstream.policy.records import NoRecords
from publisher.server.upstream.service import Upstream
from tests.helpers.passing_on import QUICK, Clock, Owned
from tests.helpers.scripted_upstream import ScriptedClient

SOURCE = UpstreamSource("https://up.example/simple/")
LIMITS = QUICK._replace(fresh_least=100.0, fresh_default=200.0, fresh_most=300.0, stale=10_000.0, remembered=50.0)
DOWN = UpstreamUnavailableError("Upstream can't be reached: it is down.")


class Monotonic:
    """Monotonic seconds that go on when a test says so."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> Monotonic:
    """Return the monotonic clock of pages."""
    found = Monotonic()
    monkeypatch.setattr(projects, "time", found)
    return found


def reply(*versions: str, name: str = "foo", etag: str = '"tag"', max_age: int | None = None) -> PageReply:
    files = [
        {"filename": f"{name}-{each}.tar.gz", "url": f"https://up.example/packages/{name}-{each}.tar.gz", "hashes": {}}
        for each in versions
    ]
    body = json.dumps({"meta": {"api-version": "1.0"}, "name": name, "files": files}).encode()
    return PageReply(200, f"https://up.example/simple/{name}/", body, etag, max_age)


def status(number: int) -> PageReply:
    return PageReply(number, "https://up.example/simple/foo/")


class Process:
    """The pages of one process, and the upstream that it asks."""

    def __init__(self, folder: Path, clock: Clock, *answers: PageReply | Exception, **limits: Any) -> None:
        settings = UpstreamSettings((SOURCE,), folder / "cache", limits=LIMITS._replace(**limits))
        self.clock = clock
        self.upstream = Upstream(settings, NoRecords(), Owned(), clock)
        self.client = self.upstream.context.client = ScriptedClient(*answers)
        self.pages = self.upstream.pages

    async def get(self, name: str = "foo", source: UpstreamSource = SOURCE) -> PageState:
        return await self.pages.get(name, source)

    async def versions(self, name: str = "foo", source: UpstreamSource = SOURCE) -> list[str]:
        _, listing = await self.pages.listing(name, source)
        return [file.version for file in listing.files.values()]

    async def refreshed(self) -> None:
        """Return when upstream has answered what it is asked just now."""
        while self.pages.is_refreshing("foo"):  # noqa: ASYNC110 - the end of a flight is no event
            await asyncio.sleep(0)
        await self.pages.saved("foo")

    async def failure(self, name: str = "foo") -> str:
        with pytest.raises(UpstreamUnavailableError) as caught:
            await self.get(name)
        return caught.value.message

    async def unknown(self) -> str:
        with pytest.raises(NotUpstreamError) as caught:
            await self.get()
        return caught.value.message


Open = Callable[..., Process]
Run = Callable[[Callable[[Open], Awaitable[None]]], None]


@pytest.fixture
def run(tmp_path: Path, passed: Monotonic) -> Run:  # noqa: ARG001 - the clock has to be set first
    """Return a function that runs a piece of a test, which opens processes over one cache and with one clock."""

    def run(work: Callable[[Open], Awaitable[None]]) -> None:
        async def main() -> None:
            opened: list[Process] = []
            clock = Clock()

            def open_process(*answers: PageReply | Exception, **limits: Any) -> Process:
                opened.append(Process(tmp_path, clock, *answers, **limits))
                return opened[-1]

            try:
                await work(open_process)
            finally:
                for each in opened:
                    await each.upstream.stop()

        asyncio.run(main())

    return run


def test_a_page_is_asked_for_once_by_all_who_want_it(run: Run) -> None:
    async def work(open_process: Open) -> None:
        process = open_process(reply("1.0", "2.0"))
        states = await asyncio.gather(*(process.get() for _ in range(5)))
        assert all(state is states[0] for state in states)
        assert await process.versions() == ["1.0", "2.0"]
        assert process.client.asked == ["https://up.example/simple/foo/"]
        assert process.client.etags == [""]
        assert not process.pages.is_refreshing("foo")

    run(work)


@pytest.mark.parametrize(
    ("said", "fresh"), [(None, 200.0), (0, 100.0), (100, 100.0), (250, 250.0), (300, 300.0), (10**6, 300.0)]
)
def test_a_page_is_fresh_as_long_as_upstream_says_within_bounds(run: Run, said: int | None, fresh: float) -> None:
    async def work(open_process: Open) -> None:
        process = open_process(reply("1.0", max_age=said), status(304))
        state = await process.get()
        assert state.facts.max_age == fresh
        process.clock.now += fresh
        assert process.pages.is_fresh("foo", state.revision, process.clock.now)
        await process.get()
        assert not process.pages.is_refreshing("foo")
        process.clock.now += 1
        assert not process.pages.is_fresh("foo", state.revision, process.clock.now)
        assert await process.get() is state, "it is answered while it is asked for again"
        assert process.pages.is_refreshing("foo")
        await process.refreshed()
        assert process.client.etags == ["", '"tag"']
        assert (state.confirmed, state.failure) == (process.clock.now, "")
        assert await process.get() is state
        assert not process.pages.is_refreshing("foo")

    run(work)


def test_a_page_is_fresh_for_its_revision_and_not_before_its_time(run: Run) -> None:
    async def work(open_process: Open) -> None:
        process = open_process(reply("1.0"), reply("1.0", "2.0"))
        old = await process.get()
        now = process.clock.now
        assert process.pages.is_fresh("foo", old.revision, now)
        assert not process.pages.is_fresh("foo", old.revision, now - 1)
        assert not process.pages.is_fresh("bar", old.revision, now)
        await process.pages.refresh("foo", SOURCE)
        assert not process.pages.is_fresh("foo", old.revision, now)
        assert await process.versions() == ["1.0", "2.0"]

    run(work)


@pytest.mark.parametrize(("back", "asks"), [(AHEAD, False), (AHEAD + 1, True)])
def test_a_page_from_the_future_is_asked_for_again(run: Run, back: float, *, asks: bool) -> None:
    async def work(open_process: Open) -> None:
        process = open_process(reply("1.0"), status(304))
        await process.get()
        process.clock.now -= back
        await process.get()
        assert process.pages.is_refreshing("foo") == asks

    run(work)


def test_a_page_that_is_too_old_waits_for_upstream(run: Run) -> None:
    async def work(open_process: Open) -> None:
        process = open_process(reply("1.0"), reply("2.0"), reply("3.0"))
        await process.get()
        process.clock.now += LIMITS.stale
        assert await process.versions() == ["1.0"]
        await process.refreshed()
        assert await process.versions() == ["2.0"]
        process.clock.now += LIMITS.stale + 1
        assert process.pages.known("foo", SOURCE) is None
        assert await process.versions() == ["3.0"]

    run(work)


def test_a_page_that_is_too_old_is_better_than_none(run: Run, passed: Monotonic) -> None:
    async def work(open_process: Open) -> None:
        process = open_process(reply("1.0"), DOWN, reply("2.0"))
        state = await process.get()
        process.clock.now += LIMITS.stale + 1
        assert await process.get() is state
        assert state.failure == DOWN.message
        passed.now += LIMITS.remembered - 1
        assert await process.get() is state
        assert len(process.client.asked) == 2, "upstream is left alone for a while"
        passed.now += 1
        assert await process.versions() == ["2.0"]

    run(work)


def test_a_refresh_that_failed_is_tried_again_after_a_while(run: Run, passed: Monotonic) -> None:
    async def work(open_process: Open) -> None:
        process = open_process(reply("1.0"), DOWN, status(304))
        state = await process.get()
        process.clock.now += 201
        await process.get()
        await process.refreshed()
        assert state.failure == DOWN.message
        await process.get()
        assert not process.pages.is_refreshing("foo")
        passed.now += LIMITS.remembered
        await process.get()
        assert process.pages.is_refreshing("foo")
        await process.refreshed()
        assert (state.failure, state.ask_again) == ("", 0.0)

    run(work)


@pytest.mark.parametrize("number", [404, 410])
def test_a_project_that_is_unknown_upstream_is_so_for_a_while(run: Run, passed: Monotonic, number: int) -> None:
    async def work(open_process: Open) -> None:
        process = open_process(status(number), reply("1.0"))
        message = "Neither this index nor upstream has a project foo."
        assert await process.unknown() == message
        passed.now += LIMITS.remembered - 1
        assert await process.unknown() == message
        assert len(process.client.asked) == 1
        passed.now += 1
        assert await process.versions() == ["1.0"]

    run(work)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (DOWN, DOWN.message),
        (status(500), "Upstream answered 500 for foo."),
        (status(304), "Upstream answered 304 for foo."),
        (reply("1.0", name="bar"), "Upstream's answer is not the page of foo: it is the page of 'bar'."),
        (PageReply(200, "https://up.example/", b"<form>"), "not the page of foo: it is not an index page."),
    ],
)
def test_a_failure_is_remembered_for_some_seconds(
    run: Run, passed: Monotonic, answer: PageReply | Exception, message: str
) -> None:
    async def work(open_process: Open) -> None:
        process = open_process(answer, reply("1.0"))
        assert message in await process.failure()
        passed.now += LIMITS.remembered_page_failure - 0.5
        assert message in await process.failure()
        assert len(process.client.asked) == 1
        passed.now += 0.5
        assert await process.versions() == ["1.0"]

    run(work)


def test_a_page_that_vanishes_is_believed_gone_at_the_second_answer(run: Run, passed: Monotonic) -> None:
    async def work(open_process: Open) -> None:
        process = open_process(reply("1.0"), status(404), status(404), status(404))
        await process.get()
        process.clock.now += 1000
        await process.pages.refresh("foo", SOURCE)
        assert (await process.get()).failure == "Upstream reports that the project does not exist."
        assert await process.versions() == ["1.0"]
        passed.now += LIMITS.fresh_least - 1
        await process.get()
        assert not process.pages.is_refreshing("foo")
        process.clock.now += LIMITS.fresh_least - 1
        await process.pages.refresh("foo", SOURCE)
        assert await process.versions() == ["1.0"], "it came too soon after the first"
        process.clock.now += 1
        later = open_process(status(404))  # another process knows since when it is gone
        with pytest.raises(NotUpstreamError):
            await later.pages.refresh("foo", SOURCE)
        assert not later.upstream.page_store.has("foo")

    run(work)


def test_a_page_that_comes_back_was_never_gone(run: Run) -> None:
    async def work(open_process: Open) -> None:
        process = open_process(reply("1.0"), status(404), reply("1.0"), status(404))
        await process.get()
        for _ in range(3):
            process.clock.now += 1000
            await process.pages.refresh("foo", SOURCE)
            await process.refreshed()
        assert await process.versions() == ["1.0"]

    run(work)


def test_a_slow_upstream_is_given_up_and_its_answer_is_kept(run: Run) -> None:
    async def work(open_process: Open) -> None:
        process = open_process(reply("1.0"), first_page=0.02)
        process.client.gate.clear()
        assert await process.failure() == "Upstream is slow to answer for foo; try again in a moment."
        assert process.pages.is_refreshing("foo")
        process.client.gate.set()
        await process.refreshed()
        assert await process.versions() == ["1.0"]
        assert len(process.client.asked) == 1

    run(work)


def test_an_upstream_that_never_answers_is_not_waited_for_twice_as_long(run: Run) -> None:
    async def work(open_process: Open) -> None:
        process = open_process(first_page=0.01)
        process.client.gate.clear()
        await process.failure()
        while process.pages.is_refreshing("foo"):  # noqa: ASYNC110 - the end of a flight is no event
            await asyncio.sleep(0.001)
        assert await process.failure() == "Upstream did not send the page of foo in time."

    run(work)


def test_another_upstream_has_another_page(run: Run) -> None:
    other = UpstreamSource("https://other.example/simple")

    async def work(open_process: Open) -> None:
        process = open_process(reply("1.0"), reply("2.0"))
        await process.get()
        assert process.pages.known("foo", other) is None
        assert await process.versions(source=other) == ["2.0"]
        assert process.client.asked[1:] == ["https://other.example/simple/foo/"]
        assert process.client.etags == ["", ""]

    run(work)


def test_a_stored_page_is_answered_by_the_next_process(run: Run) -> None:
    async def work(open_process: Open) -> None:
        first = open_process(reply("1.0"))
        confirmed = (await first.get()).confirmed
        await first.pages.saved("foo")
        first.clock.now += 300
        second = open_process(status(304))
        state = await second.get()
        assert (state.confirmed, state.facts.fetched) == (confirmed, confirmed)
        await second.refreshed()
        assert second.client.etags == ['"tag"']
        assert await second.versions() == ["1.0"]
        third = open_process()
        assert (await third.get()).confirmed == first.clock.now

    run(work)


@pytest.mark.parametrize("damage", [b"", b"{}\nx"])
def test_a_damaged_page_is_fetched_again(run: Run, tmp_path: Path, damage: bytes) -> None:
    async def work(open_process: Open) -> None:
        first = open_process(reply("1.0"), reply("2.0"))
        await first.get()
        await first.pages.saved("foo")
        path = tmp_path / "cache" / "pages" / "foo.page"
        path.write_bytes(path.read_bytes().partition(b"\n")[0] + b"\nx")
        os.utime(path, (first.clock.now, first.clock.now))
        _, parsed = await first.pages.parsed("foo", SOURCE)
        assert [file.version for file in parsed.listing.files.values()] == ["2.0"]
        assert first.client.etags == ["", ""]
        await first.pages.saved("foo")
        path.write_bytes(damage)
        second = open_process(reply("3.0"))
        assert await second.versions() == ["3.0"]
        assert second.client.etags == [""]

    run(work)


def test_a_bounded_number_of_pages_is_in_memory_and_the_others_are_stored(run: Run) -> None:
    async def work(open_process: Open) -> None:
        process = open_process(*(reply("1.0", name=name) for name in ("a", "b", "c")), states=2)
        for name in ("a", "b", "c"):
            await process.get(name)
            await process.pages.saved(name)
        assert [process.pages.known(name, SOURCE) is not None for name in ("a", "b", "c")] == [False, True, True]
        assert await process.versions("a") == ["1.0"]
        assert len(process.client.asked) == 3

    run(work)


def test_failures_in_a_row_open_the_breaker_which_is_no_new_failure(run: Run, passed: Monotonic) -> None:
    async def work(open_process: Open) -> None:
        process = open_process(DOWN, DOWN, status(404), breaker_failures=2)
        for name in ("a", "b"):
            assert await process.failure(name) == DOWN.message
        assert await process.failure("c") == f"Upstream is paused after failures: {DOWN.message}"
        assert process.upstream.state()[0]["reason"] == DOWN.message
        assert len(process.client.asked) == 2
        process.upstream.context.breakers.of(SOURCE.url).succeeded()
        passed.now += 100
        assert await process.unknown()
        assert process.upstream.state() == [{"url": SOURCE.url, "status": "ok"}]

    run(work)


def test_a_project_that_is_unknown_is_an_answer_of_upstream(run: Run, passed: Monotonic) -> None:
    async def work(open_process: Open) -> None:
        process = open_process(DOWN, status(404), DOWN, reply("1.0"), breaker_failures=2)
        for _ in range(3):
            with pytest.raises((NotUpstreamError, UpstreamUnavailableError)):
                await process.get()
            passed.now += 100
        assert await process.versions() == ["1.0"]

    run(work)


def test_pages_that_can_not_be_stored_are_answered_from_memory_within_a_bound(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    size = len(reply("1.0", name="a").body)

    async def work(open_process: Open) -> None:
        names = ("a", "b", "c")
        process = open_process(*(reply("1.0", name=name) for name in names), unsaved_pages=2 * size)
        (tmp_path / "cache" / "tmp").rmdir()
        (tmp_path / "cache" / "tmp").write_text("in the way")
        states = []
        for name in names:
            states.append(await process.get(name))
            await process.pages.saved(name)
        assert [state.body is not None for state in states] == [False, True, True]
        assert caplog.text.count("can't write the page of") == 3
        process.client.answers = [reply("2.0", name="a")]
        for name, version in (("b", "1.0"), ("c", "1.0"), ("a", "2.0")):
            _, parsed = await process.pages.parsed(name, SOURCE)
            assert [file.version for file in parsed.listing.files.values()] == [version]

    run(work)


def test_an_answer_to_a_page_that_was_dropped_meanwhile_is_asked_for_whole(run: Run) -> None:
    async def work(open_process: Open) -> None:
        process = open_process(reply("1.0"), status(304), reply("2.0"))
        await process.get()
        process.client.gate.clear()
        asking = asyncio.create_task(process.pages.refresh("foo", SOURCE))
        while len(process.client.asked) < 2:  # noqa: ASYNC110 - the script has no event
            await asyncio.sleep(0)
        process.pages.forget("foo")
        process.client.gate.set()
        await asking
        assert process.client.etags == ["", '"tag"', ""]
        assert await process.versions() == ["2.0"]

    run(work)


def test_a_file_of_a_page_is_found_without_the_others(run: Run) -> None:
    async def work(open_process: Open) -> None:
        process = open_process(reply("1.0", "2.0"))
        for _ in range(2):
            state, found = await process.pages.listing_with("foo", SOURCE, "foo-2.0.tar.gz")
            assert "foo-2.0.tar.gz" in found.files
            assert state is await process.get()
        _, without = await process.pages.listing_with("foo", SOURCE, "foo-3.0.tar.gz")
        assert "foo-3.0.tar.gz" not in without.files
        assert len(process.client.asked) == 1

    run(work)


def test_a_file_is_found_on_a_page_that_memory_has_no_room_for(run: Run) -> None:
    async def work(open_process: Open) -> None:
        process = open_process(reply("1.0", name="a"), reply("1.0", name="b"), listings=0)
        for name in ("a", "b"):
            await process.get(name)
            await process.pages.saved(name)
        for name in ("a", "b", "a"):
            _, found = await process.pages.listing_with(name, SOURCE, f"{name}-1.0.tar.gz")
            assert list(found.files) == [f"{name}-1.0.tar.gz"]
        assert len(process.client.asked) == 2

    run(work)


def test_what_is_forgotten_is_asked_for_anew(run: Run) -> None:
    async def work(open_process: Open) -> None:
        process = open_process(status(404), reply("1.0"))
        await process.unknown()
        process.pages.forget("foo")
        assert await process.versions() == ["1.0"]

    run(work)


def test_the_end_waits_for_requests_that_it_ends(run: Run) -> None:
    async def work(open_process: Open) -> None:
        process = open_process()
        process.client.gate.clear()
        waiting = asyncio.create_task(process.get())
        while not process.client.asked:  # noqa: ASYNC110 - the script has no event
            await asyncio.sleep(0)
        await process.pages.stop()
        assert not process.pages.is_refreshing("foo")
        with pytest.raises(asyncio.CancelledError):
            await waiting

    run(work)


@pytest.mark.parametrize("number", [1, 20])
def test_a_long_page_is_rendered_when_it_comes_and_stored_so(run: Run, number: int) -> None:
    long = number > 1
    whole = reply(*(f"{each}.0" for each in range(number)))
    whole = whole._replace(body=whole.body.replace(b'"hashes": {}', b'"hashes": {"sha256": "%s"}' % (b"a" * 64)))

    async def work(open_process: Open) -> None:
        process = open_process(whole)
        state = await process.get()
        early = process.pages.rendered_early(state)
        assert early is not None
        assert early.page.files == number
        assert bool(early.page.zipped) == long
        assert process.pages.rendered_early(state) is None, "it is answered once"
        await process.pages.saved("foo")
        await process.pages.stop()
        assert process.upstream.page_store.rendering("foo").exists() == long
        second = open_process()
        recalled = second.pages.rendered_early(await second.get())
        assert (recalled is not None) == long
        if recalled is not None:
            assert recalled.page.body == early.page.body

    run(work)


def test_a_bounded_number_of_failures_is_remembered(run: Run) -> None:
    async def work(open_process: Open) -> None:
        process = open_process(*[DOWN] * 4, states=2)
        for name in ("a", "b", "a", "b"):
            await process.failure(name)
        assert len(process.client.asked) == 2
        await process.failure("c")
        await process.failure("a")
        assert len(process.client.asked) == 4

    run(work)
