"""Every domain error has one HTTP answer."""

from collections.abc import Iterator

import pytest

from publisher.server.auth.errors import (
    MissingCredentialsError,
    NoAdminTokenError,
    PasswordNeededError,
    RightMissingError,
)
from publisher.server.auth.principal import ANONYMOUS, Right
from publisher.server.http.messages import HttpError
from publisher.server.routes.failures import DOMAIN_ERRORS, DomainError, http_error
from publisher.server.storage.errors import StorageUnavailableError
from publisher.server.store.errors import FileTooLargeError
from publisher.server.work.turns import BusyError


def _concrete(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    if kind is BusyError:
        yield kind
    for each in kind.__subclasses__():
        yield each
        yield from _concrete(each)


@pytest.mark.parametrize("kind", [each for base in DOMAIN_ERRORS for each in _concrete(base)])
def test_every_domain_error_is_translated_with_its_text(kind: type[DomainError]) -> None:
    special: dict[type[DomainError], tuple[object, ...]] = {
        FileTooLargeError: (1,),
        BusyError: ("a sentence", 7),
        MissingCredentialsError: (),
        NoAdminTokenError: (),
        PasswordNeededError: (),
        RightMissingError: (ANONYMOUS, Right.READ, "acme"),
    }
    error = kind(*special.get(kind, ("a sentence",)))  # type: ignore[arg-type]
    answer = http_error(error)
    assert 400 <= answer.status < 600
    assert answer.message == error.message


def test_unknown_answers_are_asked_for_again_later() -> None:
    answer = http_error(StorageUnavailableError())
    assert (answer.status, answer.headers) == (503, [(b"retry-after", b"2")])


def test_an_http_error_is_not_translated() -> None:
    error = HttpError(418, "a teapot")
    assert http_error(error) is error
