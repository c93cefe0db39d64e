"""HTTP answers to domain errors: the one place where a failure of store or storage becomes a status."""

from publisher.server.http.messages import HttpError
from publisher.server.storage.errors import (
    NotDurableError,
    StorageError,
    StorageFullError,
    StorageUnavailableError,
    StorageWriteError,
)
from publisher.server.store.errors import FileExistsConflictError, FileTooLargeError, StoreError, UnknownReleaseError

DOMAIN_ERRORS = (StoreError, StorageError)
"""Everything that `http_error` translates."""

_STATUS: dict[type[StoreError | StorageError], int] = {
    FileExistsConflictError: 409,
    UnknownReleaseError: 404,
    FileTooLargeError: 413,
    StorageUnavailableError: 503,
    StorageWriteError: 503,
    StorageFullError: 507,
    NotDurableError: 503,
}

_RETRY_AFTER: dict[type[StoreError | StorageError], int] = {StorageUnavailableError: 2}
"""Seconds after which trying again makes sense."""


def http_error(error: HttpError | StoreError | StorageError) -> HttpError:
    """Return the HTTP answer to a domain error; an HTTP error is its own."""
    if isinstance(error, HttpError):
        return error
    kind = next(kind for kind in type(error).__mro__ if kind in _STATUS)
    seconds = _RETRY_AFTER.get(kind)
    return HttpError(_STATUS[kind], error.message, [(b"retry-after", b"%d" % seconds)] if seconds else None)
