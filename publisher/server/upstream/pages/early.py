"""Pages rendered before anybody asks: in the thread that parsed them, or at an earlier run of this index."""

from functools import partial

from publisher.server.settings import UpstreamSource
from publisher.server.upstream.context import UpstreamContext
from publisher.server.upstream.pages.gzips import compress
from publisher.server.upstream.pages.learned import LearnedFacts
from publisher.server.upstream.pages.listing import ParsedPage
from publisher.server.upstream.pages.newest import newest_wheel
from publisher.server.upstream.pages.recent import RenderedEarly
from publisher.server.upstream.pages.render import ZIPPED_FROM, render
from publisher.server.upstream.pages.renderings import RenderingStore
from publisher.server.upstream.policy.decision import Policy
from publisher.server.upstream.write_behind import WriteBehind


class EarlyRenderings:
    """
    Renders the form of a page that most clients ask for: JSON, zipped, without a prefix.

    So the many small objects of a parsed page don't outlive its thread. Upstreams whose files ripen from their first
    sight have none, as that can't be noted in a thread.
    """

    def __init__(self, context: UpstreamContext, policy: Policy, learned: LearnedFacts, store: RenderingStore) -> None:
        self._context = context
        self._policy = policy
        self._learned = learned
        self._store = store
        self._behind = WriteBehind(context.placer, context.limits.unplaced)

    def revision(self, name: str) -> int:
        """Return a number that grows whenever answers for a project may change for another reason than page or time."""
        return self._policy.revision + self._learned.revision(name)

    def render(self, parsed: ParsedPage, source: UpstreamSource) -> RenderedEarly | None:
        """Render a page, and find the requests that likely follow; may run in a thread."""
        if source.first_seen:
            return None
        listing = parsed.listing
        name, revision, made = listing.name, self.revision(listing.name), self._context.clock()
        rules, decide = self._policy.fingerprint(name), self._policy.decide(listing)
        page = render(parsed, decide, "", self._learned, as_json=True)
        newest = newest_wheel(listing, lambda file: not decide.verdict(file).reason)
        if len(page.body) < ZIPPED_FROM:
            return RenderedEarly(page, revision, newest)
        may_last = not self._learned.without_metadata(name) and all(file.hashes for file in listing.files.values())
        zipped = page._replace(zipped=compress(page.body))
        return RenderedEarly(zipped, revision, newest, rules if may_last else "", made)

    def recall(self, name: str, digest: str, source: UpstreamSource) -> RenderedEarly | None:
        """Return a page that was rendered from the body of ``digest`` under the rules of today; runs in a thread."""
        if source.first_seen or not digest:
            return None
        revision, basis = self.revision(name), _basis(digest, self._policy.fingerprint(name))
        return self._store.load(name, basis, self._context.clock(), revision)

    def keep(self, name: str, digest: str, early: RenderedEarly | None) -> None:
        """Store a page `for_disk` that was rendered from the body of ``digest``, in a quiet moment."""
        if early is not None and digest:
            basis = _basis(digest, early.rules)
            self._behind.add(len(early.page.zipped), partial(self._store.save, name, basis, early))

    async def stop(self) -> None:
        """Store what waits."""
        await self._behind.stop()


def _basis(digest: str, rules: str) -> str:
    return f"{digest} {rules}"
