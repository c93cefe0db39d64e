"""Whether a name is this index's: reserved, listed or recorded, and unknown while the packages are."""

import asyncio
from typing import Any, cast

import pytest

from publisher.limits import LIMITS
from publisher.server.routes.public import ownership
from publisher.server.routes.public.ownership import TRUSTED, TRUSTED_SHARED, CatalogOwnership
from publisher.server.settings import ServerSettings
from publisher.server.storage.errors import StorageUnavailableError
from publisher.server.store.interface import PackageCatalog
from tests.helpers.clock import set_monotonic
from tests.helpers.memory_bucket import memory_index, running


class Catalog:
    """A catalog of a test's choice, which counts its questions."""

    def __init__(self) -> None:
        self.listed: set[str] = set()
        self.recorded: set[str] = set()
        self.unavailable_reason: str | None = None
        self.lost_while_asked = self.grows_while_asked = ""
        self.is_shared = False
        self.revision = 1
        self.current = True
        self.asked: list[str] = []

    def is_current(self, _: str | None = None) -> bool:
        return self.current

    async def find(self, name: str) -> Any:
        self.asked.append(f"find {name}")
        self._lose("find")
        return object() if name in self.listed else None

    async def is_owned(self, name: str) -> bool:
        self.asked.append(f"owned {name}")
        self._lose("owned")
        return name in self.recorded

    def _lose(self, question: str) -> None:
        if self.grows_while_asked == question:
            self.revision += 1
        if self.lost_while_asked == question:
            self.unavailable_reason = "the folder is gone"


@pytest.fixture
def catalog() -> Catalog:
    return Catalog()


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    moment = [1000.0]
    set_monotonic(monkeypatch, lambda: moment[0], ownership)
    return moment


def over(catalog: Catalog, *reserved: str) -> CatalogOwnership:
    return CatalogOwnership(ServerSettings(roots=(), reserved=reserved), cast("PackageCatalog", catalog))


def owned(one: CatalogOwnership, name: str) -> bool:
    return asyncio.run(one.is_owned(name))


def test_a_name_is_owned_that_is_listed_or_recorded_or_reserved(catalog: Catalog) -> None:
    catalog.listed, catalog.recorded = {"listed"}, {"recorded"}
    one = over(catalog, "acme-*", "Corp.Plan")
    for name in ("listed", "recorded", "acme-x", "acme", "corp-plan", "pypi-publish"):
        assert owned(one, name), name
        assert not one.is_surely_public(name)
    assert not owned(one, "public")
    assert one.is_surely_public("public")


@pytest.mark.parametrize("question", ["find", "owned"])
def test_a_name_may_be_owned_if_a_project_came_while_it_was_asked_for(catalog: Catalog, question: str) -> None:
    one = over(catalog)
    catalog.grows_while_asked = question
    assert not owned(one, "name")
    assert not one.is_surely_public("name")
    catalog.grows_while_asked = ""
    assert not owned(one, "name")
    assert one.is_surely_public("name")


def test_a_reserved_name_needs_no_storage(catalog: Catalog) -> None:
    catalog.unavailable_reason = "the folder is gone"
    assert owned(over(catalog, "acme-*"), "acme-x")
    assert catalog.asked == []


@pytest.mark.parametrize("when", ["before", "find", "owned"])
@pytest.mark.parametrize("listed", [False, True])
def test_nothing_is_decided_while_the_folder_is_lost(catalog: Catalog, when: str, listed: bool) -> None:  # noqa: FBT001
    catalog.recorded = {"name"} if listed else set()
    catalog.lost_while_asked = when
    if when == "before":
        catalog.unavailable_reason = "the folder is gone"
    one = over(catalog)
    with pytest.raises(StorageUnavailableError):
        owned(one, "name")
    assert not one.is_surely_public("name")


@pytest.mark.parametrize(("shared", "trusted"), [(False, TRUSTED), (True, TRUSTED_SHARED)])
def test_what_was_found_counts_for_a_moment(
    catalog: Catalog,
    now: list[float],
    shared: bool,  # noqa: FBT001
    trusted: float,
) -> None:
    catalog.is_shared = shared
    one = over(catalog)
    assert not one.is_surely_public("name")
    assert not owned(one, "name")
    asked = len(catalog.asked)
    now[0] += trusted
    assert one.is_surely_public("name")
    assert not owned(one, "name")
    assert len(catalog.asked) == asked
    now[0] += 0.01
    assert not one.is_surely_public("name")
    catalog.recorded = {"name"}
    assert owned(one, "name")
    assert not one.is_surely_public("name")


@running
async def test_over_a_bucket_it_counts_as_long_as_where_others_change_the_packages_too(now: list[float]) -> None:
    one = CatalogOwnership(ServerSettings(roots=()), memory_index().catalog)
    assert not await one.is_owned("name")
    assert one.is_surely_public("name")
    now[0] += TRUSTED_SHARED + 0.01
    assert not one.is_surely_public("name")


@pytest.mark.usefixtures("now")
def test_a_change_of_the_catalog_ends_it(catalog: Catalog) -> None:
    one = over(catalog)
    assert not owned(one, "name")
    catalog.revision += 1
    assert not one.is_surely_public("name")
    assert not owned(one, "name")
    assert one.is_surely_public("name")
    catalog.current = False
    assert not one.is_surely_public("name")


def test_a_bounded_number_of_names_is_remembered(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownership, "LIMITS", LIMITS._replace(upstream=LIMITS.upstream._replace(remembered_owners=2)))
    one = over(catalog)
    for name in ("a", "b", "a", "c"):
        assert not owned(one, name)
    assert [one.is_surely_public(name) for name in "abc"] == [False, True, True]
