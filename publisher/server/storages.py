"""The storages of one index: its packages, its accounts, and the list of owned names beside these."""

from pathlib import Path
from typing import NamedTuple

from publisher.server.routes.files import FileRoutes
from publisher.server.routes.table import PackageFiles
from publisher.server.settings import ServerSettings
from publisher.server.siblings.news import News
from publisher.server.storage.base import Storage
from publisher.server.storage.folder import FolderStorage
from publisher.server.storage.readonly import ReadOnlyFolder
from publisher.server.store.catalog import Catalog
from publisher.server.store.changes import ReleaseChanges
from publisher.server.store.interface import PackageCatalog, PackageChanges
from publisher.server.store.owned_names import StateLog
from publisher.server.work.inspection import InspectionPool
from publisher.server.work.nearby import NearbyThreads


class IndexStorages(NamedTuple):
    """
    The storages that an index opens once, at its start.

    ``accounts`` has the htpasswd file, ``credentials`` the tokens, roles and trusted publishers, and ``audit``, in the
    same place, the audit trail, whose changes are not announced to the other processes of this index.
    """

    packages: Storage
    credentials: Storage
    accounts: Storage
    audit: Storage
    state: StateLog | None


class IndexPackages(NamedTuple):
    """The packages of an index: their catalog, their changes, and their files as answers."""

    catalog: PackageCatalog
    changes: PackageChanges
    files: PackageFiles


def open_storages(settings: ServerSettings) -> IndexStorages:
    """Return the storages that the settings name; raise a PublishError where a bucket has no index."""
    state = _state_file(settings)
    if settings.bucket is not None:
        from publisher.server.storage.bucket.opening import open_storages_in  # noqa: PLC0415 - obstore, needed there alone

        packages, credentials = open_storages_in(settings.bucket)
        accounts: Storage = credentials
        if settings.htpasswd_is_foreign and settings.htpasswd is not None:
            accounts = ReadOnlyFolder(settings.htpasswd.absolute().parent)
        return IndexStorages(packages, credentials, accounts, credentials, state)
    siblings = settings.siblings
    folder = settings.packages_storage or FolderStorage(
        settings.roots[0].absolute(),
        needs_dot_folder=True,
        news=siblings.package_news() if siblings is not None else None,
    )
    place = (settings.htpasswd or Path("htpasswd")).absolute().parent
    news = siblings.credential_news() if siblings is not None else None
    beside = settings.credentials_storage or _private(place, news)
    audit = settings.credentials_storage or _private(place)
    if state is None and settings.htpasswd is not None:
        state = StateLog(audit, f"{settings.htpasswd.name}.state")
    return IndexStorages(folder, beside, beside, audit, state)


def open_packages(
    settings: ServerSettings, storages: IndexStorages, inspection: InspectionPool, nearby: NearbyThreads
) -> IndexPackages:
    """Return the packages in the storages."""
    if settings.bucket is not None:
        from publisher.server.routes.bucket.packages import bucket_parts  # noqa: PLC0415 - obstore, needed there alone

        return IndexPackages(*bucket_parts(settings, storages.packages, storages.state))
    catalog = Catalog(settings, storages.packages, storages.state, nearby)
    changes = ReleaseChanges(settings, catalog, storages.packages)
    return IndexPackages(catalog, changes, FileRoutes(settings.limits, catalog, storages.packages, inspection))


def _state_file(settings: ServerSettings) -> StateLog | None:
    if settings.state is None:
        return None
    return StateLog(_private(settings.state.absolute().parent), settings.state.name)


def _private(folder: Path, news: News | None = None) -> FolderStorage:
    return FolderStorage(folder, mode=0o600, news=news, tells=True)
