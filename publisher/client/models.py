"""Values that an index returns, without the code that asks for them: its files and accounts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from publisher.project.display import human_age


@dataclass(frozen=True)
class RemoteFile:
    """
    A file on the index.

    ``hashes`` are its digests by algorithm, in lower-case hexadecimal; ``uploaded`` and ``size``, in bytes, are None
    where the index does not give them (PEP 700).
    """

    filename: str
    url: str
    hashes: Mapping[str, str]
    yanked: bool = False
    uploaded: datetime | None = None
    size: int | None = None


@dataclass(frozen=True)
class Account:
    """An account on an index: a user name, and the rights of that user."""

    username: str
    rights: Sequence[str] | None
    """Of download, list and update; None where the index does not give them."""
    version: str | None = None
    """Of the pypi-publish that the index runs; None where it is another index."""
    passes_on: bool = False
    """Whether installers find public packages under the index's URL, so that they need no other."""
    cooldown: float | None = None
    """The age in seconds that public files must have; None where the index passes on none from a cache of its own."""

    @property
    def public_packages(self) -> str:
        """The public packages that installers get from the index, as a sentence."""
        if not self.passes_on:
            return "Public packages are not passed on."
        if self.cooldown is None:
            return "Public packages are passed on by redirects, so this URL is the only one that installers need."
        when = f" once they are {human_age(self.cooldown)} old" if self.cooldown else ""
        return f"Public packages are passed on{when}, so this URL is the only one that installers need."
