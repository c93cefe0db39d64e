"""Values that an index returns, without the code that asks for them: its files and accounts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


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
    """Whether the index sends installers to another one for names that it does not own."""
