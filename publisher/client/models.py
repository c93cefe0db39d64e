"""Values that an index returns, without the code that asks for them: its files and accounts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from publisher.project.display import human_age

SHOWN_GRANTS = 5


class RemoteFile(NamedTuple):
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


class Account(NamedTuple):
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

    grants: Sequence[Mapping[str, Any]] = ()
    """The roles and rights by project pattern, in the words of `access.toml`; none where it gives none."""

    @property
    def described_rights(self) -> str:
        """The roles and rights, else the activities, as a phrase."""
        if self.grants:
            more = f"; and {len(self.grants) - SHOWN_GRANTS} more" if len(self.grants) > SHOWN_GRANTS else ""
            return "; ".join(map(_described, self.grants[:SHOWN_GRANTS])) + more
        return "not reported by this index" if self.rights is None else ", ".join(self.rights) or "none"

    @property
    def public_packages(self) -> str:
        """The public packages that installers get from the index, as a sentence."""
        if not self.passes_on:
            return "This index serves no public packages."
        if self.cooldown is None:
            return "Public packages are passed on by redirects, so this URL is the only one that installers need."
        when = f" once they are {human_age(self.cooldown)} old" if self.cooldown else ""
        return f"Public packages are passed on{when}, so this URL is the only one that installers need."


def _described(grant: Mapping[str, Any]) -> str:
    """Return the role or the rights on a project pattern as a phrase."""
    rights = ", ".join(map(str, grant.get("rights") or ())) or "no rights"
    role = grant.get("role")
    return f"{role} of {grant.get('projects')} ({rights})" if role else f"{rights} on {grant.get('projects')}"
