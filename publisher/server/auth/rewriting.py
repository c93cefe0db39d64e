"""Changes of a small file in a storage: in one step, and once more whenever another writer was faster."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from publisher.server.auth.errors import AccountsUnavailableError
from publisher.server.auth.fresh_copy import MALFORMED
from publisher.server.storage.base import Files, Storage
from publisher.server.storage.errors import AbsentError, ChangedError

_Parsed = TypeVar("_Parsed")
_Result = TypeVar("_Result")
_log = logging.getLogger(__name__)

Rewrite = Callable[[bytes | None], tuple[bytes | None, _Result]]
"""Takes a file's contents (None if it is absent); returns new ones (None to leave it as it is) and a result."""


async def rewrite_alone(storage: Storage, lease: str, key: str, change: Rewrite[_Result]) -> _Result:
    """
    Apply a change to a file under a lease, in a thread; return its result when the file is durable.

    Raises StorageError when that fails, and the errors of the change.
    """
    async with storage.lease(lease) as held, storage.writing(held) as files:
        return await asyncio.to_thread(rewrite, files, key, change)


def rewrite(files: Files, key: str, change: Rewrite[_Result]) -> _Result:
    """Apply a change to a file, again if a program that knows no lease was faster, and return its result."""
    while True:
        try:
            version: str | None = files.stat(key).version
            before: bytes | None = files.read(key)
        except AbsentError:
            version = before = None
        after, result = change(before)
        if after is None or after == before:
            return result
        with suppress(ChangedError):
            files.replace(key, after, version)
            return result


def parse_for_change(key: str, parse: Callable[[bytes | None], _Parsed], data: bytes | None) -> _Parsed:
    """Return the contents of a file that is about to be changed; raise AccountsUnavailableError if it is damaged."""
    try:
        return parse(data)
    except MALFORMED as error:
        _log.error("%s can't be changed, because it is damaged: %r", key, error)
        raise AccountsUnavailableError from error
