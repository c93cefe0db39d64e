"""The servers of a .pypirc file, by the names that twine knows them by."""

from dataclasses import dataclass, field
from pathlib import Path

from publisher.errors import ConfigurationError
from publisher.files.changes import read_text
from publisher.files.ini import parse_ini
from publisher.secret import Secret

_PUBLIC = {"pypi", "testpypi"}
"""The names that every tool knows without a section."""


@dataclass(frozen=True)
class PypircServer:
    """A server's URL and the account in its section."""

    url: str
    username: str | None = None
    password: Secret | None = field(default=None, repr=False)


def read_server(name: str, path: Path | None = None) -> PypircServer:
    """
    Return a server by its name from a file, ``~/.pypirc`` by default.

    Raises ConfigurationError if the file has no such server or can't be read.
    """
    path = path or _usual_path()
    try:
        found = parse_ini(read_text(path) or "")
    except ConfigurationError as error:
        message = error.message if str(path) in error.message else f"{path}: {error.message}"
        raise ConfigurationError(message, hint="Fix the file, or pass --index-url.", path=path) from error
    url = found.value(name, "repository")
    if not url:
        names = [section for section in found.headers if found.value(section, "repository")]
        if name in _PUBLIC:
            raise ConfigurationError(
                f"{name!r} is a public index; this command publishes to a private one.",
                hint=f"Name one of {path}: {', '.join(names)}." if names else "Pass --index-url URL.",
            )
        raise ConfigurationError(
            f"{path} has no server {name!r}.",
            hint=f"It has {', '.join(names)}." if names else "`pypi-publish config pypirc --write` adds your index.",
        )
    password = found.value(name, "password")
    return PypircServer(url, found.value(name, "username") or None, Secret(password) if password else None)


def _usual_path() -> Path:
    try:
        return Path("~/.pypirc").expanduser()
    except RuntimeError as error:
        raise ConfigurationError("No home folder found for .pypirc.", hint="Pass --index-url URL.") from error
