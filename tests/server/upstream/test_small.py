"""Small files: one request for all who want the same, only right bytes, and stored when the disk has a moment."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from publisher.server.settings import UpstreamSource
from publisher.server.upstream import write_behind
from publisher.server.upstream.context import UpstreamContext
from publisher.server.upstream.errors import NotUpstreamError, UpstreamUnavailableError, WrongContentError
from publisher.server.upstream.files.blobs import BlobStore
from publisher.server.upstream.files.flights import Flights
from publisher.server.upstream.files.small import SmallFiles
from publisher.server.upstream.files.wanted import Wanted
from tests.helpers.passing_on import QUICK
from tests.helpers.scripted_upstream import ScriptedClient, ScriptedFile

BODY = b"PK\x03\x04 and more"
DIGEST = hashlib.sha256(BODY).hexdigest()
WANTED = Wanted(
    UpstreamSource("https://up.example/simple/"),
    "https://up.example/packages/foo-1.0.zip",
    "foo-1.0.zip",
    DIGEST,
    {"sha256": DIGEST},
    len(BODY),
    100,
)


class Files:
    """Small files of a cache, whose upstream is scripted."""

    def __init__(self, folder: Path, *answers: ScriptedFile | Exception, room: int = 10_000, **limits: Any) -> None:
        self.context = UpstreamContext(QUICK._replace(**limits))
        self.client = self.context.client = ScriptedClient(*answers)
        self.blobs = BlobStore(folder / "cache", room)
        self.stored: list[tuple[str, str]] = []
        self.flights = Flights(self.context)
        self.small = SmallFiles(self.context, self.blobs, self.flights, self._note)

    def _note(self, wanted: Wanted, sha256: str) -> None:
        self.stored.append((wanted.key, sha256))


Open = Callable[..., Files]
Run = Callable[[Callable[[Open], Awaitable[None]]], Files]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a function that runs a piece of a test, and returns its files after their end."""

    def run(work: Callable[[Open], Awaitable[None]]) -> Files:
        opened: list[Files] = []

        def open_files(*answers: ScriptedFile | Exception, **options: Any) -> Files:
            opened.append(Files(tmp_path, *answers, **options))
            return opened[-1]

        async def main() -> None:
            try:
                await work(open_files)
            finally:
                for each in opened:
                    await each.small.stop()
                    await each.context.close()

        asyncio.run(main())
        return opened[0]

    return run


def test_all_who_want_a_file_share_a_request_and_it_is_stored(run: Run) -> None:
    async def work(open_files: Open) -> None:
        files = open_files(ScriptedFile([BODY[:3], BODY[3:]], length=len(BODY)))
        files.small.expect(WANTED)
        files.small.expect(WANTED)
        assert await asyncio.gather(*(files.small.get(WANTED) for _ in range(3))) == [BODY] * 3
        assert await files.small.get(WANTED) == BODY, "it is answered from memory until it is stored"
        assert files.client.asked == [WANTED.url]

    files = run(work)
    assert files.blobs.path(DIGEST).read_bytes() == BODY
    assert files.stored == [(DIGEST, DIGEST)]


def test_a_failure_is_remembered_for_a_moment(run: Run) -> None:
    async def work(open_files: Open) -> None:
        files = open_files(NotUpstreamError("gone"), ScriptedFile([BODY]))
        for _ in range(2):
            with pytest.raises(NotUpstreamError, match="gone"):
                await files.small.get(WANTED)
        files.small.expect(WANTED)
        await asyncio.sleep(0)
        assert files.client.asked == [WANTED.url]

    run(work)


def test_a_file_that_is_expected_is_asked_for_at_once(run: Run) -> None:
    async def work(open_files: Open) -> None:
        files = open_files(ScriptedFile([BODY]))
        files.small.expect(WANTED)
        while not files.client.asked:  # noqa: ASYNC110 - the script has no event
            await asyncio.sleep(0)
        assert await files.small.get(WANTED) == BODY
        assert len(files.client.asked) == 1

    run(work)


def test_upstream_that_answers_again_is_no_longer_failing(run: Run) -> None:
    down = UpstreamUnavailableError("down")

    async def work(open_files: Open) -> None:
        answers = (down, ScriptedFile([], 404), down, ScriptedFile([BODY]), down, ScriptedFile([BODY]))
        files = open_files(*answers, breaker_failures=2, remembered=0.0)
        for outcome in (down, NotUpstreamError, down, BODY, down, BODY):
            if isinstance(outcome, bytes):
                assert await files.small.get(WANTED) == outcome
                await files.small.stop()
                files.blobs.remove(DIGEST)
                continue
            with pytest.raises((UpstreamUnavailableError, NotUpstreamError)):
                await files.small.get(WANTED)
        assert files.client.answers == []

    run(work)


def test_as_many_failures_as_the_bound_are_remembered(run: Run) -> None:
    async def work(open_files: Open) -> None:
        files = open_files(*[ScriptedFile([], 404)] * 4, remembered_files=2)
        for key in ("a", "b", "a", "b", "c", "a"):
            with pytest.raises(NotUpstreamError):
                await files.small.get(WANTED._replace(key=key))
        assert files.client.answers == []

    run(work)


