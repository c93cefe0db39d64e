"""Checks of an upload's name and form, and the client's own name: the rows that are taken, and those that are not."""

from typing import cast

import pytest

from publisher.limits import LIMITS
from publisher.project.distributions import parse_filename
from publisher.server.auth.principal import Grant, Principal, PrincipalKind, Right
from publisher.server.http.messages import HttpError
from publisher.server.http.multipart import FormParser
from publisher.server.routes.own_client import require_client_uploader
from publisher.server.routes.upload_checks import check_filename, check_form, is_legacy, signature_of

WHEEL = "acme_widgets-1.0-py3-none-any.whl"


@pytest.mark.parametrize(
    ("filename", "project"),
    [
        (WHEEL, "acme-widgets"),
        ("Acme_Widgets-1.0-py3-none-any.whl", "acme-widgets"),
        ("acme_widgets-1.0.tar.gz", "acme-widgets"),
        ("acme_widgets-1!1.0+local.1.tar.gz", "acme-widgets"),
    ],
)
@pytest.mark.parametrize("accept_legacy", [False, True])
def test_a_valid_name_has_a_project(filename: str, project: str, *, accept_legacy: bool) -> None:
    assert check_filename(filename, accept_legacy=accept_legacy) == project


@pytest.mark.parametrize(
    ("filename", "project"),
    [("acme-1.0.egg", "acme"), ("acme-1.0.tar.bz2", "acme"), ("acme-1.0.zip", "acme"), ("acme-1.0.TGZ", "acme")],
)
def test_an_old_format_is_taken_where_that_is_allowed(filename: str, project: str) -> None:
    assert is_legacy(filename)
    assert check_filename(filename, accept_legacy=True) == project
    if not filename.endswith(".zip"):  # which is an sdist of today as well
        with pytest.raises(HttpError, match="not acceptable") as refused:
            check_filename(filename, accept_legacy=False)
        assert refused.value.status == 400


@pytest.mark.parametrize("filename", [".acme-1.0.egg", "acme-1.0.txt", "acme-1.0.whl", "acme.egg", "-1.0.zip", ".zip"])
def test_another_name_is_none_of_an_old_format(filename: str) -> None:
    assert not is_legacy(filename)


@pytest.mark.parametrize(
    ("filename", "words"),
    [
        ("", "characters other than"),
        ("acme widgets-1.0.tar.gz", "characters other than"),
        ("../acme-1.0.tar.gz", "characters other than"),
        ("acmé-1.0.tar.gz", "characters other than"),
        (f"{WHEEL}\n", "characters other than"),
        ("acme-1.0.txt", "not acceptable"),
        ("acme-1.0.whl", "not acceptable"),
        ("acme-widgets-1.0-2.tar.gz", "(ambiguous|not acceptable)"),
    ],
)
def test_a_name_that_no_installer_understands_is_refused(filename: str, words: str) -> None:
    with pytest.raises(HttpError, match=words) as refused:
        check_filename(filename, accept_legacy=True)
    assert refused.value.status == 400


def test_a_name_has_a_bounded_length() -> None:
    rest = len("-1.0.tar.gz")
    longest = "a" * (LIMITS.upload_name - rest) + "-1.0.tar.gz"
    with pytest.raises(HttpError, match="longer than") as refused:
        check_filename(f"a{longest}", accept_legacy=False)
    assert refused.value.status == 400
    assert check_filename(longest, accept_legacy=False) == "a" * (LIMITS.upload_name - rest)


class _Form:
    def __init__(self, **fields: str) -> None:
        self.fields = fields

    def text(self, name: str) -> str:
        return self.fields.get(name, "")


def _form(**fields: str) -> FormParser:
    return cast("FormParser", _Form(**fields))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"name": "acme-widgets", "version": "1.0", "filetype": "bdist_wheel"},
        {"name": "Acme.Widgets", "version": "1.0.0"},
        {"name": "", "version": "", "filetype": ""},
    ],
)
def test_a_form_may_say_the_same_as_the_file_in_other_words(fields: dict[str, str]) -> None:
    check_form(_form(**fields), parse_filename(WHEEL))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "acme"}, "project is 'acme', the file says 'acme-widgets'"),
        ({"name": "no name!"}, "project is 'no name!'"),
        ({"version": "1.1"}, "version is '1.1', the file says '1.0'"),
        ({"version": "none"}, "version is 'none'"),
        ({"filetype": "sdist"}, "is a 'sdist'; its name says 'bdist_wheel'"),
    ],
)
def test_a_form_that_says_other_things_than_the_file_is_refused(fields: dict[str, str], words: str) -> None:
    with pytest.raises(HttpError, match=words) as refused:
        check_form(_form(**fields), parse_filename(WHEEL))
    assert refused.value.status == 400


def test_a_signature_has_a_bounded_length() -> None:
    assert signature_of(_form()) is None
    longest = "x" * LIMITS.signature
    assert signature_of(_form(gpg_signature=longest)) == longest.encode()
    with pytest.raises(HttpError, match="signature is longer") as refused:
        signature_of(_form(gpg_signature=f"{longest}x"))
    assert refused.value.status == 413


def _publisher_of(pattern: str) -> Principal:
    return Principal("ada", PrincipalKind.ACCOUNT, (Grant(frozenset({Right.PUBLISH}), pattern),), account="ada")


def test_the_clients_name_is_for_its_uploaders() -> None:
    require_client_uploader("PyPI.Publish", _publisher_of("pypi-publish"))
    require_client_uploader("acme", _publisher_of("other"))
    for spelling in ("pypi-publish", "PyPI_Publish"):
        with pytest.raises(HttpError, match="serve --client-uploader ada") as refused:
            require_client_uploader(spelling, _publisher_of("acme"))
        assert refused.value.status == 403
    with pytest.raises(HttpError, match="--client-uploader NAME"):
        require_client_uploader("pypi-publish", Principal("x", PrincipalKind.ACCOUNT))
