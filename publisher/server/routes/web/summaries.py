"""The few words that a release says of itself, read once for each file digest, and kept in one log for all projects."""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from publisher.errors import InvalidDistributionError
from publisher.limits import LIMITS
from publisher.server.routes.web.page_records import POOL_KEY
from publisher.server.storage.base import Files, Storage
from publisher.server.storage.errors import StorageError
from publisher.server.storage.folder import DOT_FOLDER
from publisher.server.storage.json_text import parse_json
from publisher.server.store.interface import PackageCatalog
from publisher.server.store.projects import StoredFile
from publisher.server.web.describing import keywords, one_line
from publisher.server.web.reading import read_fields
from publisher.server.work.inspection import Checkpoint, InspectionPool

FORMAT = 1
"""Version of the lines that this module writes; others are passed over."""


_LOG = f"{DOT_FOLDER}/summaries.jsonl"
_FLUSH_AT = 200
_UNUSED = 1000
"""Summaries of files that are not the newest any more, or gone, that the log may have beside as many as are used."""


@dataclass(frozen=True, slots=True)
class ReleaseSummary:
    """Name as its author writes it, summary, keywords and requirements of a release; empty where unknown."""

    name: str = ""
    text: str = ""
    keywords: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()


class SummaryReader:
    """Reads summaries that it does not remember, in a pool that holds up nothing else."""

    def __init__(self, catalog: PackageCatalog, storage: Storage, pool: InspectionPool) -> None:
        self._catalog = catalog
        self._storage = storage
        self._pool = pool
        self._known: dict[str, ReleaseSummary] | None = None
        self._used: set[str] = set()
        self._unwritten: list[bytes] = []

    async def start(self) -> None:
        """Read the log, once."""
        if self._known is None:
            async with self._storage.reading() as files:
                self._known = await self._pool.run(POOL_KEY, lambda check: _load(files, check))

    async def summary(self, file: StoredFile) -> ReleaseSummary:
        """Return the summary of a file; an empty one where it can't be read."""
        assert self._known is not None, "it was started"  # noqa: S101 - for the type checker
        digest = file.metadata.sha256
        self._used.add(digest)
        known = self._known.get(digest)
        if known is not None:
            return known
        async with self._catalog.local_copy(file) as path:
            found = await self._pool.run(POOL_KEY, lambda check: self._read(path, file, check))
        self._known[digest] = found
        self._unwritten.append(_line(digest, found) + b"\n")
        if len(self._unwritten) >= _FLUSH_AT:
            await self.flush()
        return found

    async def prune(self) -> None:
        """Forget the summaries that were not asked for, once they are many; every project was asked for by now."""
        if self._known is None or len(self._known) <= 2 * len(self._used) + _UNUSED:
            return
        used = {digest: summary for digest, summary in self._known.items() if digest in self._used}
        lines = [_line(digest, summary) for digest, summary in used.items()]
        with suppress(StorageError):
            async with self._storage.reading() as files:
                await self._pool.run(POOL_KEY, lambda _: files.compact(_LOG, lambda _lines: lines))
            self._known = used

    def _read(self, path: Path, file: StoredFile, checkpoint: Checkpoint) -> ReleaseSummary:
        try:
            fields = self._pool.helpers.read(read_fields, path, file.filename, checkpoint=checkpoint)
        except (InvalidDistributionError, OSError):
            return ReleaseSummary()
        return ReleaseSummary(
            fields.get("name", ""),
            one_line(fields.get("summary", ""))[: LIMITS.pages.summary],
            tuple(keywords(fields)[: LIMITS.pages.keywords]),
            tuple(map(one_line, fields.get("requires_dist", [])[: LIMITS.pages.entries])),
        )

    async def flush(self) -> None:
        """Write new summaries to the log, which only saves time and need not be durable."""
        lines, self._unwritten = self._unwritten, []
        if lines:
            with suppress(StorageError):
                async with self._storage.reading() as files:
                    await self._pool.run(POOL_KEY, lambda _: files.append(_LOG, b"".join(lines), durable=False))


def _line(digest: str, summary: ReleaseSummary) -> bytes:
    return json.dumps({"v": FORMAT, "sha256": digest, **asdict(summary)}, separators=(",", ":")).encode()


def _load(files: Files, checkpoint: Checkpoint) -> dict[str, ReleaseSummary]:
    found: dict[str, ReleaseSummary] = {}
    with suppress(StorageError):
        for line in files.lines(_LOG):
            checkpoint()
            with suppress(ValueError, KeyError, TypeError, AttributeError):
                record = parse_json(line)
                if record.pop("v") == FORMAT:
                    digest = str(record.pop("sha256"))
                    words, requires = tuple(record.pop("keywords")), tuple(record.pop("requires"))
                    found[digest] = ReleaseSummary(keywords=words, requires=requires, **record)
    return found
