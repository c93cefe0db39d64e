"""The order in which places are looked at for credentials, and what is said when none has them."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from publisher.client.url import parse_index_url
from publisher.credentials import remembered
from publisher.credentials.chain import Target, find_credentials, in_keyring, in_netrc
from publisher.credentials.trusted import TrustedLogin
from publisher.errors import ConfigurationError, CredentialsError, NoCredentialsError
from publisher.secret import Credentials, Secret
from tests.helpers.rings import MemoryRing, ring_in_use

URL = parse_index_url("https://acme.example/team/")
NAMED = parse_index_url("https://kim@acme.example/team/")
GIVEN = parse_index_url("https://kim:from-url@acme.example/team/")
HOST = parse_index_url("https://acme.example/")
PROMPTED = Credentials("lin", Secret("typed"), "the prompt")


class Job:
    """The identity of a CI job."""

    def __init__(self, *, found: bool, is_required: bool = False, explains: bool = False) -> None:
        self.found = Credentials("__token__", Secret("minted"), "trusted publishing") if found else None
        self.is_required = is_required
        self.explains = explains
        self.reason = "The index has no trusted publishing."

    def find(self, url: object) -> Credentials | None:
        assert url == URL
        return self.found

    @property
    def login(self) -> TrustedLogin:
        return cast("TrustedLogin", self)


@pytest.fixture
def ring() -> Iterator[MemoryRing]:
    with ring_in_use() as ring:
        yield ring


@pytest.fixture
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "netrc"
    monkeypatch.setenv("NETRC", str(path))
    return path


@pytest.fixture
def _everywhere(ring: MemoryRing, netrc: Path) -> None:
    """Put credentials of different users in every place."""
    ring.set_password(URL.root, "ada", "from-keyring")
    ring.set_password(URL.root, "kim", "of-kim")
    remembered.remember_username(URL.root, "ada")
    netrc.write_text("machine acme.example login eve password from-netrc\n")


@pytest.mark.usefixtures("_everywhere")
@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (Target(URL, "bob", Secret("given")), ("bob", "given", "options and environment")),
        (Target(GIVEN), ("kim", "from-url", "options and environment")),
        (Target(GIVEN, "bob"), ("bob", "from-url", "options and environment")),
        (Target(GIVEN, "bob", Secret("given")), ("bob", "given", "options and environment")),
        (Target(NAMED, password=Secret("given")), ("kim", "given", "options and environment")),
        (Target(URL, "bob\r\n", Secret("given")), ("bob", "given", "options and environment")),
        (Target(URL, trusted=Job(found=True).login), ("__token__", "minted", "trusted publishing")),
        (Target(URL, "bob", Secret("given"), trusted=Job(found=True).login), ("bob", "given", "")),
        (Target(URL, "bob", Secret("given"), trusted=Job(found=True, is_required=True).login), ("", "minted", "")),
        (Target(URL, "bob", Secret("given"), trusted=Job(found=False, is_required=True).login), ("bob", "given", "")),
        (Target(URL, trusted=Job(found=False).login), ("ada", "from-keyring", "keyring")),
        (Target(URL), ("ada", "from-keyring", "keyring")),
        (Target(URL, ""), ("ada", "from-keyring", "keyring")),
        (Target(URL, "kim"), ("kim", "of-kim", "keyring")),
        (Target(NAMED), ("kim", "of-kim", "keyring")),
        (Target(URL, "kim", prompt=lambda _: PROMPTED), ("kim", "of-kim", "keyring")),
        (Target(URL, "eve"), ("eve", "from-netrc", "netrc")),
        (Target(URL, "lin", prompt=lambda _: PROMPTED), ("lin", "typed", "the prompt")),
    ],
)
def test_the_first_place_that_has_credentials_counts(target: Target, expected: tuple[str, str, str]) -> None:
    found = find_credentials(target)
    assert (expected[0] or "__token__", expected[1]) == (found.username, found.password.reveal())
    assert expected[2] in {"", found.source}


@pytest.mark.usefixtures("ring")
def test_a_prompt_knows_the_name_that_is_known() -> None:
    asked: list[str | None] = []

    def prompt(username: str | None) -> Credentials:
        asked.append(username)
        return PROMPTED

    for target in (Target(URL, prompt=prompt), Target(URL, "bob", prompt=prompt), Target(NAMED, prompt=prompt)):
        assert find_credentials(target) is PROMPTED
    assert asked == [None, "bob", "kim"]


@pytest.mark.usefixtures("ring")
@pytest.mark.parametrize(
    ("target", "message"),
    [
        (Target(URL), "No credentials for https://acme.example/team/."),
        (Target(URL, "bob"), "No credentials for bob on https://acme.example/team/."),
        (Target(URL, trusted=Job(found=False).login), "No credentials for https://acme.example/team/."),
        (
            Target(URL, trusted=Job(found=False, explains=True).login),
            "No credentials for https://acme.example/team/.\nThe index has no trusted publishing.",
        ),
    ],
)
def test_missing_credentials_are_named_with_a_way_to_log_in(target: Target, message: str) -> None:
    with pytest.raises(NoCredentialsError) as caught:
        find_credentials(target)
    assert caught.value.message == message
    assert "pypi-publish login" in str(caught.value.hint)


def test_a_password_without_a_name_is_an_error() -> None:
    with pytest.raises(CredentialsError, match="A password is set, but no user name") as caught:
        find_credentials(Target(URL, password=Secret("given"), prompt=lambda _: PROMPTED))
    assert "--username" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("username", "password", "words"),
    [("a\udcff", "x", "user name"), ("ada", "p\udcff", "password"), (None, "p\udcff", "password")],
)
def test_values_that_are_no_text_are_named(username: str | None, password: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=f"The {words} is not valid UTF-8"):
        Target(URL, username, Secret(password))


def test_keyring_has_the_user_of_the_last_login(ring: MemoryRing) -> None:
    assert in_keyring(URL, None) is None
    for name in ("ada", "kim"):
        ring.set_password(URL.simple, name, f"of-{name}")
    remembered.remember_username(URL.root, "kim")
    found = in_keyring(URL, None)
    assert found is not None
    assert (found.username, found.password.reveal(), found.source) == ("kim", "of-kim", "keyring")
    assert in_keyring(HOST, "kim") is None


@pytest.mark.parametrize(
    ("text", "username", "found"),
    [
        ("machine acme.example login eve password p", None, "eve"),
        ("machine acme.example login eve password p", "eve", "eve"),
        ("machine acme.example login eve password p", "ada", None),
        ("machine other.example login eve password p", None, None),
        ("default login any password p", None, "any"),
        ("default login any password p", "ada", None),
        ("machine acme.example login eve password p\ndefault login any password p", "any", None),
        ("machine acme.example login eve\ndefault login any password p", None, None),
        ("", None, None),
    ],
)
def test_netrc_has_an_entry_for_the_host(netrc: Path, text: str, username: str | None, found: str | None) -> None:
    netrc.write_text(text)
    entry = in_netrc(URL, username)
    assert (entry.username if entry else None) == found


def test_a_netrc_file_that_cannot_be_used_is_named(netrc: Path) -> None:
    assert in_netrc(URL, None) is None
    for damage in (b"machine acme.example login", b"\xff"):
        netrc.write_bytes(damage)
        with pytest.raises(CredentialsError, match="can't be used") as caught:
            in_netrc(URL, None)
        assert str(netrc) in caught.value.message
        assert "machine HOST login NAME" in str(caught.value.hint)
