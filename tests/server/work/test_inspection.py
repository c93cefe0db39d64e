"""Reading what strangers sent: beside everything else, shared among accounts, and ended with the request for it."""

import asyncio
import gc
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from publisher.errors import OversizedDistributionError
from publisher.limits import LIMITS, DistributionLimits
from publisher.project.archives import Source
from publisher.server.routes import files, uploads
from publisher.server.work import reading as readers
from publisher.server.work.inspection import Checkpoint, InspectionEndedError, InspectionPool
from publisher.server.work.turns import BusyError
from tests.helpers.dists import make_wheel
from tests.helpers.http import Client
from tests.helpers.inside import serving_app
from tests.helpers.waiting import eventually, eventually_async
from tests.server.test_hostile import Post, form, wheel

ADA = ("ada", "correct horse")


class EndlessReading:
    """Reading that never ends by itself; notes how it began and ended."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended: list[str] = []

    def __call__(self, *_arguments: object, checkpoint: Checkpoint, limits: DistributionLimits) -> None:
        _decline_in_the_loop(limits)
        self.begun += 1
        try:
            while True:
                checkpoint()
                threading.Event().wait(0.005)
        except Exception as error:
            self.ended.append(type(error).__name__)
            raise


def _decline_in_the_loop(limits: DistributionLimits) -> None:
    """Have a file read in a thread, as one that is not small."""
    if limits == LIMITS.distributions.brief():
        raise OversizedDistributionError("not small")


@contextmanager
def endless(monkeypatch: pytest.MonkeyPatch) -> Iterator[EndlessReading]:
    reading = EndlessReading()
    with monkeypatch.context() as patched:
        patched.setattr(uploads, "read_upload", reading)
        patched.setattr(files, "read_wheel_metadata", reading)
        yield reading


def begin_upload(url: str) -> socket.socket:
    """Return a connection on which an upload came whole."""
    parts = urlsplit(url)
    connection = socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=30)
    connection.sendall(Post(form(wheel())).wire())
    return connection


def test_work_ends_with_the_client_that_asked_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with endless(monkeypatch) as reading, serving_app(tmp_path) as (url, _):
        make_wheel(tmp_path / "packages", "quiet")
        connection = begin_upload(url)
        assert eventually(lambda: reading.begun == 1)
        assert not reading.ended
        connection.close()
        assert eventually(lambda: reading.ended == ["InspectionEndedError"])
        with pytest.raises(requests.ReadTimeout):
            requests.get(f"{url}packages/quiet-1.0-py3-none-any.whl.metadata", auth=ADA, timeout=(30, 0.5))
        assert eventually(lambda: reading.ended == ["InspectionEndedError"] * 2)
        assert not list((tmp_path / "packages").rglob("*.part"))


def test_work_ends_soon_after_the_signal_with_a_503(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with endless(monkeypatch) as reading:
        with serving_app(tmp_path, inspection_grace=0.1) as (url, _):
            connection = begin_upload(url)
            assert eventually(lambda: reading.begun == 1)
        with connection:
            answer = connection.recv(65536)
    assert len(reading.ended) == 1
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: " in answer.lower()


def test_a_file_read_in_time_after_the_signal_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()
    read = readers.read_upload

    def held_up(source: Source, filename: str, *, limits: DistributionLimits, checkpoint: Checkpoint) -> object:
        _decline_in_the_loop(limits)
        begun.set()
        assert go_on.wait(30)
        return read(source, filename, limits=limits, checkpoint=checkpoint)

    monkeypatch.setattr(uploads, "read_upload", held_up)
    with serving_app(tmp_path) as (url, app):
        stop_soon = app.stop_soon

        def stop_and_go_on() -> None:
            stop_soon()
            go_on.set()

        monkeypatch.setattr(app, "stop_soon", stop_and_go_on)
        connection = begin_upload(url)
        assert begun.wait(30)
    with connection:
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert (tmp_path / "packages" / "evil-1.0-py3-none-any.whl").exists()


def test_pages_files_and_logins_go_on_while_all_threads_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with endless(monkeypatch) as reading, serving_app(tmp_path, inspections=2, inspections_each=2) as (url, _):
        make_wheel(tmp_path / "packages", "quiet")
        connections = [begin_upload(url) for _ in range(6)]
        assert eventually(lambda: reading.begun == 2)
        client = Client(url, ADA)
        for path in ("simple/", "simple/quiet/", "packages/quiet-1.0-py3-none-any.whl", "whoami", "health", ""):
            assert client.get(path).status_code == 200, path
        assert reading.begun == 2
        for connection in connections:
            connection.close()


def run(work: Callable[[InspectionPool], object], **limits: int) -> None:
    async def inside() -> None:
        pool = InspectionPool(LIMITS._replace(**limits))  # type: ignore[arg-type]
        try:
            await work(pool)  # type: ignore[misc]
        finally:
            pool.close()

    asyncio.run(inside())


async def stays() -> None:
    await asyncio.Event().wait()


def test_one_account_leaves_threads_to_the_others() -> None:
    reading = EndlessReading()

    async def work(pool: InspectionPool) -> None:
        left = asyncio.Event()

        async def leaves() -> None:
            await left.wait()

        endless = lambda checkpoint: reading(checkpoint=checkpoint, limits=LIMITS.distributions)  # noqa: E731
        many = [asyncio.create_task(pool.run("ada", endless, leaves)) for _ in range(5)]
        await eventually_async(lambda: reading.begun == 1)
        assert await pool.run("bob", lambda _: "read", stays) == "read"
        assert reading.begun == 1
        left.set()
        assert {type(found) for found in await asyncio.gather(*many, return_exceptions=True)} == {InspectionEndedError}

    run(work, inspections=2, inspections_each=1)


def test_nothing_begins_once_the_index_ends() -> None:
    async def work(pool: InspectionPool) -> None:
        pool.close()
        with pytest.raises(BusyError):
            await pool.run("ada", lambda _: "read", stays)

    run(work)


@pytest.mark.parametrize("ends_well", [True, False])
def test_the_outcome_for_a_client_that_went_away_is_dropped_and_not_logged(*, ends_well: bool) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def reading(checkpoint: Checkpoint) -> str:
        begun.set()
        assert go_on.wait(30)
        if not ends_well:
            checkpoint()
        return "read"

    async def leaves() -> None:
        await asyncio.to_thread(begun.wait, 30)
        asyncio.get_running_loop().call_later(0.05, go_on.set)

    async def work(pool: InspectionPool) -> None:
        logged: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: logged.append(context))
        with pytest.raises(InspectionEndedError):
            await pool.run("ada", reading, leaves)
        assert go_on.is_set()
        gc.collect()
        assert logged == []

    run(work)
