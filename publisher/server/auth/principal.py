"""The sender of a request, and the rights that it has on projects."""

import enum
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from publisher.server.names.filenames import is_reserved
from publisher.server.settings import CLIENT_NAME

EVERYTHING = "*"
"""The pattern of all projects."""


class Right(enum.StrEnum):
    """
    A right on projects, or on the whole index.

    ``read`` lists and downloads, ``publish`` adds files to an existing project, ``create`` the first file of a new
    name, ``manage`` yanks and deletes; ``admin`` administers the index.
    """

    READ = "read"
    PUBLISH = "publish"
    CREATE = "create"
    MANAGE = "manage"
    ADMIN = "admin"


WORKING_RIGHTS = frozenset({Right.READ, Right.PUBLISH, Right.CREATE, Right.MANAGE})
"""The rights of every account on an index without roles."""

_READING = {Right.PUBLISH, Right.MANAGE}
"""The rights that include reading."""

MAINTAINER_RIGHTS = frozenset({Right.READ, Right.PUBLISH, Right.MANAGE})
"""The rights on a project of the accounts that its record names as maintainers."""


class PrincipalKind(enum.StrEnum):
    """The kind of proof that a principal gave."""

    ANONYMOUS = "anonymous"
    ACCOUNT = "account"
    TOKEN = "token"  # noqa: S105 - a kind
    MINTED = "minted"
    ADMIN_TOKEN = "admin_token"  # noqa: S105 - a kind
    LOCAL = "local"
    """A person with the index's folders at hand, who proved nothing to it."""


class Grant(NamedTuple):
    """
    Rights on the projects that a pattern matches, as `publisher.server.names.filenames.is_reserved` does.

    No pattern with ``*`` covers `pypi-publish`, the index's own client, except for reading it.
    """

    rights: frozenset[Right]
    pattern: str = EVERYTHING

    def covers(self, right: Right, project: str | None) -> bool:
        """Return whether it gives a right on a project, by its normalized name; on any project for None."""
        if right not in self.rights and (right is not Right.READ or self.rights.isdisjoint(_READING)):
            return False
        if project is None:
            return True
        if project == CLIENT_NAME and "*" in self.pattern and right is not Right.READ:
            return False
        return self.pattern == EVERYTHING or is_reserved(project, self.pattern)


class Origin(NamedTuple):
    """The job that a minted token was issued to, for the audit trail and the record of a release."""

    issuer: str
    repository: str
    commit: str = ""
    run: str = ""
    """The URL of the run, or its number."""

    def as_record(self) -> Mapping[str, str]:
        """Return its properties for JSON."""
        known = {"issuer": self.issuer, "repository": self.repository, "commit": self.commit, "run": self.run}
        return {key: value for key, value in known.items() if value}


@dataclass(frozen=True)
class Principal:
    """
    The sender of a request.

    ``account`` is the account behind it: itself, the owner of a token, or the one that vouched for a publisher.
    ``token`` names the token that was used. A principal never has more rights than the one that it is ``within``.
    """

    name: str
    kind: PrincipalKind
    grants: tuple[Grant, ...] = ()
    account: str | None = None
    token: str | None = None
    origin: Origin | None = None
    within: "Principal | None" = None

    def may(self, right: Right, project: str | None = None, maintainers: Collection[str] = ()) -> bool:
        """
        Return whether it has a right on a project, by its normalized name, or on any project for None.

        ``maintainers`` are the accounts that the project's record names.
        """
        if self.within is not None and not self.within.may(right, project, maintainers):
            return False
        if any(grant.covers(right, project) for grant in self.grants):
            return True
        return self.kind is PrincipalKind.ACCOUNT and self.account in maintainers and right in MAINTAINER_RIGHTS

    @cached_property
    def reads_everything(self) -> bool:
        """Whether no project is hidden from it."""
        reads = any(grant.pattern == EVERYTHING and grant.covers(Right.READ, None) for grant in self.grants)
        return reads and (self.within is None or self.within.reads_everything)

    @cached_property
    def username(self) -> str | None:
        """The name for logs and answers, None for anonymous requests and the admin token."""
        return None if self.kind in {PrincipalKind.ANONYMOUS, PrincipalKind.ADMIN_TOKEN} else self.name

    @property
    def is_person(self) -> bool:
        """Whether it proved itself with the account's password, which alone creates tokens and publishers."""
        return self.kind is PrincipalKind.ACCOUNT

    def as_record(self) -> Mapping[str, object]:
        """Return the identity for the audit trail; never a secret."""
        found: dict[str, object] = {"user": self.name, "kind": self.kind.value}
        if self.token is not None:
            found["token"] = self.token
        if self.origin is not None:
            found["origin"] = self.origin.as_record()
        return found


ANONYMOUS = Principal("anonymous", PrincipalKind.ANONYMOUS)
ADMIN_TOKEN = Principal("AUTH_TOKEN", PrincipalKind.ADMIN_TOKEN, (Grant(frozenset({Right.ADMIN})),))
