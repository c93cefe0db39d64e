"""All projects at a glance, over a catalog of the test's choice: what is read when, and what lists say."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from publisher.limits import LIMITS
from publisher.server.routes.web import overview
from publisher.server.routes.web.overview import Dependent, Overviews
from publisher.server.routes.web.summaries import ReleaseSummary, SummaryReader
from publisher.server.storage.errors import StorageUnavailableError
from publisher.server.store.interface import PackageCatalog
from publisher.server.store.metadata import FileMetadata
from publisher.server.store.projects import Project, StoredFile
from publisher.server.work.inspection import InspectionEndedError
from publisher.server.work.turns import BusyError


def _file(name: str, version: str, uploaded: str, uploader: str | None = None, ending: str = ".tar.gz") -> StoredFile:
    filename = f"{name}-{version}{ending}"
    record = FileMetadata(1, 1, filename, uploaded, uploader=uploader)
    return StoredFile(filename, Path(filename), filename, version, record)


class _Catalog:
    """Projects with their files, which a test changes."""

    def __init__(self) -> None:
        self.listed: dict[str, Project] = {}
        self.contents: dict[str, list[StoredFile]] = {}
        self.refreshed = 0
        self.looks = 0

    def put(self, name: str, version: str = "1.0", uploaded: str = "2026-01-01", uploader: str | None = None) -> None:
        """Add a release of a project, which is new then, or changed."""
        self.listed.setdefault(name, Project(name)).forget()
        self.contents.setdefault(name, []).append(_file(name, version, uploaded, uploader))

    def remove(self, name: str) -> None:
        del self.listed[name], self.contents[name]

    async def refresh(self) -> None:
        self.refreshed += 1

    def names(self) -> list[str]:
        self.looks += 1
        return list(self.listed)

    def project(self, name: str) -> Project | None:
        return self.listed.get(name)

    async def peek(self, project: Project) -> dict[str, StoredFile]:
        return {file.filename: file for file in self.contents[project.name]}


class _Summaries:
    """Summaries by file name; a test may hold them up, or have some fail."""

    def __init__(self) -> None:
        self.known: dict[str, ReleaseSummary] = {}
        self.failures: dict[str, BaseException] = {}
        self.open = asyncio.Event()
        self.open.set()
        self.calls: list[str] = []

    async def start(self) -> None:
        self.calls.append("start")

    async def summary(self, file: StoredFile) -> ReleaseSummary:
        self.calls.append(file.filename)
        await self.open.wait()
        if file.filename in self.failures:
            raise self.failures[file.filename]
        return self.known.get(file.filename, ReleaseSummary())

    async def flush(self) -> None:
        self.calls.append("flush")

    async def prune(self) -> None:
        self.calls.append("prune")


Use = Callable[[Overviews, _Catalog, _Summaries], Coroutine[Any, Any, None]]


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the time, which stands still: a look takes none, so that the next one is not put off."""
    moment = [1000.0]
    monkeypatch.setattr(overview, "time", SimpleNamespace(monotonic=lambda: moment[0]))
    return moment


def followed(use: Use) -> None:
    """Run a test over an empty catalog."""

    async def run() -> None:
        catalog, summaries = _Catalog(), _Summaries()
        overviews = Overviews(cast("PackageCatalog", catalog), cast("SummaryReader", summaries))
        await use(overviews, catalog, summaries)

    asyncio.run(run())


def _all(_name: str) -> bool:
    return True


def _found(overviews: Overviews, query: str) -> list[str]:
    return overviews.search.find(query, 10).names


def test_projects_are_read_once_and_again_when_they_change() -> None:
    async def use(overviews: Overviews, catalog: _Catalog, summaries: _Summaries) -> None:
        catalog.put("a")
        catalog.put("b")
        await overviews.refresh()
        read = ["start", "a-1.0.tar.gz", "b-1.0.tar.gz", "flush", "prune"]
        assert summaries.calls == read
        await overviews.refresh()
        assert summaries.calls == read
        assert catalog.refreshed == 2
        generation = overviews.generation
        catalog.put("a", "2.0")
        await overviews.refresh()
        assert summaries.calls[len(read) :] == ["start", "a-2.0.tar.gz", "flush", "prune"]
        assert overviews.entry("a").version == "2.0"
        assert overviews.generation == generation + 1
        catalog.listed["a"].forget()
        await overviews.refresh()
        assert summaries.calls[-3:] == ["a-2.0.tar.gz", "flush", "prune"]
        assert overviews.generation == generation + 1  # nothing of it is different

    followed(use)


