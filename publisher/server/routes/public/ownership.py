"""The ownership of names as the catalog knows it: one predicate for all that could be answered from elsewhere."""

import time
from collections import OrderedDict

from publisher.limits import LIMITS
from publisher.server.names.filenames import is_reserved
from publisher.server.settings import ServerSettings
from publisher.server.storage.errors import StorageUnavailableError
from publisher.server.store.interface import PackageCatalog

TRUSTED = 2.0
"""Seconds that a look at the records of a folder counts."""

TRUSTED_SHARED = 1.0
"""The same where other machines change the folder too."""


class CatalogOwnership:
    """Finds out whether this index owns a name, and remembers for a moment that it does not."""

    def __init__(self, settings: ServerSettings, catalog: PackageCatalog) -> None:
        self._reserved = settings.never_public
        self._catalog = catalog
        self._trusted = TRUSTED_SHARED if catalog.is_shared else TRUSTED
        self._public: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def is_surely_public(self, name: str) -> bool:
        """Return whether memory proves that a name is not owned."""
        seen = self._public.get(name)
        if seen is None or time.monotonic() - seen[0] > self._trusted or not self._catalog.is_current(name):
            return False
        return seen[1] == self._catalog.revision

    async def is_owned(self, name: str) -> bool:
        """
        Return whether a name is owned: published at any time, or reserved.

        Raises StorageUnavailableError when that can't be found out.
        """
        if self.is_surely_public(name):
            return False
        if any(is_reserved(name, pattern) for pattern in self._reserved):
            return True
        begun, revision = time.monotonic(), self._catalog.revision
        project = await self._catalog.find(name)
        self._require_folder()
        owned = project is not None or await self._catalog.is_owned(name)
        self._require_folder()
        if owned:
            self._public.pop(name, None)
            return True
        self._public[name] = begun, revision
        self._public.move_to_end(name)
        while len(self._public) > LIMITS.upstream.remembered_owners:
            self._public.popitem(last=False)
        return False

    def _require_folder(self) -> None:
        """Raise StorageUnavailableError while the folder is lost: then nothing is known of any name."""
        if self._catalog.unavailable_reason is not None:
            raise StorageUnavailableError
