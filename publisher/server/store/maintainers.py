"""The maintainers in the projects' records: the accounts that published a project first, or were added since."""

import time
from collections import defaultdict

from publisher.server.storage.base import Files, Storage
from publisher.server.storage.coalesce import Coalesced
from publisher.server.store.interface import PackageCatalog
from publisher.server.store.metadata import now_text
from publisher.server.store.records import may_have_records, state_lease
from publisher.server.store.telling.changes import LOOK_AT_EVERYTHING, ProjectChange, read_change

FRESH = 5.0
"""Seconds that a copy counts; changes of this process are seen at once."""


class Maintainers:
    """Reads and changes which accounts maintain which projects."""

    def __init__(self, catalog: PackageCatalog, storage: Storage) -> None:
        self._catalog = catalog
        self._records = catalog.records
        self._storage = storage
        self._known: dict[str, tuple[float, frozenset[str]]] = {}
        self._all: dict[str, frozenset[str]] = {}
        self._all_at = float("-inf")
        self._read_all = Coalesced(self._load_all)
        self._heard = storage.news.reader()

    def now(self, project: str) -> frozenset[str]:
        """Return the maintainers of a project that are known without waiting; none where that would take a look."""
        self._catch_up()
        at, found = self._known.get(project, (float("-inf"), frozenset[str]()))
        return found if time.monotonic() - at < FRESH else frozenset()

    async def of(self, project: str) -> frozenset[str]:
        """Return the maintainers of a project; raise StorageUnavailableError when its record can't be read."""
        if not may_have_records(project):
            return frozenset()
        self._catch_up()
        at, found = self._known.get(project, (float("-inf"), frozenset[str]()))
        began = time.monotonic()
        if began - at < FRESH:
            return found
        async with self._storage.reading() as files:
            found = await self._catalog.in_thread(lambda: self._records.maintainers(files, project))
        self._remember(project, began, found)
        return found

    async def projects_of(self, account: str) -> frozenset[str]:
        """Return the projects that an account maintains."""
        self._catch_up()
        if time.monotonic() - self._all_at >= FRESH:
            await self._read_all()
        return self._all.get(account, frozenset())

    async def add(self, project: str, account: str, by: str) -> None:
        """Add a maintainer, durably."""
        details = {"by": by, "at": now_text()}

        def work(files: Files) -> None:
            self._records.add_maintainer(files, project, account, details)

        async with self._storage.lease(state_lease(project)) as lease, self._storage.writing(lease) as files:
            await self._catalog.in_thread(lambda: work(files))
        self._tell(project)

    async def remove(self, project: str, account: str) -> bool:
        """Remove a maintainer, durably; return whether there was one of that name."""
        async with self._storage.lease(state_lease(project)) as lease, self._storage.writing(lease) as files:
            maintained = await self._catalog.in_thread(lambda: self._records.maintainers(files, project))
            if account in maintained:
                await self._catalog.in_thread(lambda: self._records.remove_maintainer(files, project, account))
        self._tell(project)
        return account in maintained

    async def remove_account(self, account: str) -> list[str]:
        """Remove an account from all projects that it maintains, and return their names."""
        self._all_at = float("-inf")
        projects = sorted(await self.projects_of(account))
        for project in projects:
            await self.remove(project, account)
        return projects

    def forget(self, project: str) -> None:
        """Have a project's maintainers read again at the next use."""
        self._known.pop(project, None)
        self._all_at = float("-inf")

    def _tell(self, project: str) -> None:
        self.forget(project)
        self._storage.news.tell(ProjectChange(project, state=True).to_message())

    def _catch_up(self) -> None:
        """Forget projects that other processes of this index have changed since the last call."""
        messages = self._heard.hear()
        if messages is None or LOOK_AT_EVERYTHING in messages:
            self._known.clear()
            self._all_at = float("-inf")
            return
        for change in map(read_change, filter(None, messages)):
            if change.state:
                self.forget(change.project)

    def _remember(self, project: str, at: float, found: frozenset[str]) -> None:
        if len(self._known) > 50_000:
            self._known.clear()
        self._known[project] = at, found

    async def _load_all(self) -> None:
        began = time.monotonic()
        found: dict[str, set[str]] = defaultdict(set)

        def work(files: Files) -> None:
            for project in self._records.marked(files):
                for account in self._records.maintainers(files, project):
                    found[account].add(project)

        async with self._storage.reading() as files:
            await self._catalog.in_thread(lambda: work(files))
        self._all = {account: frozenset(projects) for account, projects in found.items()}
        self._all_at = began
