"""The life of public pages: fetched once, answered while they are asked for again, kept when upstream fails."""

import asyncio
import logging
import time
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from publisher.server.settings import UpstreamSource
from publisher.server.upstream.breaker import NotAskedError
from publisher.server.upstream.context import UpstreamContext
from publisher.server.upstream.errors import (
    NotAnIndexPageError,
    NotUpstreamError,
    UpstreamError,
    UpstreamUnavailableError,
)
from publisher.server.upstream.pages.early import EarlyRenderings
from publisher.server.upstream.pages.listing import Listing, ParsedPage, parse_page
from publisher.server.upstream.pages.page_store import PageFacts, PageStore
from publisher.server.upstream.pages.recent import EarlyPages, RecentListings, RenderedEarly, pack

if TYPE_CHECKING:
    from publisher.server.upstream.client import PageReply

_log = logging.getLogger(__name__)

AHEAD = 60.0
"""Seconds that a page may seem to come from the future; more, and the clock was wrong when it was confirmed."""


@dataclass(slots=True)
class PageState:
    """The state of a project's page in this process; ``revision`` differs for every body."""

    name: str
    facts: PageFacts
    confirmed: float
    revision: int
    ask_again: float = 0.0
    """The monotonic time before which upstream is not asked again, after a failure."""
    failure: str = ""
    body: bytes | None = None
    """The body, while it is not stored."""


