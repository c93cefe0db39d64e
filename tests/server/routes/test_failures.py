"""Every domain error has one HTTP answer."""

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
import requests

from publisher.server.auth.errors import (
    MissingCredentialsError,
    NoAdminTokenError,
    PasswordNeededError,
    RightMissingError,
)
from publisher.server.auth.principal import ANONYMOUS, Right
from publisher.server.http.messages import HttpError
from publisher.server.routes.failures import DOMAIN_ERRORS, DomainError, http_error
from publisher.server.routes.web import errors
from publisher.server.storage.errors import MissingFileError, StorageUnavailableError
from publisher.server.store.errors import FileTooLargeError
from publisher.server.work.turns import BusyError
from tests.helpers.inside import serving_app


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
        MissingFileError: (),
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


def test_an_unforeseen_failure_is_a_page_for_browsers_and_tells_no_details(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> NoReturn:
        raise RuntimeError("a detail")

    wanted = {
        "text/html,application/xhtml+xml,*/*;q=0.8": "text/html",
        "application/json": "application/json",
        "*/*": "text/plain",
    }
    with serving_app(tmp_path) as (url, app):
        monkeypatch.setattr(app._authorization, "require", fail)
        for templates_fail in (False, True):
            if templates_fail:
                monkeypatch.setattr(errors, "make_body", fail)
            for accept, kind in wanted.items():
                answer = requests.get(f"{url}projects/any/", headers={"Accept": accept}, timeout=30)
                is_page = kind == "text/html" and not templates_fail
                expected = "text/plain" if kind == "text/html" and templates_fail else kind
                assert (answer.status_code, answer.headers["Content-Type"].partition(";")[0]) == (500, expected)
                assert ("Try again" in answer.text) == is_page
                assert "The index failed unexpectedly" in answer.text
                assert "detail" not in answer.text
                assert answer.headers["Cache-Control"] == "no-store"
                assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
