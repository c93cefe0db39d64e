"""The user name of the last login at each index; never a password."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from publisher.client.url import IndexUrl, parse_index_url
from publisher.errors import ConfigurationError
from publisher.files.atomic import replace_file
from publisher.files.lock import locked


class RememberedLogin(NamedTuple):
    """An index, and the user whose password `login` stored for it."""

    url: IndexUrl
    username: str


def remembered_username(index: str) -> str | None:
    """Return the user name of the last login at an index, for keyring backends that can't look one up."""
    return _read().get(index)


def remembered_logins() -> list[RememberedLogin]:
    """Return every index with a login on this machine, with the user of the last login."""
    return list(_remembered())


def find_login(name: str, username: str | None) -> RememberedLogin | None:
    """
    Return the login at the index that a program means by a URL or by a bare host; None without a login there.

    The user is the one named, or else the last one. If a host has several indexes, the user name must decide between
    them: a password must not reach another index than its own.
    """
    found = [login for login in _remembered() if login.url.is_meant_by(name)]
    if "://" in name:
        found = sorted(found, key=lambda login: len(login.url.root))[-1:]
    elif len(found) > 1:
        found = [login for login in found if login.username == username]
    if len(found) != 1:
        return None
    return RememberedLogin(found[0].url, username or found[0].username)


def remember_username(index: str, username: str) -> None:
    """Note the user name of a successful login; raise ConfigurationError when it can't be written."""
    _change(lambda logins: {**logins, index: username})


def forget_username(index: str) -> None:
    """Remove the note of an index; raise ConfigurationError when it can't be written."""
    _change(lambda logins: {known: username for known, username in logins.items() if known != index})


def _remembered() -> Iterator[RememberedLogin]:
    for root, username in _read().items():
        try:
            yield RememberedLogin(parse_index_url(root), username)
        except ConfigurationError:
            continue  # not written by a login


def _path() -> Path:
    from platformdirs import user_config_path  # noqa: PLC0415, TID251 - not needed for credentials of the environment

    return user_config_path("pypi-publish", appauthor=False) / "logins.json"


def _read() -> dict[str, str]:
    try:
        found = json.loads(_path().read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}  # a convenience: a lost or torn file costs one `--username`
    names = found.items() if isinstance(found, dict) else ()
    return {index: name for index, name in names if isinstance(name, str) and name}


def _change(change: Callable[[dict[str, str]], dict[str, str]]) -> None:
    """Change the notes; several programs that do so at once lose nothing."""
    path = _path()
    if change(_read()) == _read():
        return
    try:
        with locked(path):
            replace_file(path, json.dumps(change(_read()), indent=2, sort_keys=True).encode())
    except OSError as error:
        raise ConfigurationError(
            f"{path} can't be written: {error.strerror or error}.",
            hint="It only remembers user names. Make its folder writable, or name another one in XDG_CONFIG_HOME.",
            path=path,
        ) from error