def test_an_entry_says_when_who_and_what() -> None:
    async def use(overviews: Overviews, catalog: _Catalog, summaries: _Summaries) -> None:
        catalog.put("acme", "1.0", "2026-01-01", "grace")
        catalog.put("acme", "2.0", "2026-02-02", "ada")
        catalog.contents["acme"].append(_file("acme", "2.0", "2026-03-03", "eve", "-py2-none-any.whl"))
        catalog.contents["acme"].append(_file("acme", "2.0", "2026-02-01", "ann", "-py3-none-any.whl"))
        summaries.known["acme-2.0-py2-none-any.whl"] = ReleaseSummary("Acme", "For tests")
        assert overviews.entry("acme") == overview.ProjectOverview("acme", "", "", ReleaseSummary())
        await overviews.refresh()
        entry = overviews.entry("acme")
        assert (entry.name, entry.version, entry.uploaded) == ("acme", "2.0", "2026-03-03")
        assert (entry.title, entry.summary.text, entry.uploader) == ("Acme", "For tests", "eve")
        assert [overviews.published_by(name) for name in ("eve", "ada", "grace")] == [["acme"], [], []]
        assert overviews.entry("other").title == "other"

    followed(use)


def test_the_newest_releases_are_recent_among_those_that_are_shown() -> None:
    async def use(overviews: Overviews, catalog: _Catalog, _: _Summaries) -> None:
        for number in range(LIMITS.pages.recent + 2):
            catalog.put(f"p{number:02}", uploaded=f"2026-01-{1 + number // 2:02}")
        await overviews.refresh()
        names = sorted(catalog.listed, reverse=True)
        assert [entry.name for entry in overviews.recent(_all)] == names[: LIMITS.pages.recent]
        shown = overviews.recent(lambda name: name in names[1:3])
        assert [entry.name for entry in shown] == names[1:3]

    followed(use)


def test_a_project_that_is_gone_is_in_no_list() -> None:
    async def use(overviews: Overviews, catalog: _Catalog, summaries: _Summaries) -> None:
        catalog.put("core")
        catalog.put("user", uploader="ada")
        summaries.known["user-1.0.tar.gz"] = ReleaseSummary(requires=("core",), keywords=("gizmo",))
        await overviews.refresh()
        assert (_found(overviews, "gizmo"), _found(overviews, "user")) == (["user"], ["user"])
        assert [each.name for each in overviews.dependents("core")] == ["user"]
        generation = overviews.generation
        catalog.remove("user")
        await overviews.refresh()
        assert (_found(overviews, "gizmo"), _found(overviews, "user")) == ([], [])
        assert overviews.dependents("core") == []
        assert overviews.published_by("ada") == []
        assert [entry.name for entry in overviews.recent(_all)] == ["core"]
        assert overviews.generation == generation + 1
        await overviews.refresh()
        assert overviews.generation == generation + 1

    followed(use)


def test_a_project_that_returns_is_found_before_it_is_read() -> None:
    async def use(overviews: Overviews, catalog: _Catalog, summaries: _Summaries) -> None:
        catalog.put("acme")
        await overviews.refresh()
        catalog.remove("acme")
        await overviews.refresh()
        assert _found(overviews, "acme") == []
        catalog.put("acme")
        summaries.failures["acme-1.0.tar.gz"] = BusyError("full", 1)
        await overviews.refresh()
        assert _found(overviews, "acme") == ["acme"]

    followed(use)


def test_a_project_without_files_has_no_entry() -> None:
    async def use(overviews: Overviews, catalog: _Catalog, _: _Summaries) -> None:
        catalog.put("acme")
        await overviews.refresh()
        catalog.contents["acme"].clear()
        catalog.listed["acme"].forget()
        await overviews.refresh()
        assert overviews.recent(_all) == []
        assert overviews.entry("acme").version == ""
        assert overviews.waiting(_all) == 0

    followed(use)


@pytest.mark.parametrize("failure", [StorageUnavailableError(), BusyError("full", 1), InspectionEndedError()])
def test_a_project_that_can_not_be_read_waits_for_its_next_change(failure: BaseException) -> None:
    async def use(overviews: Overviews, catalog: _Catalog, summaries: _Summaries) -> None:
        catalog.put("broken")
        catalog.put("fine")
        summaries.failures["broken-1.0.tar.gz"] = failure
        await overviews.refresh()
        assert [entry.name for entry in overviews.recent(_all)] == ["fine"]
        assert overviews.waiting(_all) == 0
        asked = len(summaries.calls)
        await overviews.refresh()
        assert len(summaries.calls) == asked
        summaries.failures.clear()
        catalog.listed["broken"].forget()
        await overviews.refresh()
        assert {entry.name for entry in overviews.recent(_all)} == {"broken", "fine"}

    followed(use)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "LIMITS", LIMITS._replace(pages=LIMITS.pages._replace(patience=0.01)))


