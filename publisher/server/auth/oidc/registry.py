"""The trusted publishers of an index: one file in the storage of the accounts."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from publisher.server.auth.fresh_copy import CopyTimes, FreshCopy
from publisher.server.auth.oidc.errors import ClaimMismatchError, InvalidPublisherError, UnknownPublisherError
from publisher.server.auth.oidc.publishers import Publisher, PublisherState, publisher_from_json
from publisher.server.auth.rewriting import parse_for_change, rewrite_alone
from publisher.server.storage.base import Storage
from publisher.server.storage.json_text import parse_json

KEY = "trust/publishers.json"

_MOST = 2000

Publishers = dict[str, Publisher]

_Result = TypeVar("_Result")


class PublisherRegistry:
    """
    The publishers by their names; a change replaces the file only as it was read, so that none is lost.

    A copy of a few seconds is enough to find publishers; publishers that a token depends on are read again with the
    lock.
    """

    def __init__(self, storage: Storage, times: CopyTimes | None = None) -> None:
        self._storage = storage
        self._copy: FreshCopy[Publishers] = FreshCopy(storage, KEY, _parse, times)

    async def all(self) -> list[Publisher]:
        """Return all publishers; raise AccountsUnavailableError when they can't be read."""
        return list((await self._copy.get()).values())

    async def add(self, publisher: Publisher) -> Publisher:
        """Add a publisher, or its projects and numbers to the same one; raise InvalidPublisherError when they clash."""

        def change(known: Publishers) -> Publisher:
            same = known.get(publisher.name)
            if same is None and len(known) >= _MOST:
                raise InvalidPublisherError(f"This index has {_MOST} publishers already.")
            added = publisher if same is None else _merged(same, publisher)
            known[added.name] = added
            return added

        return await self._change(change)

    async def remove(self, name: str) -> Publisher:
        """Remove a publisher; raise UnknownPublisherError when there is none of that name."""

        def change(known: Publishers) -> Publisher:
            if name not in known:
                raise UnknownPublisherError(name)
            return known.pop(name)

        return await self._change(change)

    async def remove_of(self, voucher: str) -> list[Publisher]:
        """Remove the publishers that an account vouches for, because the account ends."""

        def change(known: Publishers) -> list[Publisher]:
            return [known.pop(name) for name, each in list(known.items()) if each.voucher == voucher]

        return await self._change(change)

    async def use(self, name: str, claims: Mapping[str, Any], state: PublisherState) -> Publisher:
        """
        Return a publisher as it is used now: its numbers pinned, its state advanced.

        Raises ClaimMismatchError when it has changed meanwhile and no longer takes the claims.
        """

        def change(known: Publishers) -> Publisher:
            if name not in known:
                raise ClaimMismatchError("The publisher has been removed.")
            known[name].check(claims)
            known[name] = replace(known[name].pinned_by(claims), state=state)
            return known[name]

        return await self._change(change)

    async def _change(self, change: Callable[[Publishers], _Result]) -> _Result:
        def rewritten(before: bytes | None) -> tuple[bytes, _Result]:
            known = parse_for_change(KEY, _parse, before)
            result = change(known)
            return _render(known), result

        result = await rewrite_alone(self._storage, "publishers", KEY, rewritten)
        self._copy.forget()
        return result


def _merged(same: Publisher, new: Publisher) -> Publisher:
    if any(same.pins.get(name, value) != value for name, value in new.pins.items()):
        raise InvalidPublisherError(f"{same.title} is registered with other numbers: remove {same.name} first.")
    return replace(same, projects=tuple(sorted({*same.projects, *new.projects})), pins={**same.pins, **new.pins})


def _parse(data: bytes | None) -> Publishers:
    found = parse_json(data)["publishers"] if data else []
    return {each["name"]: publisher_from_json(each) for each in found}


def _render(known: Publishers) -> bytes:
    return json.dumps({"publishers": [each.as_json() for each in known.values()]}, indent=1).encode()
