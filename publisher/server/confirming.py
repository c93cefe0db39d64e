"""Confirming a loss of packages in the folders of an index that need not run."""

from pathlib import Path

from publisher.errors import ConfigurationError
from publisher.server.auth.audit.trail import AuditEvent, AuditTrail
from publisher.server.auth.errors import AccountsUnavailableError
from publisher.server.auth.principal import Principal
from publisher.server.settings import ServerSettings
from publisher.server.storage.errors import StorageError
from publisher.server.storages import open_storages
from publisher.server.store.catalog import Catalog


async def confirm_loss_of(root: Path, htpasswd: Path, state: Path | None, who: Principal) -> int:
    """
    Make package folder and list agree, write that to the audit trail, and return how many names stay owned.

    Raises ConfigurationError when that fails.
    """
    settings = ServerSettings(roots=(root,), htpasswd=htpasswd, state=state)
    storages = open_storages(settings)
    catalog = Catalog(settings, storages.packages, storages.state)
    try:
        await catalog.rescan()
        names = await catalog.confirm_loss() or 0
        await AuditTrail(storages.credentials).record(AuditEvent("loss-confirmed", who, details={"names": names}))
    except StorageError as error:
        raise ConfigurationError(f"The loss can't be confirmed: {error.message}") from error
    except AccountsUnavailableError as error:
        raise ConfigurationError(f"The loss is confirmed, but not in the audit trail: {error.message}") from error
    finally:
        catalog.close()
    return names
