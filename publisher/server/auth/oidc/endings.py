"""The end of the publishers that an account vouched for, with or without a server that exchanges tokens."""

import time

from publisher.server.auth.oidc.minted_tokens import REVOKED_FOR
from publisher.server.auth.oidc.publishers import Publisher
from publisher.server.auth.oidc.registry import PublisherRegistry
from publisher.server.auth.revocations import Revocations
from publisher.server.storage.base import Storage


class PublisherEndings:
    """Removes publishers, and ends the tokens that were minted for them."""

    def __init__(self, registry: PublisherRegistry, revocations: Revocations) -> None:
        self._registry = registry
        self._revocations = revocations

    async def remove(self, name: str) -> Publisher:
        """Remove a publisher; raise UnknownPublisherError when there is none of that name."""
        removed = await self._registry.remove(name)
        await self._revoke(removed)
        return removed

    async def remove_of(self, account: str) -> list[str]:
        """Remove the publishers that an account vouches for, and return their titles."""
        removed = await self._registry.remove_of(account)
        for publisher in removed:
            await self._revoke(publisher)
        return [publisher.title for publisher in removed]

    async def _revoke(self, publisher: Publisher) -> None:
        await self._revocations.revoke(publisher.serial, time.time() + REVOKED_FOR)


def publisher_endings(storage: Storage) -> PublisherEndings:
    """Return the function that ends publishers in a storage of accounts."""
    return PublisherEndings(PublisherRegistry(storage), Revocations(storage))
