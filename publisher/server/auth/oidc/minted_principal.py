"""The sender of a request with a minted token: the rights of its publishers, within those of the vouching accounts."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from publisher.server.auth.principal import Grant, Principal, Right


class PublisherPart(NamedTuple):
    """The grants that one publisher gives, and the account that vouches for it; None for the admin token."""

    grants: tuple[Grant, ...]
    voucher: Principal | None

    def may(self, right: Right, project: str | None, maintainers: Collection[str]) -> bool:
        """Return whether it gives a right, which its voucher must be able to vouch for now."""
        if not any(grant.covers(right, project) for grant in self.grants):
            return False
        if self.voucher is None or project is None:
            return True
        needed = Right.CREATE if right is Right.CREATE else Right.MANAGE
        return self.voucher.may(needed, project, maintainers) or self.voucher.may(Right.ADMIN)


@dataclass(frozen=True)
class MintedPrincipal(Principal):
    """A job of a trusted publisher."""

    parts: tuple[PublisherPart, ...] = ()

    def may(self, right: Right, project: str | None = None, maintainers: Collection[str] = ()) -> bool:
        """Return whether one of its publishers gives a right on a project."""
        return any(part.may(right, project, maintainers) for part in self.parts)
