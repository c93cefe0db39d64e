"""Trusted publishing as the routes and the authenticator use it; cryptography is loaded at its first use."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from publisher.server.auth.oidc.endings import PublisherEndings
from publisher.server.auth.oidc.minted_tokens import MintedToken, MintedTokens, Vouchers
from publisher.server.auth.oidc.publishers import KINDS, Publisher, create_publisher
from publisher.server.auth.oidc.registry import PublisherRegistry
from publisher.server.auth.oidc.signing_keys import SigningKeys
from publisher.server.auth.oidc.urls import audience_of
from publisher.server.auth.principal import Principal
from publisher.server.auth.revocations import Revocations
from publisher.server.storage.base import Storage

if TYPE_CHECKING:
    from publisher.server.auth.oidc.exchange import Exchange


class TrustedPublishing:
    """
    Publishers, the exchange of tokens, and the tokens minted, of an index with a public URL.

    ``is_published`` returns whether a project, by its normalized name, has files.
    """

    def __init__(  # noqa: PLR0913 - the parts of the index that it works with
        self,
        storage: Storage,
        public_url: str,
        *,
        revocations: Revocations,
        vouchers: Vouchers,
        is_published: Callable[[str], Awaitable[bool]],
        registry: PublisherRegistry | None = None,
    ) -> None:
        self.audience = audience_of(public_url)
        self.registry = registry or PublisherRegistry(storage)
        self.endings = PublisherEndings(self.registry, revocations)
        self.tokens = MintedTokens(SigningKeys(storage), revocations, vouchers, self.audience)
        self._storage = storage
        self.vouchers = vouchers
        self._is_published = is_published
        self._lazy_exchange: Exchange | None = None
        self._warming: asyncio.Task[None] | None = None

    def warm(self) -> None:
        """Begin to fetch the keys for the next exchange: a client that asks for the audience comes back soon."""
        if self._warming is None or self._warming.done():
            self._warming = asyncio.create_task(self._warm())
            self._warming.add_done_callback(_forget_failure)

    async def mint(self, token: str) -> MintedToken:
        """Return a minted token for one of an issuer; raise MintingRefusedError when it deserves none."""
        return await (await self._loaded()).mint(token)

    async def burn(self, token: str) -> Principal | None:
        """End a minted token; return its sender, None for one that is not valid anyway."""
        return await self.tokens.burn(token)

    async def add(self, values: Mapping[str, Any], voucher: str | None) -> Publisher:
        """Register the publisher that a request describes; raise InvalidPublisherError when it is not valid."""
        return await self.registry.add(create_publisher(values, voucher))

    async def is_known_issuer(self, issuer: str) -> bool:
        """Return whether the index already fetches keys from an issuer, or it is GitHub's or GitLab's own."""
        everybodys = {kind.issuer for kind in KINDS.values()}
        return issuer in everybodys or any(each.issuer == issuer for each in await self.registry.all())

    async def remove(self, name: str) -> Publisher:
        """Remove a publisher and end its tokens; raise UnknownPublisherError when there is none of that name."""
        return await self.endings.remove(name)

    async def stop(self) -> None:
        """End background work."""
        if self._warming is not None:
            self._warming.cancel()

    async def _warm(self) -> None:
        await (await self._loaded()).warm()

    async def _loaded(self) -> "Exchange":
        """Return the exchange, after loading it beside the event loop, which a large import would hold up."""
        if self._lazy_exchange is None:
            created = await asyncio.to_thread(self._create_exchange)
            self._lazy_exchange = self._lazy_exchange or created
        return self._lazy_exchange

    def _create_exchange(self) -> "Exchange":
        from publisher.server.auth.oidc.exchange import Exchange, ExchangeParts  # noqa: PLC0415 - see the module

        parts = ExchangeParts(
            self.registry, self.tokens, self.vouchers, self._storage, self._is_published, self.audience
        )
        return Exchange(parts)


def _forget_failure(task: asyncio.Task[None]) -> None:
    """Take notice of a failure, which the exchange will meet again."""
    if not task.cancelled():
        task.exception()
