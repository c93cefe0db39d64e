"""The audit trail of changes that commands make in an index's folders, where no server writes it."""

import getpass
import os
from contextlib import suppress

from publisher.errors import PublishError
from publisher.server.auth.audit.trail import AuditEvent, AuditTrail
from publisher.server.auth.errors import AccountsUnavailableError
from publisher.server.auth.principal import Principal, PrincipalKind
from publisher.server.storage.base import Storage


def local_sender() -> Principal:
    """Return the person at this machine, by the name of its account."""
    name = f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"
    with suppress(OSError, KeyError, ImportError):  # a container's user may have no name
        name = getpass.getuser()
    return Principal(name, PrincipalKind.LOCAL)


async def record_here(credentials: Storage, what: str, **details: object) -> None:
    """Write a change that was made in the folders of an index; raise PublishError when that can't be written."""
    given = {name: value for name, value in details.items() if value not in (None, {}, [])}
    await write_here(credentials, AuditEvent(what, local_sender(), details=given))


async def write_here(credentials: Storage, event: AuditEvent) -> None:
    """Write an event; raise PublishError when that fails."""
    try:
        await AuditTrail(credentials).record(event)
    except AccountsUnavailableError as error:
        raise PublishError(
            "The change was made, but the audit trail beside the accounts can't be written.",
            hint="Check who may write to that folder, then run the same command again.",
        ) from error
