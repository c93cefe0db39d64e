"""The interface between routes and the packages of an index, in a folder or a bucket."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from publisher.server.storage.base import Files
from publisher.server.store.ledger import Confirmation
from publisher.server.store.metadata import FileMetadata, NewProject
from publisher.server.store.projects import Project, StoredFile
from publisher.server.store.spool import SpoolCopy
from publisher.server.work.workers import Workers

_Result = TypeVar("_Result")


class MaintainerRecords(Protocol):
    """The maintainers in the records of projects."""

    def marked(self, files: Files) -> Sequence[str]:
        """Return the names of the projects that may have maintainers."""

    def maintainers(self, files: Files, project: str) -> frozenset[str]:
        """Return the accounts that maintain a project."""

    def add_maintainer(self, files: Files, project: str, account: str, details: Mapping[str, Any]) -> None:
        """Add a maintainer of a project."""

    def remove_maintainer(self, files: Files, project: str, account: str) -> None:
        """Remove a maintainer of a project, if it is one."""


class PackageCatalog(Protocol):
    """The projects and files of an index, and their metadata; methods that wait are coroutines."""

    workers: Workers

    @property
    def records(self) -> MaintainerRecords:
        """The records of the projects' maintainers."""

    @property
    def unavailable_reason(self) -> str | None:
        """The reason why the packages can't be served, None while they can."""

    @property
    def is_shared(self) -> bool:
        """Whether other machines may change the packages too."""

    @property
    def revision(self) -> int:
        """A number that grows whenever a project comes or goes."""

    @property
    def file_count(self) -> int:
        """The number of listed files."""

    @property
    def spool_folder(self) -> Path:
        """The folder of this machine where files are written while they come in."""

    async def start(self) -> None:
        """Read everything that the first request needs."""

    def close(self) -> None:
        """End the threads."""

    async def in_thread(self, work: Callable[[], _Result]) -> _Result:
        """Run blocking work in a thread."""
        ...

    def is_current(self, name: str | None = None) -> bool:
        """Return without waiting whether the known state of a project, or of the list of all, may be served."""

    def project(self, name: str) -> Project | None:
        """Return a known project by its normalized name."""

    def names(self) -> list[str]:
        """Return the normalized names of all known projects."""

    def has_file(self, filename: str) -> bool:
        """Return whether a file of that name is listed."""

    def locations(self) -> Iterator[tuple[str, str, str]]:
        """Yield directory, file name and URL path of every listed file; may run in any thread."""

    async def refresh(self) -> None:
        """Bring the list of projects up to date."""

    async def rescan(self) -> None:
        """Look for changes of other writers."""

    async def reread(self) -> None:
        """Scan everything again."""

    async def find(self, name: str) -> Project | None:
        """Return a project by its normalized name; look for it before returning None."""

    async def find_before_change(self, name: str, since: float | None = None) -> Project | None:
        """Return a project as it is once the changes of others, where there are any, were brought in."""

    async def files(self, project: Project) -> Mapping[str, StoredFile]:
        """Return the files of a project with their metadata."""

    async def peek(self, project: Project) -> Mapping[str, StoredFile]:
        """Return the files of a project, and keep nothing in memory for it: for looks at many projects."""

    def local_copy(self, file: StoredFile) -> AbstractAsyncContextManager[Path]:
        """Return the path of a file on this machine, which holds as long as the block runs."""

    async def is_owned(self, name: str) -> bool:
        """Return whether a name is this index's for good: published at any time, or reserved."""

    async def was_published(self, name: str) -> bool:
        """Return whether a name has, or ever had, files on this index."""

    async def confirm_loss(self) -> Confirmation | None:
        """Accept a loss of packages, if there is one; return None without a list of owned names."""

    async def read_failure(self) -> str | None:
        """Return why the packages can't be served, None when they can."""

    async def write_failure(self) -> OSError | None:
        """Return why the packages can't be written; tried at most once a minute, and creates nothing lasting."""


class PackageChanges(Protocol):
    """Changes of the packages: durable, and known to everybody, when a method returns."""

    async def require_available(self) -> None:
        """Return when the packages are there; raise StorageUnavailableError when they are lost."""

    async def begin_upload(self, filename: str, size: int | None) -> SpoolCopy | None:
        """
        Return where the bytes of an upload go while they come in; None where they stay on this machine until then.

        ``size`` is about the number of bytes, None where it is not known. Its sender has the right to publish it.
        """

    async def upload(  # noqa: PLR0913, PLR0917 - what makes up an upload
        self,
        content: bytes | Path,
        filename: str,
        metadata: FileMetadata,
        signature: bytes | None = None,
        new_project: NewProject | None = None,
        parts: SpoolCopy | None = None,
    ) -> StoredFile:
        """
        Add a complete, checked file, in memory or on this machine, to the index; ``parts`` are from `begin_upload`.

        Raises FileExistsConflictError when its identity is taken by other bytes or was deleted, ProjectExistsError when
        it was to be the first of a ``new_project`` and is not, and StorageError when it can't be stored.
        """

    async def yank(self, name: str, version: str, reason: str, user: str | None) -> list[str]:
        """Yank the files of a release (PEP 592) and return their names; raise UnknownReleaseError for none."""

    async def unyank(self, name: str, version: str) -> list[str]:
        """Undo a yank."""

    async def delete(self, name: str, version: str, filename: str | None, user: str | None) -> list[str]:
        """Delete a file or all files of a release, and return the names; they stay reserved."""
