"""What a folder lies on: a disk, or a volume whose changes are committed and reloaded."""

from typing import Protocol


class Storage(Protocol):
    """
    Makes changes durable, and brings in those that others made.

    ``shared`` says that other machines write to it too, that their changes are seen only after `reload`, and that the folder may
    look empty while a reload runs.
    """

    shared: bool

    async def commit(self) -> None:
        """Make everything that was written durable; raise any exception when it is not."""

    async def reload(self) -> None:
        """Bring in what others have committed; raise any exception when that can't be done now."""


class LocalDisk:
    """A folder on a disk: what is written is there, for everybody."""

    shared = False

    async def commit(self) -> None:
        """Do nothing: files are flushed when they are written."""

    async def reload(self) -> None:
        """Do nothing: changes are seen at once."""
