"""The facts of projects that authorization needs: their maintainers, and the public names."""

from publisher.server.routes.public.ownership import CatalogOwnership
from publisher.server.store.interface import PackageCatalog
from publisher.server.store.maintainers import Maintainers


class CatalogFacts:
    """Answers from the catalog's records; names are public only where public packages are passed on."""

    def __init__(
        self, catalog: PackageCatalog, maintainers: Maintainers, ownership: CatalogOwnership, *, passes_on: bool
    ) -> None:
        self._catalog = catalog
        self._maintainers = maintainers
        self._ownership = ownership
        self._passes_on = passes_on

    async def exists(self, project: str) -> bool:
        """Return whether a project has, or ever had, files on this index."""
        return await is_known(self._catalog, project)

    def maintainers_now(self, project: str) -> frozenset[str]:
        """Return the maintainers that are known without waiting."""
        return self._maintainers.now(project)

    async def maintainers(self, project: str) -> frozenset[str]:
        """Return the accounts that a project's record names as maintainers."""
        return await self._maintainers.of(project)

    def forget(self, project: str) -> None:
        """Have a project's maintainers read again at the next use."""
        self._maintainers.forget(project)

    async def maintained_by(self, account: str) -> frozenset[str]:
        """Return the projects whose records name an account as maintainer."""
        return await self._maintainers.projects_of(account)

    def surely_public(self, name: str) -> bool:
        """Return without waiting whether a name is passed on from upstream, and not this index's."""
        return self._passes_on and self._ownership.is_surely_public(name)

    async def is_public(self, name: str) -> bool:
        """Return whether a name is passed on from upstream, and not this index's."""
        return self._passes_on and not await self._ownership.is_owned(name)


async def is_known(catalog: PackageCatalog, project: str) -> bool:
    """
    Return whether a project has, or ever had, files on this index.

    Before it is called new, the changes of other processes are brought in: rights on a new name and on one that exists
    are different ones.
    """
    if catalog.project(project) is not None or await catalog.find_before_change(project) is not None:
        return True
    return await catalog.was_published(project)  # which a name is before its first file can be found
