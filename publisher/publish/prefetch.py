"""What publishing needs of the index, got ready in the background while the files are built."""

import threading
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from publisher.credentials.chain import Prompt, Target, find_credentials
from publisher.errors import NoCredentialsError, PublishError

if TYPE_CHECKING:
    from publisher.client.client import IndexClient, RemoteFile

_AT_THE_SAME_TIME = 6
"""Projects whose files are asked for at the same time."""

_MANY = 8
"""Projects from which on the index's list of all projects is worth its request: new projects then cost none."""


class Ahead:
    """
    The credentials, the connection and the lists of the files that an index has of some projects.

    All of it begins with the object, in a thread, and failures are told when the result is asked for.
    """

    def __init__(self, target: Target, projects: Iterable[str]) -> None:
        self._target = target
        self._projects = list(dict.fromkeys(projects))
        self._index: IndexClient | None = None
        self._files: dict[str, Mapping[str, RemoteFile]] = {}
        self._asking = threading.Lock()
        self._begun: Future[None] = Future()
        threading.Thread(target=self._begin, daemon=True, name="ahead").start()

    def connect(self, prompt: Prompt | None) -> "IndexClient":
        """
        Return the connection to the index; credentials that were not found are asked for where somebody can be.

        Raises CredentialsError and IndexUnavailableError.
        """
        try:
            self._begun.result()
        except NoCredentialsError:
            if prompt is None:
                raise
            self._open(replace(self._target, prompt=prompt))
        assert self._index is not None  # noqa: S101 - it was begun
        return self._index

    def files(self, project: str) -> "Mapping[str, RemoteFile]":
        """Return what the index has of a project, by file name; raises CredentialsError and IndexUnavailableError."""
        with self._asking:
            if project not in self._files:
                assert self._index is not None  # noqa: S101 - who asks has connected
                self._files[project] = self._index.files(project)
            return self._files[project]

    def close(self) -> None:
        """Close the connections."""
        if self._index is not None:
            self._index.close()

    def _begin(self) -> None:
        try:
            self._open(replace(self._target, prompt=None))
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            self._begun.set_exception(error)
        else:
            self._begun.set_result(None)

    def _open(self, target: Target) -> None:
        from publisher.client.client import IndexClient  # noqa: PLC0415 - takes its time, which the build covers
        from publisher.client.upload_form import UploadForm  # noqa: F401, PLC0415 - so that it is there when the files are

        self._index = IndexClient(target.url, find_credentials(target))
        self._files = _fetch(self._index, self._projects)


def _fetch(index: "IndexClient", projects: Collection[str]) -> "dict[str, Mapping[str, RemoteFile]]":
    """Return the files of projects; of many, only those are asked for that the list of all projects has."""
    found: dict[str, Mapping[str, RemoteFile]] = {project: {} for project in projects}
    listed = _listed(index, projects) if len(projects) >= _MANY else projects
    asked = [project for project in projects if project in listed]
    if len(asked) == 1:
        return found | {project: index.files(project) for project in asked}
    with ThreadPoolExecutor(_AT_THE_SAME_TIME) as pool:
        return found | dict(zip(asked, pool.map(index.files, asked), strict=True))


def _listed(index: "IndexClient", projects: Collection[str]) -> Collection[str]:
    """Return the projects that an index has, at least those of the given ones; all of them if it does not tell."""
    try:
        return {canonicalize_name(name) for name in index.projects()}
    except PublishError:
        return projects  # some users may see single projects and not the list
