"""What a tool is told: the index, who uses it, and how it stands to the public index."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol
from urllib.parse import quote, urlsplit, urlunsplit

from publisher.client.url import IndexUrl
from publisher.machine.paths import Machine
from publisher.secret import Secret


@dataclass(frozen=True)
class Setup:
    """
    An index under the name that it has in files, and its user.

    ``password`` is there only when it is to stand in the file. ``passes_on`` says that the index sends installers to
    the public one for names that it does not own, so that it can be the only one. ``packages`` are the names that are
    on it, and ``needs`` says which of them need which others.
    """

    url: IndexUrl
    name: str
    username: str | None = None
    password: Secret | None = field(default=None, repr=False)
    passes_on: bool = False
    packages: Sequence[str] = ()
    needs: Mapping[str, Collection[str]] = field(default_factory=dict)

    @property
    def group(self) -> str:
        """The name of the dependency group for the packages that others on the index bring along."""
        return f"via-{self.name}"

    @property
    def personal_url(self) -> str:
        """The URL of the simple API with the user's name, and the password where it is to stand in a file."""
        if not self.username:
            return self.url.simple
        parts = urlsplit(self.url.simple)
        user = quote(self.username, safe="")
        secret = f":{quote(self.password.reveal(), safe='')}" if self.password else ""
        return urlunsplit(parts._replace(netloc=f"{user}{secret}@{parts.netloc}"))


@dataclass(frozen=True)
class FileEdit:
    """A file of a tool's, and the function that puts a setup into its text (None where there is no file yet)."""

    path: Path
    put: Callable[[str | None], str]
    holds_secret: bool = False


@dataclass(frozen=True)
class Finding:
    """An index that a tool's file names: the URL without its password, and whether the file holds one."""

    path: Path
    url: str
    holds_secret: bool = False
    leaks: bool = False
    """Whether a name of the private index may be taken from this one instead."""


class Tool(Protocol):
    """A tool that installs from an index or publishes to it."""

    name: ClassVar[str]
    command: ClassVar[str]
    """What it is called on the path."""
    scopes: ClassVar[Sequence[str]]
    """The places that its configuration may stand in, the usual one first."""

    def edits(self, setup: Setup, machine: Machine, scope: str) -> Sequence[FileEdit]:
        """Return the changes that set the tool up; raises ConfigurationError where that can't be done in this scope."""

    def paths(self, machine: Machine, scope: str) -> Sequence[Path]:
        """Return the files in which the changes stand."""

    def variables(self, setup: Setup) -> Mapping[str, str]:
        """Return environment variables that do the same in a CI job, with shell variables for what is secret."""

    def notes(self, setup: Setup, scope: str) -> Sequence[str]:
        """Return what a person should know about the choices that were made."""

    def read(self, machine: Machine) -> Sequence[Finding]:
        """Return the indexes that the tool's files name, as far as they can be read."""