@pytest.mark.usefixtures("impatient")
def test_a_page_waits_no_longer_than_its_patience() -> None:
    async def use(overviews: Overviews, catalog: _Catalog, summaries: _Summaries) -> None:
        for name in ("a", "b", "c"):
            catalog.put(name)
        summaries.open.clear()
        await overviews.refresh()
        assert (overviews.waiting(_all), overviews.waiting(lambda name: name == "b")) == (3, 1)
        assert _found(overviews, "a") == ["a"]
        await overviews.refresh()  # while the first is still being read
        assert summaries.calls == ["start", "a-1.0.tar.gz"]
        catalog.remove("c")
        await overviews.refresh()
        assert overviews.waiting(_all) == 2
        catalog.listed["a"].forget()  # a change of the one that is being read
        summaries.open.set()
        await overviews.refresh()
        assert overviews.waiting(_all) == 0
        await overviews.refresh()
        assert summaries.calls.count("a-1.0.tar.gz") == 2

    followed(use)


@pytest.mark.usefixtures("impatient")
def test_nothing_is_read_after_the_end() -> None:
    async def use(overviews: Overviews, catalog: _Catalog, summaries: _Summaries) -> None:
        overviews.stop()
        catalog.put("a")
        catalog.put("b")
        summaries.open.clear()
        await overviews.refresh()
        overviews.stop()
        summaries.open.set()
        for _ in range(5):
            await asyncio.sleep(0)
        assert summaries.calls == ["start", "a-1.0.tar.gz"]

    followed(use)


def test_a_slow_look_is_not_repeated_at_once(now: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    async def use(overviews: Overviews, catalog: _Catalog, _: _Summaries) -> None:
        listed = catalog.names

        def slow() -> list[str]:
            now[0] += 0.5
            return listed()

        monkeypatch.setattr(catalog, "names", slow)
        await overviews.refresh()
        for moment, looks in ((1009.9, 1), (1010.0, 2), (1019.9, 2), (1020.0, 3)):
            now[0] = moment
            await overviews.refresh()
            assert catalog.looks == looks, moment

    followed(use)


@pytest.mark.parametrize(
    ("requires", "expected"),
    [
        ([], []),
        (["core"], [("", "")]),
        (["Core<3,>=2"], [(">=2,<3", "")]),
        (['core>=1; extra == "gui"'], [(">=1", "gui")]),
        (['core>=1; extra == "gui"', 'core>=2; extra == "all"'], [(">=1", "gui")]),
        (['core>=1; extra == "gui"', "core>=3"], [(">=3", "")]),
        (["core>=3", 'core>=1; extra == "gui"'], [(">=3", "")]),
        (["not a requirement", "other"], []),
    ],
)
def test_a_dependent_is_listed_with_its_most_important_requirement(
    requires: Iterable[str], expected: list[tuple[str, str]]
) -> None:
    async def use(overviews: Overviews, catalog: _Catalog, summaries: _Summaries) -> None:
        catalog.put("user", "1.5")
        summaries.known["user-1.5.tar.gz"] = ReleaseSummary(requires=tuple(requires))
        await overviews.refresh()
        assert overviews.dependents("core") == [Dependent("user", "1.5", *each) for each in expected]

    followed(use)


def test_dependents_follow_the_newest_releases_in_the_order_of_their_names() -> None:
    async def use(overviews: Overviews, catalog: _Catalog, summaries: _Summaries) -> None:
        for name in ("c", "a", "b"):
            catalog.put(name)
            summaries.known[f"{name}-1.0.tar.gz"] = ReleaseSummary(requires=("core", 'core; extra == "x"'))
        await overviews.refresh()
        assert [each.name for each in overviews.dependents("core")] == ["a", "b", "c"]
        catalog.put("b", "2.0")
        summaries.known["b-2.0.tar.gz"] = ReleaseSummary(requires=("other", "no requirement either"))
        await overviews.refresh()
        assert [each.name for each in overviews.dependents("core")] == ["a", "c"]
        assert [(each.name, each.version) for each in overviews.dependents("other")] == [("b", "2.0")]
        catalog.remove("b")
        await overviews.refresh()
        assert overviews.dependents("other") == []
        assert [each.name for each in overviews.dependents("core")] == ["a", "c"]

    followed(use)
