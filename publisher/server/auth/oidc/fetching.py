"""Fetching the small JSON documents of an issuer: in bounded time and size, and never through a redirect."""

import asyncio
from typing import NamedTuple

import aiohttp  # noqa: TID251 - a door to aiohttp

from publisher.server.auth.oidc.errors import IssuerUnavailableError

_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}


class FetchLimits(NamedTuple):
    """
    Bounds on one document: seconds and bytes.

    Clients wait for 5 s for a minted token, and two documents are fetched for it.
    """

    seconds: float = 2.0
    size: int = 256 * 1024


async def fetch(url: str, limits: FetchLimits) -> bytes:
    """Return a document; raise IssuerUnavailableError when it does not come as it should."""
    try:
        async with (
            asyncio.timeout(limits.seconds),
            aiohttp.ClientSession(trust_env=True, headers=_HEADERS) as session,
            session.get(url, allow_redirects=False) as response,
        ):
            return await _read(response, url, limits.size)
    except TimeoutError:
        raise IssuerUnavailableError(f"{url} did not answer within {limits.seconds:g} s.") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise IssuerUnavailableError(f"{url} can't be fetched: {type(error).__name__}.") from error


async def _read(response: aiohttp.ClientResponse, url: str, limit: int) -> bytes:
    if response.status != 200:
        raise IssuerUnavailableError(f"{url} answered {response.status}.")
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > limit:
            raise IssuerUnavailableError(f"{url} is longer than {limit} bytes.")
    return bytes(body)
