"""The room of public packages in a test's own process, with small limits and a clock that the test moves."""

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from publisher.limits import UpstreamLimits
from publisher.server.settings import UpstreamSettings, UpstreamSource
from publisher.server.storage.folder import FolderStorage
from publisher.server.upstream.files.downloads import Download
from publisher.server.upstream.policy.records import FolderRecords
from publisher.server.upstream.service import FoundFile, Upstream
from tests.helpers.upstream import FakeUpstream

QUICK = UpstreamLimits(silence=10.0, connect=5.0, first_page=20.0, record_delay=0.01, breaker_failures=1000)
DAY = 86400.0


class Clock:
    """Seconds since 1970 that go on only when a test says so."""

    def __init__(self, now: float = 1_790_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Owned:
    """An ownership of a test's choice."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names = set(names)

    def is_surely_public(self, name: str) -> bool:
        return name not in self.names

    async def is_owned(self, name: str) -> bool:
        return name in self.names


def settings_for(fake: FakeUpstream, folder: Path, **changes: Any) -> UpstreamSettings:
    source = UpstreamSource(f"{fake.url}simple/")
    return UpstreamSettings((source,), folder / "cache", limits=QUICK)._replace(**changes)


@asynccontextmanager
async def passing_on(
    settings: UpstreamSettings, *, owned: Owned | None = None, clock: Clock | None = None
) -> AsyncIterator[Upstream]:
    """Run the room; its records are beside the cache, so that a second run finds both."""
    records = FolderRecords("records", FolderStorage(settings.cache.parent))
    upstream = Upstream(settings, records, owned or Owned(), clock or Clock())
    await upstream.start()
    try:
        yield upstream
    finally:
        await upstream.stop()


async def page(upstream: Upstream, name: str) -> Any:
    """Return a page as JSON."""
    return json.loads((await upstream.page(name, "", as_json=True)).rendered.body)


async def filenames(upstream: Upstream, name: str) -> list[str]:
    return [file["filename"] for file in (await page(upstream, name))["files"]]


async def find(upstream: Upstream, path: str) -> FoundFile:
    """Find a file by the path that upstream has it under."""
    tail, _, filename = path.partition("/packages/")[2].rpartition("/")
    return await upstream.find(tail, filename)


async def read(upstream: Upstream, path: str) -> bytes:
    """Return the bytes of a file, from the cache or from its download."""
    opened = await upstream.open(await find(upstream, path))
    if isinstance(opened, bytes):
        return opened
    if not isinstance(opened, Download):
        return opened.path.read_bytes()
    parts = []
    offset = 0
    try:
        while chunk := await opened.read(offset, None):
            parts.append(chunk)
            offset += len(chunk)
    finally:
        upstream.leave(opened)
    return b"".join(parts)
