"""Failures of a storage: absent, taken, changed meanwhile; could not find out; could not write."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio


class StorageError(Exception):
    """A storage failed; ``message`` is the sentence for the client."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class StorageUnavailableError(StorageError):
    """Could not find out: nothing may be concluded from it, least of all that something is absent."""

    def __init__(self, message: str = "The packages can't be read just now; try again in a moment.") -> None:
        super().__init__(message)


class MissingFileError(StorageUnavailableError):
    """A record lists the file, and the storage does not have it."""

    def __init__(self) -> None:
        super().__init__("A listed file is missing from the bucket. Ask the index's administrator to check it.")


class LeaseLostError(StorageUnavailableError):
    """Another writer has taken the lease over; changes under it must not be committed."""


class StorageFullError(StorageError):
    """No space left on the device, or the quota is used up."""


class StorageReadOnlyError(StorageError):
    """The storage can only be read, maybe on purpose."""


class StorageWriteError(StorageError):
    """The storage refused to write."""


class NotDurableError(StorageError):
    """Written here, but not durably; ``settled`` ends when it is, after all."""

    def __init__(self, message: str, settled: asyncio.Task[None] | None = None) -> None:
        super().__init__(message)
        self.settled = settled


class AbsentError(LookupError):
    """The file is known to be absent."""


class ExistsError(Exception):
    """The file exists; nothing was changed."""


class ChangedError(Exception):
    """The file is not the one that was read; nothing was changed."""
