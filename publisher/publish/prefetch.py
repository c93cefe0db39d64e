"""Reading the index in the background while files are built."""

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from publisher.credentials.chain import Prompt, Target, find_credentials
from publisher.errors import NoCredentialsError, PublishError

if TYPE_CHECKING:
    from publisher.client.client import IndexClient
    from publisher.client.models import RemoteFile

_CONCURRENT_READS = 6
"""Projects that are read at the same time."""

_ENDING = 2.0
"""Seconds to wait for a thread on close: enough for an import, without blocking on an index that hangs."""

_MANY = 8
"""Number of projects from which reading the list of all projects pays off: new projects then cost no request."""


class IndexPrefetch:
    """
    Credentials, connections and file lists of an index, fetched in the background from the moment of creation.

    Failures are raised where the result is needed. ``alone`` is for a run that probably sends nothing but the request
    for its project's files: what an upload needs is imported when `expect_upload` is called.
    """

    def __init__(self, target: Target, projects: Iterable[str], *, alone: bool = False) -> None:
        self._target = target
        self._alone = alone
        self._projects = list(dict.fromkeys(projects))
        self._index: IndexClient | None = None
        self._files: dict[str, Mapping[str, RemoteFile]] = {}
        self._reading = threading.Lock()
        self._started: Future[None] = Future()
        self._threads: list[threading.Thread] = []
        self._run_in_background(self._start)

    def connect(self, prompt: Prompt | None) -> "IndexClient":
        """
        Return the client of the index, after asking for missing credentials where there is a prompt.

        Raises CredentialsError and IndexUnavailableError.
        """
        try:
            self._started.result()
        except NoCredentialsError:
            if prompt is None:
                raise
            self._open(replace(self._target, prompt=prompt))
        if self._target.trusted is not None and self._target.trusted.is_old:  # the build took long
            self.close()
            self._open(self._target)
        assert self._index is not None  # noqa: S101 - `_open` succeeded
        return self._index

    def files(self, project: str) -> "Mapping[str, RemoteFile]":
        """Return the index's files of a project by name; raises CredentialsError and IndexUnavailableError."""
        with self._reading:
            if project not in self._files:
                assert self._index is not None  # noqa: S101 - callers connect first
                self._files[project] = self._index.files(project)
            return self._files[project]

    def expect_upload(self) -> None:
        """Import in the background what an upload needs."""
        if self._alone:
            self._run_in_background(_import_for_upload)

    def close(self) -> None:
        """
        Wait for background work, then close the connections.

        Python may crash at exit while a thread imports modules, because it frees a lock that the thread waits for.
        """
        for thread in self._threads:
            thread.join(_ENDING)
        if self._index is not None:
            self._index.close()

    def _run_in_background(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True, name="prefetch")  # an index that hangs must not block exit
        self._threads.append(thread)
        thread.start()

    def _start(self) -> None:
        try:
            self._open(replace(self._target, prompt=None))
        except BaseException as error:  # noqa: BLE001 - raised by `connect`
            self._started.set_exception(error)
        else:
            self._started.set_result(None)

    def _open(self, target: Target) -> None:
        from publisher.client.client import IndexClient  # noqa: PLC0415 - slow to import; the build covers it

        self._index = IndexClient(target.url, find_credentials(target))
        self._files = _fetch(self._index, self._projects)
        if not self._alone:
            _import_for_upload()


def _import_for_upload() -> None:
    """Import the large modules that checks and uploads need."""
    import publisher.checks.engine  # noqa: PLC0415
    import publisher.client.upload_form  # noqa: F401, PLC0415


def _fetch(index: "IndexClient", projects: Collection[str]) -> "dict[str, Mapping[str, RemoteFile]]":
    """Return the files of projects; with many projects, read only those that are in the list of all projects."""
    found: dict[str, Mapping[str, RemoteFile]] = {project: {} for project in projects}
    listed = _list_projects(index, projects) if len(projects) >= _MANY else projects
    wanted = [project for project in projects if project in listed]
    if len(wanted) == 1:
        return found | {project: index.files(project) for project in wanted}
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - imported when it is first used

    with ThreadPoolExecutor(_CONCURRENT_READS) as pool:
        return found | dict(zip(wanted, pool.map(index.files, wanted), strict=True))


def _list_projects(index: "IndexClient", projects: Collection[str]) -> Collection[str]:
    """Return the projects of an index; the given ones when it does not list them."""
    try:
        return {canonicalize_name(name) for name in index.projects()}
    except PublishError:
        return projects  # some users may read single projects but not the list
