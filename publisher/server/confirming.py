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
from publisher.server.store.ledger import Confirmation


async def confirm_loss_of(root: Path, htpasswd: Path, state: Path | None, who: Principal) -> Confirmation:
    """
    Make package folder and list agree, and write that to the audit trail, unless nothing is lost.

    Raises ConfigurationError when that fails.
    """
    settings = ServerSettings(roots=(root,), htpasswd=htpasswd, state=state)
    storages = open_storages(settings)
    catalog = Catalog(settings, storages.packages, storages.state)
    try:
        await catalog.rescan()
        found = await catalog.confirm_loss()
        assert found is not None  # noqa: S101 - the list lies beside the accounts
        if found.lost:
            event = AuditEvent("loss-confirmed", who, details={"names": found.names})
            await AuditTrail(storages.audit).record(event)
    except StorageError as error:
        raise ConfigurationError(f"The loss can't be confirmed: {error.message}") from error
    except AccountsUnavailableError as error:
        raise ConfigurationError(f"The loss is confirmed, but not in the audit trail: {error.message}") from error
    finally:
        catalog.close()
    return found
