"""The storages of one index: its packages, its accounts, and the list of owned names beside these."""

from dataclasses import dataclass
from pathlib import Path

from publisher.server.settings import ServerSettings
from publisher.server.storage.base import Storage
from publisher.server.storage.folder import FolderStorage
from publisher.server.store.owned_names import StateLog


@dataclass(frozen=True)
class IndexStorages:
    """The storages that an index opens once, at its start."""

    packages: Storage
    credentials: Storage
    state: StateLog | None


def open_storages(settings: ServerSettings) -> IndexStorages:
    """Return the storages that the settings name."""
    packages = settings.packages_storage or FolderStorage(settings.roots[0].absolute(), needs_dot_folder=True)
    credentials = settings.credentials_storage or _private((settings.htpasswd or Path("htpasswd")).absolute().parent)
    state = None
    if settings.state is not None:
        state = StateLog(_private(settings.state.absolute().parent), settings.state.name)
    elif settings.htpasswd is not None:
        state = StateLog(credentials, f"{settings.htpasswd.name}.state")
    return IndexStorages(packages, credentials, state)


def _private(folder: Path) -> FolderStorage:
    return FolderStorage(folder, mode=0o600)