def test_a_file_comes_also_when_its_client_has_left(run: Run) -> None:
    async def work(open_files: Open) -> None:
        gate = asyncio.Event()
        files = open_files(ScriptedFile([BODY], gate=gate))
        waiting = asyncio.create_task(files.small.get(WANTED))
        while not files.client.asked:  # noqa: ASYNC110 - the script has no event
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        gate.set()
        assert await files.small.get(WANTED) == BODY
        assert len(files.client.asked) == 1

    run(work)


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (ScriptedFile([], 404), NotUpstreamError, "Upstream has no file foo-1.0.zip."),
        (ScriptedFile([], 500), UpstreamUnavailableError, "Upstream answered 500 for foo-1.0.zip."),
        (UpstreamUnavailableError("down"), UpstreamUnavailableError, "down"),
        (ScriptedFile([b"<html>"]), WrongContentError, "is not an archive"),
        (ScriptedFile([BODY[:4], UpstreamUnavailableError("cut")]), UpstreamUnavailableError, "cut"),
        (ScriptedFile([BODY[:-1]]), UpstreamUnavailableError, f"sent {len(BODY) - 1} of {len(BODY)} bytes"),
        (ScriptedFile([BODY, b"x"]), WrongContentError, "more bytes than its page announces"),
        (ScriptedFile([BODY[:-1] + b"x"]), WrongContentError, "has another sha256"),
    ],
)
def test_a_failure_is_of_all_who_wait_and_of_those_in_the_next_minute(
    run: Run, answer: ScriptedFile | Exception, error: type[Exception], message: str
) -> None:
    async def work(open_files: Open) -> None:
        files = open_files(answer, ScriptedFile([BODY]))
        outcomes = await asyncio.gather(*(files.small.get(WANTED) for _ in range(2)), return_exceptions=True)
        for outcome in outcomes:
            assert type(outcome) is error
            assert message in str(outcome)
        with pytest.raises(error):
            await files.small.get(WANTED)
        files.small.expect(WANTED)
        await asyncio.sleep(0)
        assert len(files.client.asked) == 1

    files = run(work)
    assert files.stored == []
    assert not files.blobs.has(DIGEST)


def test_a_failure_is_forgotten_after_its_time(run: Run) -> None:
    async def work(open_files: Open) -> None:
        files = open_files(ScriptedFile([], 404), ScriptedFile([BODY]), remembered=0.0)
        with pytest.raises(NotUpstreamError):
            await files.small.get(WANTED)
        assert await files.small.get(WANTED) == BODY

    run(work)


def test_an_archive_is_known_by_its_first_bytes_alone(run: Run) -> None:
    async def work(open_files: Open) -> None:
        files = open_files(ScriptedFile([BODY[:4], BODY[4:]]))
        assert await files.small.get(WANTED) == BODY

    run(work)


@pytest.mark.parametrize(
    ("changes", "has_end", "kept"),
    [
        ({"hashes": {}, "size": None}, False, False),
        ({"hashes": {}, "size": None}, True, True),
        ({"hashes": {}}, False, True),
        ({"size": None}, False, True),
    ],
)
def test_only_a_file_whose_end_is_certain_is_stored(
    run: Run, changes: dict[str, Any], *, has_end: bool, kept: bool
) -> None:
    wanted = WANTED._replace(**changes)

    async def work(open_files: Open) -> None:
        files = open_files(ScriptedFile([BODY], has_end=has_end), ScriptedFile([BODY], has_end=has_end))
        for _ in range(2):
            assert await files.small.get(wanted) == BODY
        assert len(files.client.asked) == (1 if kept else 2)

    files = run(work)
    assert files.blobs.has(DIGEST) == kept
    assert files.stored == ([(DIGEST, DIGEST)] if kept else [])


def test_metadata_without_a_digest_is_looked_at(run: Run) -> None:
    wanted = WANTED._replace(filename="foo-1.0-py3-none-any.whl.metadata", hashes={}, size=None)

    async def work(open_files: Open) -> None:
        files = open_files(ScriptedFile([b"please sign in"]))
        with pytest.raises(WrongContentError, match="is not the metadata of a package"):
            await files.small.get(wanted)

    run(work)


def test_the_end_of_the_index_ends_requests_and_is_no_fault_of_upstream(run: Run) -> None:
    async def work(open_files: Open) -> None:
        files = open_files(ScriptedFile([BODY], gate=asyncio.Event()), ScriptedFile([BODY]), breaker_failures=1)
        waiting = asyncio.create_task(files.small.get(WANTED))
        while not files.client.asked:  # noqa: ASYNC110 - the script has no event
            await asyncio.sleep(0)
        await files.small.stop()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await files.small.get(WANTED) == BODY, "neither the file nor upstream is blamed"

    run(work)


def test_a_file_is_stored_at_once_where_too_many_wait(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_behind, "QUIET", 1000.0)

    async def work(open_files: Open) -> None:
        files = open_files(ScriptedFile([BODY]), unplaced=len(BODY) - 1)
        assert await files.small.get(WANTED) == BODY
        assert files.blobs.has(DIGEST)

    run(work)


def test_without_room_a_file_is_passed_on_alone(run: Run) -> None:
    async def work(open_files: Open) -> None:
        files = open_files(ScriptedFile([BODY]), room=len(BODY) - 1)
        assert await files.small.get(WANTED) == BODY

    files = run(work)
    assert (files.stored, files.blobs.has(DIGEST)) == ([], False)
