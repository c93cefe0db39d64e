"""Refusals of the store: the name is taken, there is no such release, the file is too large."""

from typing import Self


class StoreError(Exception):
    """The store refused a request; ``message`` is the sentence for the client."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class FileExistsConflictError(StoreError):
    """
    The identity of a file is taken by other bytes, or was deleted and stays reserved.

    The messages begin with "File already exists", by which twine and uv recognize the refusal.
    """

    @classmethod
    def by_other_contents(cls, filename: str, sha256: str) -> Self:
        """Return the refusal of a file whose name has other contents on the index."""
        return cls(
            f"File already exists: {filename} is on this index with other contents "
            f"(sha256 {sha256}). Publish the change under a new version."
        )

    @classmethod
    def by_deletion(cls, filename: str) -> Self:
        """Return the refusal of a file whose name was deleted."""
        return cls(
            f"File already exists: {filename} was deleted from this index, and its name stays reserved. "
            "Publish under a new version."
        )


class ProjectExistsError(StoreError):
    """A file was to be the first of its project, and another one was stored meanwhile."""

    def __init__(self, project: str) -> None:
        super().__init__(f"{project} was published by another upload at the same moment. Send the file again.")


class UnknownReleaseError(StoreError):
    """The index has no such release, or no such file in it."""


class FileTooLargeError(StoreError):
    """A file is larger than the index accepts; ``limit`` is in bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"The file is larger than the {limit} bytes that this index accepts.")
        self.limit = limit
