"""The upstream that `serve` is started with: whose credentials the keyring is asked for, and where the cache may be."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from publisher.cli.options.server import ServeArgs
from publisher.cli.run.admin import upstream_settings
from publisher.cli.run.admin.upstream_settings import cache_path, chosen_upstream
from publisher.errors import ConfigurationError
from publisher.secret import Secret

PRIVATE = "https://mirror.acme.example/simple/"


class Keyring:
    """A keyring with one entry, and the services that it was asked for."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def find(self, services: Sequence[str], username: str | None) -> tuple[str, Secret] | None:
        assert username is None
        self.asked.append([*services])
        return ("ada", Secret("from the keyring")) if services == [PRIVATE] else None


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> Keyring:
    found = Keyring()
    monkeypatch.setattr(upstream_settings, "find_in_child", found.find)
    return found


def _args(tmp_path: Path, upstream: str) -> ServeArgs:
    return ServeArgs(root=(tmp_path / "packages",), upstream=upstream, upstream_cache=tmp_path / "cache")


def test_without_an_upstream_nothing_is_asked(tmp_path: Path, keyring: Keyring) -> None:
    assert chosen_upstream(_args(tmp_path, "")) is None
    assert keyring.asked == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ImportWarning")  # of pypiserver
def test_the_public_index_needs_no_credentials(tmp_path: Path, keyring: Keyring) -> None:
    settings = chosen_upstream(_args(tmp_path, "public"))
    assert settings is not None
    assert [source.credentials for source in settings.sources] == [None]
    assert keyring.asked == []


@pytest.mark.parametrize(
    ("url", "found"), [(PRIVATE, ("ada", "from the keyring", "keyring")), ("https://other.example/simple/", None)]
)
def test_credentials_of_another_index_come_from_the_keyring(
    tmp_path: Path, keyring: Keyring, url: str, found: tuple[str, str, str] | None
) -> None:
    settings = chosen_upstream(_args(tmp_path, url))
    assert settings is not None
    (source,) = settings.sources
    assert source.url == url
    given = source.credentials
    assert (given and (given.username, given.password.reveal(), given.source)) == found
    assert keyring.asked == [[url]]


def test_the_cache_and_the_packages_are_apart(tmp_path: Path, keyring: Keyring) -> None:
    for cache in (tmp_path / "packages", tmp_path / "packages" / "cache", tmp_path):
        args = ServeArgs(root=(tmp_path / "packages",), upstream=PRIVATE, upstream_cache=cache)
        with pytest.raises(ConfigurationError, match="must be apart") as refused:
            chosen_upstream(args)
        assert "--upstream-cache" in str(refused.value.hint)
    assert keyring.asked == []


def test_the_cache_is_in_the_user_s_folder_unless_one_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_path(None) == tmp_path / "pypi-publish" / "upstream"
    assert cache_path(Path("mine")) == Path("mine")
