"""The link to the catalogs of the other processes of this index: changes here go out, and theirs come in."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from publisher.server.siblings.news import News
from publisher.server.store.contents import FolderContents
from publisher.server.store.metadata import FileMetadata
from publisher.server.store.scan import LeftTimes
from publisher.server.store.telling.changes import LOOK_AT_EVERYTHING, ProjectChange, read_change
from publisher.server.store.watch import FolderWatch

_PAUSES = (0.001, 0.002, 0.004)
"""Seconds to wait before checking again whether this index made a change."""

_LATELY = 1_000_000_000
"""Nanoseconds since the last news within which more may be on their way."""


class SiblingCatalogs:
    """Keeps the contents of one process up with those of the others, without a look at the folder."""

    def __init__(
        self,
        news: News,
        contents: FolderContents,
        watch: FolderWatch,
        list_upload: Callable[[str, str, str, FileMetadata], object],
    ) -> None:
        """Take project, directory, file name and metadata of each upload elsewhere to ``list_upload``."""
        self._news = news
        self._heard = news.reader()
        self._contents = contents
        self._watch = watch
        self._list_upload = list_upload
        watch.own_changes.tell = self._tell_times

    def tell(self, change: ProjectChange) -> None:
        """Notify the others of a change, before it is acknowledged."""
        if self._news.has_listeners:
            self._news.tell(change.to_message())

    def _tell_times(self, left: LeftTimes) -> None:
        """Notify the others at once how a directory was left, so that they don't take the change for a stranger's."""
        if self._news.has_listeners:
            self._news.tell(ProjectChange(left=(left,)).to_message())

    async def only_we_changed(self) -> bool:
        """
        Return whether only processes of this index have changed the folders.

        If a change by another process or thread is not recorded yet, wait briefly for it.
        """
        own, pauses = self._watch.own_changes, iter(_PAUSES)
        while True:
            self.catch_up()
            steps = own.steps
            if own.are_all_since(self._contents.listings):
                return True
            pause = next(pauses, None)
            is_noted = steps == own.steps and not steps % 2
            if pause is None or (is_noted and time.monotonic_ns() - self._news.stamp > _LATELY):
                return False
            await asyncio.sleep(pause)

    def catch_up(self) -> None:
        """Take over changes of others since the last call; without any, that takes no system call."""
        messages = self._heard.hear()
        if not messages and messages is not None:
            return
        if messages is None or LOOK_AT_EVERYTHING in messages:
            self._watch.distrust()
            for project in self._contents.projects.values():
                project.forget()
            return
        for message in filter(None, messages):
            self._take_over(read_change(message))

    def _take_over(self, change: ProjectChange) -> None:
        if change.uploaded is not None and change.metadata is not None and Path(*change.uploaded).exists():
            self._list_upload(change.project, *change.uploaded, change.metadata)
        for directory, filename in change.gone:
            if not Path(directory, filename).exists():
                self._contents.remove(directory, filename, self._watch.begun_scans)
        project = self._contents.projects.get(change.project)
        if change.state and project is not None:
            project.forget()
        self._watch.own_changes.learn(change.left, self._contents.listings)
