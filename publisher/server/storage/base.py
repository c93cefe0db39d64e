"""What a folder lies on: a disk, or a volume whose changes are committed and reloaded."""

from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Protocol


class Storage(Protocol):
    """
    Makes changes durable, and brings in those that others made.

    ``shared`` says that other machines write to it too, that their changes are seen only after `reload`, that the
    folder may look empty while `commit` or `reload` runs, and that both may be refused while a file of it is open.
    """

    shared: bool

    async def commit(self) -> None:
        """Make everything that was written durable; raise any exception when it is not."""

    async def reload(self) -> None:
        """Bring in what others have committed; raise any exception when that can't be done now."""

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Keep other machines from changing a file that is rewritten as a whole."""
        ...


class LocalDisk:
    """A folder on a disk: what is written is there, for everybody."""

    shared = False

    async def commit(self) -> None:
        """Do nothing: files are flushed when they are written."""

    async def reload(self) -> None:
        """Do nothing: changes are seen at once."""

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Do nothing: the file is locked among the processes of this machine where it is written."""
        return nullcontext()
