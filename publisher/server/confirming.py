"""Confirming a loss of packages in the folders of an index that need not run."""

from pathlib import Path

from publisher.errors import ConfigurationError
from publisher.server.settings import ServerSettings
from publisher.server.storage.errors import StorageError
from publisher.server.storages import open_storages
from publisher.server.store.catalog import Catalog


async def confirm_loss_of(root: Path, htpasswd: Path, state: Path | None) -> int:
    """
    Make package folder and list agree, and return how many names stay owned.

    Raises ConfigurationError when that fails.
    """
    settings = ServerSettings(roots=(root,), htpasswd=htpasswd, state=state)
    storages = open_storages(settings)
    catalog = Catalog(settings, storages.packages, storages.state)
    try:
        await catalog.rescan()
        return await catalog.confirm_loss() or 0
    except StorageError as error:
        raise ConfigurationError(f"The loss can't be confirmed: {error.message}") from error
    finally:
        catalog.close()
