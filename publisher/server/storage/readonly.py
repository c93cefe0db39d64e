"""A folder that an index only reads, because other programs change its files."""

from typing import NoReturn

from publisher.server.storage.base import LEASE_PATIENCE, Lease
from publisher.server.storage.errors import StorageReadOnlyError
from publisher.server.storage.folder import FolderStorage


class ReadOnlyFolder(FolderStorage):
    """A folder whose files are changed by other programs."""

    def writing(self, lease: Lease | None = None, since: float | None = None) -> NoReturn:  # noqa: ARG002 - the storage's signature
        """Refuse."""
        raise _refusal()

    def lease(self, name: str, value: str = "", patience: float = LEASE_PATIENCE) -> NoReturn:  # noqa: ARG002
        """Refuse: it is asked for before a change."""
        raise _refusal()

    async def start(self) -> None:
        """Leave the folder as it is."""


def _refusal() -> StorageReadOnlyError:
    return StorageReadOnlyError("This index only reads that file; nothing was changed. Change it where it comes from.")
