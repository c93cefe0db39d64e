"""Failures of a storage: what could not be found out, and what could not be written."""


class StorageError(Exception):
    """A storage did not do what was asked; ``message`` is the sentence for the client."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class StorageUnavailableError(StorageError):
    """Could not find out: nothing may be concluded from it, least of all that something is absent."""

    def __init__(self, message: str = "The packages can't be read just now; try again in a moment.") -> None:
        super().__init__(message)


class StorageFullError(StorageError):
    """No space left on the device, or the quota is used up."""


class StorageReadOnlyError(StorageError):
    """The storage can only be read, maybe on purpose."""


class StorageWriteError(StorageError):
    """The storage refused to write."""


class NotDurableError(StorageError):
    """Written here, but not durably; the message says which state holds now."""
