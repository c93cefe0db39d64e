"""A tool that takes indexes from configuration files: its files, the edits that add an index, and reading them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, NamedTuple
from urllib.parse import quote, urlsplit, urlunsplit

from publisher.client.url import IndexUrl, parse_index_url
from publisher.errors import ConfigurationError
from publisher.machine.paths import Machine
from publisher.secret import Secret, mask_urls

PUBLIC = "the public index"
"""Name of an index that a tool asks by default."""


@dataclass(frozen=True)
class Setup:
    """
    An index under the name that it has in files, and its user.

    ``password`` is set only if it is to be written to the file. ``proxies_public``: the index sends installers to the
    public one for names that it does not own, so that it can be the only one. ``packages`` are the names that are on
    it, and ``private_dependencies`` those that each of them requires of the same index.
    """

    url: IndexUrl
    name: str
    username: str | None = None
    password: Secret | None = field(default=None, repr=False)
    proxies_public: bool = False
    packages: Sequence[str] = ()
    private_dependencies: Mapping[str, Collection[str]] = field(default_factory=dict)

    @property
    def group(self) -> str:
        """The name of the dependency group for the packages that others on the index bring along."""
        return f"via-{self.name}"

    @property
    def variable_name(self) -> str:
        """The name as environment variables have it."""
        return "".join(character if character.isalnum() else "_" for character in self.name.upper())

    @property
    def personal_url(self) -> str:
        """The URL of the simple API with the user's name, and the password if it is to be written to the file."""
        if not self.username:
            return self.url.simple
        parts = urlsplit(self.url.simple)
        user = quote(self.username, safe="")
        secret = f":{quote(self.password.reveal(), safe='')}" if self.password else ""
        return urlunsplit(parts._replace(netloc=f"{user}{secret}@{parts.netloc}"))


class FileEdit(NamedTuple):
    """A file of a tool, and the function that adds a setup to its text (None for a new file)."""

    path: Path
    put: Callable[[str | None], str]
    holds_secret: bool = False


@dataclass(frozen=True)
class ConfiguredIndex:
    """An index that a tool asks: its URL, and the file, variable or default that names it."""

    url: str
    origin: str
    secret_beside: bool = False
    """Whether the file has a password for it outside the URL."""

    def is_index(self, url: IndexUrl) -> bool:
        """Return whether it is that index, by any of its URLs."""
        try:
            return parse_index_url(self.url).root == url.root
        except ConfigurationError:
            return False

    @property
    def password_in_url(self) -> bool:
        """Whether the URL has a password in it that is written out."""
        try:
            password = parse_index_url(self.url).password
        except ConfigurationError:
            return False
        return password is not None and not password.reveal().startswith("${")

    @property
    def holds_secret(self) -> bool:
        """Whether a password is written beside or in the URL."""
        return self.secret_beside or self.password_in_url

    def __str__(self) -> str:
        return mask_urls(self.url)


class Tool(ABC):
    """A tool that installs from an index or publishes to it."""

    name: ClassVar[str]
    command: ClassVar[str]
    """Its program; empty where several programs share a file."""
    scopes: ClassVar[Sequence[str]]
    """The scopes of its configuration, the usual one first."""

    @abstractmethod
    def edits(self, setup: Setup, machine: Machine, scope: str) -> Sequence[FileEdit]:
        """Return the edits that add an index; raises ConfigurationError where that can't be done in this scope."""

    @abstractmethod
    def paths(self, machine: Machine, scope: str) -> Sequence[Path]:
        """Return the files that `edits` changes."""

    @abstractmethod
    def variables(self, setup: Setup) -> Mapping[str, str]:
        """Return environment variables that do the same in a CI job, with shell variables for secrets."""

    @abstractmethod
    def notes(self, setup: Setup, scope: str) -> Sequence[str]:
        """Return notes on the choices that were made."""

    @abstractmethod
    def read(self, machine: Machine) -> Sequence[ConfiguredIndex]:
        """Return the indexes in the tool's files and variables; raises ConfigurationError where one can't be read."""
