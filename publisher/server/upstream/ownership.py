"""Ownership of names: lists, downloads, metadata, pages and uploads all ask here."""

from collections.abc import Sequence
from typing import Protocol

from publisher.server.names.filenames import is_reserved


class Ownership(Protocol):
    """Knows which names belong to this index, and so never to an upstream."""

    def is_surely_public(self, name: str) -> bool:
        """Return whether memory proves that a name is not owned."""
        ...

    async def is_owned(self, name: str) -> bool:
        """
        Return whether a name is owned: published at any time, or reserved.

        Raises StorageUnavailableError when that can't be found out.
        """
        ...


class ReservedOnly:
    """The ownership where there is no index, as for filling a cache alone: reserved patterns."""

    def __init__(self, reserved: Sequence[str]) -> None:
        self._reserved = reserved

    def is_surely_public(self, name: str) -> bool:
        """Return whether no pattern matches."""
        return not any(is_reserved(name, pattern) for pattern in self._reserved)

    async def is_owned(self, name: str) -> bool:
        """Return whether a pattern matches."""
        return not self.is_surely_public(name)
