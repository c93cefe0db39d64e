"""An admin's questions and changes: the decision on a file, exceptions, claims, and the contents of the cache."""

import logging
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from publisher.limits import LIMITS
from publisher.project.versions import same_version
from publisher.server.names.filenames import is_name, normalize
from publisher.server.upstream.errors import NotUpstreamError, UpstreamError, UpstreamUnavailableError
from publisher.server.upstream.lock_files import PinnedPackage
from publisher.server.upstream.pages.listing import Listing, parse_page
from publisher.server.upstream.policy.decision import time_text
from publisher.server.upstream.policy.ledger import Allowance, Claim
from publisher.server.upstream.service import Upstream

_audit = logging.getLogger("publisher.audit")


class InvalidRequestError(Exception):
    """The request of an admin is not valid; the text says why."""


class UpstreamAdmin:
    """The administration of one `Upstream`; changes are in the audit trail with their account."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    async def overview(self) -> dict[str, Any]:
        """Return the upstreams, the cached projects, the exceptions and the claims."""
        upstream = self._upstream
        projects = await upstream.context.in_thread(self._cached_projects)
        ledger = upstream.ledger
        return {
            "upstreams": upstream.state(),
            "cooldown": upstream.settings.cooldown,
            "size": upstream.blobs.size,
            "projects": projects,
            "allowed": [_allowance_json(each) for each in ledger.all_allowances().values()],
            "claimed": [{"name": each.name, "hides": each.hides, "by": each.by} for each in ledger.claims.values()],
        }

    async def why(self, name: str, version: str) -> dict[str, Any]:
        """Return this index's answer for a project, or one version of it, with its reason."""
        name = _checked(name)
        upstream = self._upstream
        answer: dict[str, Any] = {"name": name, "files": []}
        try:
            source = await upstream.source_of(name)
            state, listing = await upstream.pages.listing(name, source)
        except NotUpstreamError as error:
            owned = await upstream.ownership.is_owned(name)
            reason = "The name belongs to this index, so nothing public is passed on." if owned else error.message
            return {**answer, "owned": owned, "reason": reason}
        except UpstreamUnavailableError as error:
            return {**answer, "owned": False, "reason": error.message}
        decide = upstream.policy.decide(listing)
        files = [file for file in listing.files.values() if not version or same_version(file.version, version)]
        verdicts = [(file, decide.verdict(file)) for file in files]
        answer["files"] = [
            {
                "filename": file.filename,
                "version": file.version,
                "passed-on": not verdict.reason,
                "reason": verdict.reason,
                "cached": upstream.files.stored(file) is not None,
            }
            for file, verdict in verdicts
        ]
        if version and not files:
            reason = f"{source.url} has no {name} {version}, as of {time_text(state.confirmed)}."
            return {**answer, "owned": False, "upstream": source.url, "status": listing.status, "reason": reason}
        reason = f"Passed on from {source.url}, confirmed {time_text(state.confirmed)}."
        if state.failure:
            reason += f" The last refresh failed: {state.failure}"
        return {**answer, "owned": False, "upstream": source.url, "status": listing.status, "reason": reason}

    async def allow(self, name: str, version: str, until: str, reason: str, by: str) -> dict[str, Any]:
        """Add an exception from the cooldown; raises InvalidRequestError."""
        moment = _end(until)
        now = self._upstream.clock()
        if moment <= now:
            raise InvalidRequestError(f"The end date {until} is in the past.")
        if not reason.strip() or len(reason) > LIMITS.upstream.admin_reason or not reason.isprintable():
            raise InvalidRequestError(f"The reason must be one line of 1 to {LIMITS.upstream.admin_reason} characters.")
        allowance = Allowance(_checked(name), version, moment, reason, by, now)
        await self._upstream.ledger.allow(allowance)
        _audit.info("%s allowed %s before its cooldown until %s: %s", by, _pin(allowance), time_text(moment), reason)
        return _allowance_json(allowance)

    async def disallow(self, name: str, version: str, by: str) -> dict[str, Any]:
        """Remove exceptions."""
        count = await self._upstream.ledger.disallow(_checked(name), version)
        _audit.info("%s removed %d exceptions for %s", by, count, name)
        return {"name": _checked(name), "version": version, "removed": count}

    async def claim(self, name: str, by: str) -> dict[str, Any]:
        """Allow that a public name is published here, and return the public project that it hides."""
        name = _checked(name)
        hides = await self._public_project(name)
        await self._upstream.ledger.claim(Claim(name, hides, by, self._upstream.clock()))
        _audit.info("%s claimed the name %s, which hides %s", by, name, hides or "no public project")
        return {"name": name, "hides": hides}

    async def claims(self, names: Iterable[str]) -> dict[str, Any]:
        """Return which private names exist publicly; asks upstream for each one, so it sends the names there."""
        found, asked = [], list(names)
        for name in asked:
            hides = await self._public_project(name)
            if hides:
                found.append({"name": name, "hides": hides, "claimed": name in self._upstream.ledger.claims})
        return {"asked": len(asked), "claims": found}

    async def warm(self, pinned: PinnedPackage, set_name: str) -> dict[str, Any]:
        """Have the files of a package in the cache, protected from eviction as a part of a named set."""
        upstream = self._upstream
        answer = {"name": pinned.name, "version": pinned.version}
        if await upstream.ownership.is_owned(pinned.name):
            return {**answer, "files": [], "failed": {}, "owned": True}
        source = await upstream.source_of(pinned.name)
        _, listing = await upstream.pages.listing(pinned.name, source)
        if not any(same_version(file.version, pinned.version) for file in listing.files.values()):
            await upstream.pages.refresh(pinned.name, source)
            _, listing = await upstream.pages.listing(pinned.name, source)
        decide = upstream.policy.decide(listing)
        keys: set[str] = set()
        fetched, failed = [], {}
        for file in _wanted(listing, pinned):
            verdict = decide.verdict(file)
            if verdict.reason:
                failed[file.filename] = verdict.reason
                continue
            try:
                keys.add(await upstream.files.fetch(file, source))
                if file.metadata is not None:
                    with suppress(NotUpstreamError):
                        await upstream.files.metadata(file, source)
                        keys |= upstream.files.keys(file)
                fetched.append(file.filename)
            except UpstreamError as error:
                failed[file.filename] = error.message
        if not fetched and not failed:
            failed[f"{pinned.name}=={pinned.version}"] = "Upstream lists none of its files."
        await upstream.context.in_thread(lambda: upstream.blobs.pin(set_name, keys))
        return {**answer, "files": fetched, "failed": failed, "owned": False}

    async def refresh(self, name: str) -> dict[str, Any]:
        """Ask upstream for a project's page now; raises UpstreamError."""
        name = _checked(name)
        source = await self._upstream.source_of(name)
        await self._upstream.pages.refresh(name, source)
        state, listing = await self._upstream.pages.listing(name, source)
        return {"name": name, "files": len(listing.files), "confirmed": time_text(state.confirmed)}

    async def remove(self, name: str, by: str) -> dict[str, Any]:
        """Remove a project's page and files from the cache."""
        name = _checked(name)
        upstream = self._upstream
        await upstream.pages.saved(name)
        removed = await upstream.context.in_thread(lambda: self._remove(name))
        upstream.pages.forget(name)
        _audit.info("%s removed %s from the cache of public packages", by, name)
        return {"name": name, "files": removed}

    def _remove(self, name: str) -> int:
        upstream = self._upstream
        listing = self._stored_listing(name)
        keys = {key for file in listing.files.values() for key in upstream.files.keys(file)} if listing else set()
        for file in listing.files.values() if listing else ():
            if not file.hashes:
                upstream.learned.forget_digest(file.url)
        upstream.blobs.unpin(keys)
        upstream.page_store.remove(name)
        return sum(upstream.blobs.remove(key) for key in keys)

    def _cached_projects(self) -> list[dict[str, Any]]:
        """Return the cached projects with their files and bytes in the cache; runs in a thread."""
        sizes = {blob.key: blob.size for blob in self._upstream.blobs.scan()}
        found = []
        for name in self._upstream.page_store.names():
            listing, stored = self._stored_listing(name), self._upstream.page_store.load(name)
            if listing is None or stored is None:
                continue
            keys = {key for file in listing.files.values() for key in self._upstream.files.keys(file)} & set(sizes)
            size = sum(sizes[key] for key in keys)
            found.append({"name": name, "files": len(keys), "bytes": size, "confirmed": time_text(stored[1])})
        return found

    def _stored_listing(self, name: str) -> Listing | None:
        body, stored = self._upstream.page_store.body(name), self._upstream.page_store.load(name)
        return parse_page(body, stored[0].url, name).listing if body is not None and stored is not None else None

    async def _public_project(self, name: str) -> str:
        """Return the URL of the public project of a name, empty when upstream has none; raises UpstreamError."""
        source = self._upstream.policy.source_of(name)
        if source is None:
            return ""
        url = f"{source.url}{name}/"
        reply = await self._upstream.context.client.page(source, url, "")
        if reply.status in {404, 410}:
            return ""
        if reply.status != 200:
            raise UpstreamUnavailableError(f"Upstream answered {reply.status} for {name}.")
        return url


def _wanted(listing: Listing, pinned: PinnedPackage) -> list[Any]:
    """Return the files of a pinned package, by digest where there are any, else all of its version."""
    files = [file for file in listing.files.values() if same_version(file.version, pinned.version)]
    return [file for file in files if not pinned.digests or file.key in pinned.digests]


def _checked(name: str) -> str:
    normalized = normalize(name)
    if not is_name(normalized):
        raise InvalidRequestError(f"{name[:80]!r} is not a valid project name.")
    return normalized


def _end(text: str) -> float:
    """Return the end of a day (``2026-12-31``) or a time with a zone, in seconds since 1970."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidRequestError(f"{text[:40]!r} is not a date like 2026-12-31.") from None
    if len(text) <= len("2026-12-31"):
        moment = moment.replace(hour=23, minute=59, second=59)
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


def _pin(allowance: Allowance) -> str:
    return f"{allowance.name}=={allowance.version}" if allowance.version else allowance.name


def _allowance_json(allowance: Allowance) -> dict[str, Any]:
    return {
        "name": allowance.name,
        "version": allowance.version,
        "until": time_text(allowance.until),
        "reason": allowance.reason,
        "by": allowance.by,
    }
