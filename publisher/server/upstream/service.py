"""Public packages as the routes see them: may a name be passed on, its page, its files, and the state of it all."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from publisher.server.names.filenames import guess, is_name
from publisher.server.settings import UpstreamSettings, UpstreamSource
from publisher.server.upstream.context import UpstreamContext
from publisher.server.upstream.errors import NotUpstreamError, UpstreamUnavailableError, WithheldError
from publisher.server.upstream.files.blobs import BlobStore
from publisher.server.upstream.files.downloads import Download
from publisher.server.upstream.files.public_files import PublicFiles, StoredPublicFile
from publisher.server.upstream.ownership import Ownership
from publisher.server.upstream.pages.early import EarlyRenderings
from publisher.server.upstream.pages.learned import LearnedFacts
from publisher.server.upstream.pages.listing import ListedFile, tail_of
from publisher.server.upstream.pages.page_store import PageStore
from publisher.server.upstream.pages.projects import PageState, ProjectPages
from publisher.server.upstream.pages.render import RenderedPage, render
from publisher.server.upstream.pages.renderings import RenderingStore
from publisher.server.upstream.policy.decision import Policy
from publisher.server.upstream.policy.ledger import Ledger
from publisher.server.upstream.policy.records import RecordStorage

LEDGER_CHECK = 5.0
"""Seconds between two looks at records of other processes."""

_log = logging.getLogger(__name__)


class Basis(NamedTuple):
    """Everything that an answer was made from: it is right as long as nothing of it changed."""

    name: str
    page: int
    policy: int
    until: float


class PublicPage(NamedTuple):
    """A page to answer, its basis, and the upstream of a project that was never passed on before."""

    rendered: RenderedPage
    basis: Basis
    first_from: str = ""


class FoundFile(NamedTuple):
    """A public file that may be passed on now, its upstream, and the basis of that; ``first_from`` as for a page."""

    file: ListedFile
    source: UpstreamSource
    basis: Basis
    first_from: str = ""


class Upstream:
    """The one object that routes ask about public packages."""

    def __init__(
        self,
        settings: UpstreamSettings,
        records: RecordStorage,
        ownership: Ownership,
        clock: Callable[[], float] = time.time,
    ) -> None:
        limits = settings.limits
        self.settings = settings
        self.clock = clock
        self.ownership = ownership
        self.context = UpstreamContext(limits, self._now)
        self.blobs = BlobStore(settings.cache, settings.cache_size)
        self.page_store = PageStore(settings.cache)
        self.ledger = Ledger(records, limits.record_delay, self._now)
        self.policy = Policy(settings, self.ledger, self._now)
        self.learned = LearnedFacts(settings.cache)
        rendered = RenderingStore(settings.cache, self.page_store)
        self.renderings = EarlyRenderings(self.context, self.policy, self.learned, rendered)
        self.pages = ProjectPages(self.context, self.page_store, self.renderings)
        self.files = PublicFiles(self.context, self.blobs, self.learned)
        self._watching: asyncio.Task[None] | None = None
        self._trusting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read records and cache; a storage that is not there yet is read later."""
        await self.refresh_ledger()
        await self.context.in_thread(self.blobs.clean_up)
        await self.context.in_thread(self.blobs.scan)
        self.context.placer.submit(self.blobs.has_room_for, 0)  # the cache may have got smaller
        if any(source.url.startswith("https:") for source in self.settings.sources):
            self._trusting = asyncio.create_task(self.context.in_thread(self.context.client.trust))
        self._watching = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """End all work, and write noted facts."""
        if self._watching is not None:
            self._watching.cancel()
        await self.pages.stop()
        await self.files.stop()
        await self.ledger.stop()
        await self.context.close()

    def revision(self, name: str) -> int:
        """Return a number that grows whenever answers for a project may change for another reason than page or time."""
        return self.renderings.revision(name)

    async def source_of(self, name: str) -> UpstreamSource:
        """
        Return the upstream that a name is passed on from.

        Raises NotUpstreamError for a name that is owned here or belongs to no upstream, and StorageUnavailableError
        when that can't be found out.
        """
        if is_name(name) and not await self.ownership.is_owned(name):
            source = self.policy.source_of(name)
            if source is not None:
                return source
        raise NotUpstreamError(f"This index has no project {name}.")

    def is_right(self, basis: Basis) -> bool:
        """Return whether memory proves that an answer is still right."""
        name, now = basis.name, self.clock()
        if now >= basis.until or self.revision(name) != basis.policy:
            return False
        if not self.ownership.is_surely_public(name):
            return False
        if self.pages.is_fresh(name, basis.page, now):
            return True
        source = self.policy.source_of(name)
        state = self.pages.known(name, source) if source is not None else None
        return state is not None and state.revision == basis.page

    async def page(self, name: str, root_path: str, *, as_json: bool) -> PublicPage:
        """Return a project's page as it is passed on now; raises UpstreamError and StorageUnavailableError."""
        source = await self.source_of(name)
        state = await self.pages.get(name, source)
        early = self.pages.rendered_early(state) if as_json and not root_path else None
        if early is not None and early.basis == self.revision(name) and self.clock() < early.page.until:
            rendered, revision = early.page, early.basis
        else:
            early = None
            state, rendered, revision = await self._render(name, source, root_path, as_json=as_json)
        if await self.ownership.is_owned(name):  # published here while upstream was asked
            raise NotUpstreamError(f"This index has no project {name}.")
        if early is not None and early.next is not None:
            for file in early.next.files.values():
                self.files.expect_metadata(file, source)
        basis = Basis(name, state.revision, revision, rendered.until)
        return PublicPage(rendered, basis, self._note_use(name, source) if rendered.files else "")

    async def _render(
        self, name: str, source: UpstreamSource, root_path: str, *, as_json: bool
    ) -> tuple[PageState, RenderedPage, int]:
        """Render a page that is in the cache or comes from upstream; return it with its state and the revision."""
        state, parsed = await self.pages.parsed(name, source)
        if as_json and not root_path:
            early = await self.context.parsing(parsed.size, lambda: self.renderings.render(parsed, source))
            if early is not None:
                self.renderings.keep(name, state.facts.digest, early.for_disk())
                return state, early.page, early.basis
        revision = self.revision(name)
        decide = self.policy.decide(parsed.listing)
        page = await self.context.parsing(
            parsed.size, lambda: render(parsed, decide, root_path, self.learned, as_json=as_json)
        )
        return state, page, revision

    async def find(self, tail: str, filename: str) -> FoundFile:
        """
        Return a file by its path below ``/-/public/``.

        Raises NotUpstreamError when the page of its project does not list it there, WithheldError when it may not be
        passed on now, and the errors of `page`.
        """
        guessed = guess(filename)
        if guessed is None:
            raise NotUpstreamError(f"This index has no file {filename}.")
        name = guessed.project
        source = await self.source_of(name)
        state, listing = await self.pages.listing_with(name, source, filename)
        file = listing.files.get(filename)
        if file is None and self.clock() - state.confirmed > self.settings.limits.remembered:
            with suppress(UpstreamUnavailableError):  # a lock file may know a file that this page is too old for
                await self.pages.refresh(name, source)
                state, listing = await self.pages.listing_with(name, source, filename)
                file = listing.files.get(filename)
        if file is None or tail_of(file) != tail:
            raise NotUpstreamError(f"Upstream lists no file {filename} there.")
        revision = self.revision(name)
        verdict = self.policy.decide(listing).verdict(file)
        if verdict.reason:
            raise WithheldError(verdict.reason)
        basis = Basis(name, state.revision, revision, verdict.until)
        return FoundFile(file, source, basis, self._note_use(name, source))

    async def open(self, found: FoundFile) -> StoredPublicFile | bytes | Download:
        """Return a file from the cache, the bytes of a small one, or a download; raises UpstreamError."""
        return await self.files.get(found.file, found.source)

    async def metadata(self, found: FoundFile) -> bytes:
        """Return the metadata of a file; raises UpstreamError. A file that upstream lacks is not announced again."""
        try:
            return await self.files.metadata(found.file, found.source)
        except NotUpstreamError:
            self.learned.note_without_metadata(found.basis.name, found.file.filename)
            raise

    def leave(self, download: Download) -> None:
        """Give up a reader's place in a download."""
        self.files.leave(download)

    def state(self) -> list[dict[str, Any]]:
        """Return how each upstream does, for people and for health checks."""
        found = []
        for source in self.settings.sources:
            breaker = self.context.breakers.of(source.url)
            failing = bool(breaker.last_failure)
            state = {"url": source.url, "status": "failing" if failing else "ok"}
            found.append({**state, "reason": breaker.last_failure} if failing else state)
        return found

    async def needs_claim(self, name: str) -> bool:
        """Return whether a name was passed on and may not be published here before an admin claims it."""
        if name in self.ledger.claims or await self.ownership.is_owned(name):
            return False
        await self.refresh_ledger(strict=True)  # another process may just have taken the claim, or passed it on
        return name in self.ledger.passed_on and name not in self.ledger.claims

    async def refresh_ledger(self, *, strict: bool = False) -> None:
        """Read records of other processes; with ``strict``, raise StorageUnavailableError when that fails."""
        try:
            await self.ledger.refresh(fresh=strict)
        except Exception as error:
            if strict:
                raise
            _log.warning("can't read the records of public names: %s", error)

    def _note_use(self, name: str, source: UpstreamSource) -> str:
        """Note that a project is passed on; return the upstream's URL the first time, and an empty text later."""
        if name in self.ledger.passed_on:
            return ""
        self.ledger.note_passed_on(name)
        return source.url

    def _now(self) -> float:
        return self.clock()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LEDGER_CHECK)
            await self.refresh_ledger()
