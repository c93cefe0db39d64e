"""The interface of a storage: the guarantees of each implementation, with any number of writers and any failure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple, Protocol

from publisher.server.storage.errors import AbsentError, ChangedError, ExistsError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from publisher.server.siblings.news import News

LEASE_PATIENCE = 60.0
"""Seconds that a writer waits for a lease that another one holds, before its client is asked to come again."""


class Stat(NamedTuple):
    """Size in bytes, time of the last change in nanoseconds since 1970, and a version that follows the contents."""

    size: int
    modified_ns: int
    version: str


Naming = Callable[["Stat"], AbstractContextManager[None]]


@contextmanager
def unnoticed(_: Stat) -> Iterator[None]:
    """Let a file get its name."""
    yield


class Files(Protocol):
    """
    The files of a storage by their keys (``a/b``); every method may block: call them in a thread.

    AbsentError means that a file is known to be absent. StorageUnavailableError means that it could not be found out;
    nothing may be concluded from it.
    """

    def read(self, key: str, start: int = 0, size: int | None = None) -> bytes:
        """Return the contents of a file, or ``size`` bytes of it from ``start``."""

    def stat(self, key: str) -> Stat:
        """Return size, time and version of a file."""

    def list(self, prefix: str) -> Sequence[str]:
        """Return the names directly below a prefix, hidden ones left out; none for a prefix without files."""

    def create(self, key: str, content: bytes | Path, naming: Naming = unnoticed, *, durable: bool = True) -> Stat:
        """
        Create a file that is absent, in one step and durably; raise ExistsError to all callers but one.

        One that is not ``durable`` becomes so with the next one that is, as a batch of `append` does.

        ``naming`` is entered with the file's state before others see it, and left as soon as they do, before
        that is durable. A storage that knows size and time only afterwards enters it then.
        """

    def replace(self, key: str, content: bytes | Path, version: str | None) -> Stat:
        """
        Replace a file in one step and durably, if it still has the version that was read (None: if it is absent).

        Raises ChangedError if another writer was faster.
        """

    def remove(self, key: str) -> None:
        """Remove a file durably, if there is one."""

    def append(self, log: str, batch: bytes, *, durable: bool = True) -> None:
        """
        Add a batch of lines to a log; no batch is ever lost or mixed with another one.

        One that is not ``durable`` becomes so with the next file that is created or replaced here;
        until then it may be lost when the power fails.
        """

    def lines(self, log: str, seen: dict[str, int] | None = None) -> Sequence[bytes]:
        """
        Return the complete lines of all batches of a log, those of one writer in their order.

        With ``seen`` only those that it has not; it is brought up to date, and is empty at first.
        """

    def compact(self, log: str, keep: Callable[[Sequence[bytes]], Sequence[bytes]]) -> None:
        """Let a log have the lines that ``keep`` selects, where that can be done without losing another's batch."""


def put(files: Files, key: str, data: bytes, *, durable: bool = True) -> None:
    """Create or replace a file; the last of several writers wins. A new one may become ``durable`` with the next."""
    while True:
        try:
            version = files.stat(key).version
        except AbsentError:
            with suppress(ExistsError):
                files.create(key, data, durable=durable)
                return
            continue
        with suppress(ChangedError):
            files.replace(key, data, version)
            return


class Lease(Protocol):
    """The right to be the only writer of something, until it is given back or its holder dies."""

    number: int
    """The fencing number: greater than that of every earlier holder."""

    async def check(self) -> None:
        """Return while the lease is held; raise LeaseLostError once another one has taken it over."""

    def keep_until(self, settled: asyncio.Task[None]) -> None:
        """Give the lease back only when a commit has succeeded that failed at first."""


class Storage(Protocol):
    """
    Files that several processes or machines share.

    ``generation`` grows whenever changes of other machines were brought in. ``reading_paused`` is true while
    files can't be read without waiting.
    """

    shared: bool
    """Whether changes of other writers are seen only after `refresh`, and files must not stay open for long."""
    generation: int
    oldest_page: float
    """Seconds that another writer's change of a known file may go unnoticed; a new file is seen at once."""
    is_rebuilt: bool
    """Whether missing records are rebuilt from the files; otherwise the records are the truth."""

    @property
    def news(self) -> News:
        """Messages about changes between the processes on this machine that serve the same index."""
        ...

    @property
    def reading_paused(self) -> bool:
        """Whether the files may look absent just now."""

    def known_version(self, key: str) -> str | None:
        """
        Return the version that a file has as of the last `refresh`, None for an absent one, without waiting.

        Raises StorageUnavailableError when that is not known just now.
        """

    def reading(self) -> AbstractAsyncContextManager[Files]:
        """Return the files, which stay in place meanwhile; raise StorageUnavailableError when they can't be read."""

    def writing(self, lease: Lease | None = None, since: float | None = None) -> AbstractAsyncContextManager[Files]:
        """
        Return the files for changes, which are durable and known to all writers when the block has ended.

        Replacing and removing needs a lease: a commit that failed succeeds later, and must find no newer change
        of another writer by then. Creating and appending needs none.

        The storage is up to date before the block begins, as of now or of ``since`` (see `refresh`), or
        StorageUnavailableError is raised. LeaseLostError means that nothing was changed, NotDurableError that the
        changes were made here and may or may not be known elsewhere: the lease is kept until that is settled.
        """

    def is_recent(self) -> bool:
        """Return without waiting whether `refresh` would find nothing new, as far as known names are concerned."""

    async def refresh(self, since: float | None = None) -> None:
        """
        Bring in the changes of other writers as of this call, or at the monotonic time ``since``.

        Raises StorageUnavailableError when that fails.
        """

    def lease(self, name: str, value: str = "", patience: float = LEASE_PATIENCE) -> AbstractAsyncContextManager[Lease]:
        """
        Hold a lease; wait for another holder, and take over from one that died, or that holds it for the same value.

        Raises StorageUnavailableError after ``patience`` seconds.
        """

    async def claim_once(self, name: str, value: str, seconds: float) -> str:
        """Claim a name with a value, for at least so many seconds; return the value of the first claim."""

    async def start(self) -> None:
        """Prepare for the first request."""

    async def stop(self) -> None:
        """End background work."""
