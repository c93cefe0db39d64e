"""HTTP answers to domain errors: the one place where a failure of accounts, store or storage becomes a status."""

from publisher.server.auth.errors import (
    AccountsUnavailableError,
    AdminTokenRefusedError,
    AuthError,
    CredentialsRefusedError,
    NoAdminTokenError,
    PasswordNeededError,
    RightMissingError,
)
from publisher.server.http.messages import Headers, HttpError
from publisher.server.storage.errors import (
    NotDurableError,
    StorageError,
    StorageFullError,
    StorageReadOnlyError,
    StorageUnavailableError,
    StorageWriteError,
)
from publisher.server.store.errors import (
    FileExistsConflictError,
    FileTooLargeError,
    ProjectExistsError,
    StoreError,
    UnknownReleaseError,
)
from publisher.server.upstream.errors import (
    NotUpstreamError,
    UpstreamError,
    UpstreamUnavailableError,
    WithheldError,
    WrongContentError,
)
from publisher.server.work.turns import BusyError

DomainError = StoreError | StorageError | AuthError | BusyError | UpstreamError

DOMAIN_ERRORS = (StoreError, StorageError, AuthError, BusyError, UpstreamError)
"""Everything that `http_error` translates."""

_STATUS: dict[type[DomainError], int] = {
    CredentialsRefusedError: 401,
    AdminTokenRefusedError: 401,
    NoAdminTokenError: 403,
    PasswordNeededError: 403,
    RightMissingError: 403,
    AccountsUnavailableError: 503,
    BusyError: 503,
    FileExistsConflictError: 409,
    ProjectExistsError: 409,
    UnknownReleaseError: 404,
    FileTooLargeError: 413,
    StorageUnavailableError: 503,
    StorageWriteError: 503,
    StorageReadOnlyError: 403,
    StorageFullError: 507,
    NotDurableError: 503,
    NotUpstreamError: 404,
    UpstreamUnavailableError: 503,
    WithheldError: 403,
    WrongContentError: 502,
}

_RETRY_AFTER: dict[type[DomainError], int] = {StorageUnavailableError: 2, AccountsUnavailableError: 5}
"""Seconds after which trying again makes sense."""

_CHALLENGES: dict[type[DomainError], bytes] = {
    CredentialsRefusedError: b'Basic realm="pypi", charset="UTF-8"',
    AdminTokenRefusedError: b'Bearer realm="pypi"',
}
"""Challenges for other credentials."""


def http_error(error: HttpError | DomainError) -> HttpError:
    """Return the HTTP answer to a domain error; an HTTP error is its own."""
    if isinstance(error, HttpError):
        return error
    kind = next(kind for kind in type(error).__mro__ if kind in _STATUS)
    seconds = error.retry_after if isinstance(error, BusyError | UpstreamUnavailableError) else _RETRY_AFTER.get(kind)
    headers: Headers = [(b"retry-after", b"%d" % seconds)] if seconds else []
    if kind in _CHALLENGES:
        headers.append((b"www-authenticate", _CHALLENGES[kind]))
    return HttpError(_STATUS[kind], error.message, headers)