class ProjectPages:
    """Pages by normalized name; callers make sure that the name is not owned here."""

    def __init__(self, context: UpstreamContext, store: PageStore, renderings: EarlyRenderings) -> None:
        self._context = context
        self._limits = context.limits
        self._store = store
        self._states: OrderedDict[str, PageState] = OrderedDict()
        self._failures: OrderedDict[str, tuple[float, UpstreamError]] = OrderedDict()
        self._listings = RecentListings(self._limits)
        self._early = EarlyPages(self._limits)
        self._renderings = renderings
        self._flights: dict[str, asyncio.Task[None]] = {}
        self._saving: dict[str, asyncio.Task[None]] = {}
        self._unsaved: OrderedDict[str, PageState] = OrderedDict()
        self._places = asyncio.Semaphore(context.limits.flights)
        self._revisions = 0

    def known(self, name: str, source: UpstreamSource) -> PageState | None:
        """Return a page that may be answered at once, from memory; a stale one is asked for again behind."""
        state = self._states.get(name)
        if state is None or state.facts.source != source.url:
            return None
        age = self._context.clock() - state.confirmed
        if age > self._limits.stale:
            return None
        if age > state.facts.max_age or age < -AHEAD:
            self._refresh_behind(state, source)
        return state

    def is_fresh(self, name: str, revision: int, now: float) -> bool:
        """Return whether a body that was answered before is the page's, and needs no other at this time."""
        state = self._states.get(name)
        return state is not None and state.revision == revision and 0.0 <= now - state.confirmed <= state.facts.max_age

    async def get(self, name: str, source: UpstreamSource) -> PageState:
        """
        Return a project's page: the stored one at once if there is one that is not too old, else upstream's.

        Raises NotUpstreamError when upstream has no such project, and UpstreamUnavailableError.
        """
        state = self.known(name, source) or await self._load(name, source)
        if state is not None:
            if self._context.clock() - state.confirmed <= self._limits.stale:
                return self.known(name, source) or state
            if time.monotonic() >= state.ask_again:
                with suppress(UpstreamUnavailableError):  # an old page is better than none
                    await self._ask(name, source)
            if name in self._states:
                return self._states[name]
        self._raise_remembered(name)
        await self._ask(name, source)
        return self._states[name]

    async def refresh(self, name: str, source: UpstreamSource) -> None:
        """Ask upstream for a page, stored or not; raises as `get`."""
        if name not in self._states:
            await self._load(name, source)
        await self._ask(name, source)

    async def _ask(self, name: str, source: UpstreamSource) -> None:
        """Share one request to upstream with all current callers."""
        flight = self._flights.get(name) or self._start(name, source)
        try:
            async with asyncio.timeout(self._limits.first_page):
                await asyncio.shield(flight)
        except TimeoutError:
            raise UpstreamUnavailableError(f"Upstream is slow to answer for {name}; try again in a moment.") from None
        if name not in self._states:
            self._raise_remembered(name)
            raise UpstreamUnavailableError(f"Upstream's answer for {name} could not be kept.")

    async def parsed(self, name: str, source: UpstreamSource) -> tuple[PageState, ParsedPage]:
        """Return a page as upstream sent it; if its stored body is damaged, fetch it again; raises as `get`."""
        state = await self.get(name, source)
        found = await self._parsed(state)
        if found is None:
            self.forget(name)
            state = await self.get(name, source)
            found = await self._parsed(state)
        if found is None:
            self.forget(name)
            await self._context.in_thread(lambda: self._store.remove(name))
            state = await self.get(name, source)
            found = await self._parsed(state)
        if found is None:
            raise UpstreamUnavailableError(f"The cache of {name} is damaged.")
        return state, found

    async def listing(self, name: str, source: UpstreamSource) -> tuple[PageState, Listing]:
        """Return the files of a page; raises as `get`."""
        state = await self.get(name, source)
        kept = self._listings.whole(name, state.revision)
        if kept is not None:
            return state, kept
        state, parsed = await self.parsed(name, source)
        return state, parsed.listing

    async def listing_with(self, name: str, source: UpstreamSource, filename: str) -> tuple[PageState, Listing]:
        """Return a listing that has one file of a page, if the page has it; raises as `get`."""
        state = await self.get(name, source)
        kept = self._listings.with_file(name, state.revision, filename)
        if kept is not None:
            return state, kept
        state, listing = await self.listing(name, source)
        self._listings.keep_file(state.revision, listing, filename)
        return state, listing

    async def _parsed(self, state: PageState) -> ParsedPage | None:
        digest = state.facts.digest
        body = state.body or await self._context.in_thread(lambda: self._store.body(state.name, digest))
        if body is not None:
            with suppress(NotAnIndexPageError):
                parsed, packed = await self._context.parsing(
                    len(body), lambda: _parse(body, state.facts.url, state.name)
                )
                self._listings.keep(state.name, state.revision, packed)
                return parsed
        return None

    def is_refreshing(self, name: str) -> bool:
        """Return whether upstream is asked for a page just now."""
        return name in self._flights

    def forget(self, name: str) -> None:
        """Drop a page from memory; the stored one stays."""
        self._states.pop(name, None)
        self._failures.pop(name, None)
        self._early.forget(name)
        self._listings.forget(name)

    async def saved(self, name: str) -> None:
        """Wait until a page that came is stored."""
        if name in self._saving:
            await self._saving[name]

    async def stop(self) -> None:
        """End requests, and store complete pages."""
        for flight in list(self._flights.values()):
            flight.cancel()
        await asyncio.gather(*self._flights.values(), return_exceptions=True)
        await asyncio.gather(*self._saving.values())
        await self._renderings.stop()

    async def _load(self, name: str, source: UpstreamSource) -> PageState | None:
        """Return the stored page, which another process or an earlier run may have fetched, and its rendering."""
        if not self._store.has(name):
            return None
        stored, early = await self._context.in_thread(lambda: self._read(name, source))
        if stored is None:
            return None
        if name not in self._states:
            state = self._take(name, *stored)
            if early is not None:
                self._keep_early(state, early)
        return self._states[name]

    def _read(self, name: str, source: UpstreamSource) -> tuple[tuple[PageFacts, float] | None, RenderedEarly | None]:
        stored = self._store.load(name)
        if stored is None or stored[0].source != source.url:
            return None, None
        return stored, self._renderings.recall(name, stored[0].digest, source)

    def _keep_early(self, state: PageState, early: RenderedEarly) -> None:
        """Keep a page that was rendered early, and the files that likely are asked for next."""
        self._early.keep(state.name, state.revision, early)
        if early.next is not None:
            for filename in early.next.files:
                self._listings.keep_file(state.revision, early.next, filename)

    def _take(self, name: str, facts: PageFacts, confirmed: float) -> PageState:
        self._revisions += 1
        state = self._states[name] = PageState(name, facts, confirmed, self._revisions)
        self._failures.pop(name, None)
        while len(self._states) > self._limits.states:
            self._states.popitem(last=False)
        return state

    def _refresh_behind(self, state: PageState, source: UpstreamSource) -> None:
        if state.name not in self._flights and time.monotonic() >= state.ask_again:
            self._start(state.name, source)

    def _start(self, name: str, source: UpstreamSource) -> asyncio.Task[None]:
        task = self._flights[name] = asyncio.create_task(self._fly(name, source))
        task.add_done_callback(lambda _: self._flights.pop(name, None))
        return task

    async def _fly(self, name: str, source: UpstreamSource) -> None:
        """Ask upstream once, for all callers, and keep its answer or its failure; raises nothing."""
        breaker = self._context.breakers.of(source.url)
        try:
            async with self._places:
                self._context.breakers.require(source.url)
                async with asyncio.timeout(2 * self._limits.first_page):
                    await self._fetch(name, source)
            breaker.succeeded()
        except NotUpstreamError as error:
            breaker.succeeded()
            self._remember(name, error, self._limits.remembered)
        except (UpstreamUnavailableError, TimeoutError) as error:
            if not isinstance(error, UpstreamUnavailableError):
                error = UpstreamUnavailableError(f"Upstream did not send the page of {name} in time.")
            if not isinstance(error, NotAskedError):
                breaker.failed(error.message)
            self._remember(name, error, self._limits.remembered_page_failure)
            state = self._states.get(name)
            if state is not None:
                state.failure, state.ask_again = error.message, time.monotonic() + self._limits.remembered

    async def _fetch(self, name: str, source: UpstreamSource) -> None:
        await self.saved(name)
        state = self._states.get(name)
        etag = state.facts.etag if state is not None and state.facts.source == source.url else ""
        url = f"{source.url.rstrip('/')}/{name}/"
        reply = await self._context.client.page(source, url, etag)
        if reply.status == 304 and self._states.get(name) is not state:  # its body was found damaged meanwhile
            reply = await self._context.client.page(source, url, "")
        if reply.status == 304 and state is not None:
            await self._confirm(state)
        elif reply.status in {404, 410}:
            await self._missing(name, state)
        elif reply.status == 200:
            await self._replace(name, source, reply)
        else:
            raise UpstreamUnavailableError(f"Upstream answered {reply.status} for {name}.")

    async def _confirm(self, state: PageState) -> None:
        state.confirmed, state.failure, state.ask_again = self._context.clock(), "", 0.0
        with suppress(OSError):
            await self._context.in_thread(lambda: self._store.confirm(state.name, state.confirmed))

    async def _missing(self, name: str, state: PageState | None) -> None:
        """Believe a 404 for a page that was there only when it comes a second time, later."""
        now = self._context.clock()
        if state is not None and not state.facts.gone:
            state.facts = state.facts._replace(gone=now)
            body = await self._context.in_thread(lambda: self._store.body(name))
            if body is not None:
                facts, confirmed = state.facts, state.confirmed
                with suppress(OSError):
                    await self._context.in_thread(lambda: self._store.save(name, facts, body, confirmed))
        if state is not None and now - state.facts.gone < self._limits.fresh_least:
            state.ask_again = time.monotonic() + self._limits.fresh_least
            state.failure = "Upstream reports that the project does not exist."
            return
        self.forget(name)
        await self._context.in_thread(lambda: self._store.remove(name))
        raise NotUpstreamError(f"Neither this index nor upstream has a project {name}.")

    async def _replace(self, name: str, source: UpstreamSource, reply: "PageReply") -> None:
        limits = self._limits
        try:
            packed, early = await self._context.parsing(len(reply.body), lambda: self._parse(name, source, reply))
        except NotAnIndexPageError as error:
            raise UpstreamUnavailableError(f"Upstream's answer is not the page of {name}: {error}.") from error
        now = self._context.clock()
        age = limits.fresh_default if reply.max_age is None else reply.max_age
        max_age = min(max(age, limits.fresh_least), limits.fresh_most)
        facts = PageFacts(source.url, reply.url, reply.etag, now, max_age)
        state = self._take(name, facts, now)
        state.body = reply.body
        self._listings.keep(name, state.revision, packed)
        if early is not None:
            self._keep_early(state, early)
        for_disk = early.for_disk() if early is not None else None
        task = self._saving[name] = asyncio.create_task(self._save(state, reply, for_disk))
        task.add_done_callback(lambda _: self._saving.pop(name, None))

    async def _save(self, state: PageState, reply: "PageReply", for_disk: RenderedEarly | None) -> None:
        """Store a page that is answered already; one that can't be stored stays in memory."""
        facts, confirmed = state.facts, state.confirmed
        try:
            state.facts = await self._context.in_thread(
                lambda: self._store.save(state.name, facts, reply.body, confirmed, reply.packed)
            )
            state.body = None
            self._renderings.keep(state.name, state.facts.digest, for_disk)
        except OSError as error:
            _log.warning("can't write the page of %s to the cache of public packages: %s", state.name, error)
            self._bound_unsaved(state)

    def _bound_unsaved(self, state: PageState) -> None:
        """Drop the oldest bodies that could not be stored; their pages are fetched again."""
        self._unsaved[state.name] = state
        self._unsaved.move_to_end(state.name)
        while len(self._unsaved) > 1 and self._unsaved_size() > self._limits.unsaved_pages:
            self._unsaved.popitem(last=False)[1].body = None

    def _unsaved_size(self) -> int:
        return sum(len(state.body or b"") for state in self._unsaved.values())

    def _parse(self, name: str, source: UpstreamSource, reply: "PageReply") -> tuple[bytes, RenderedEarly | None]:
        parsed, packed = _parse(reply.body, reply.url, name)
        return packed, self._renderings.render(parsed, source)

    def rendered_early(self, state: PageState) -> RenderedEarly | None:
        """Return the page that was rendered when it came, once."""
        return self._early.take(state.name, state.revision)

    def _remember(self, name: str, error: UpstreamError, seconds: float) -> None:
        self._failures[name] = time.monotonic() + seconds, error
        while len(self._failures) > self._limits.states:
            self._failures.popitem(last=False)

    def _raise_remembered(self, name: str) -> None:
        remembered = self._failures.get(name)
        if remembered is not None and remembered[0] > time.monotonic():
            raise remembered[1]


def _parse(body: bytes, url: str, name: str) -> tuple[ParsedPage, bytes]:
    """Return a page, and its listing as one block; raises NotAnIndexPageError."""
    parsed = parse_page(body, url, name)
    return parsed, pack(parsed.listing)
