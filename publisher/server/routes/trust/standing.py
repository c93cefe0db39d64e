"""The rights that accounts, tokens and publishers have now: those given, within those of the account behind them."""

from collections.abc import Iterable, Mapping
from typing import Any

from publisher.server.auth.access.control import AccessControl
from publisher.server.auth.oidc.minted_principal import MintedPrincipal
from publisher.server.auth.oidc.publishers import Publisher
from publisher.server.auth.oidc.service import TrustedPublishing
from publisher.server.auth.principal import ADMIN_TOKEN, MAINTAINER_RIGHTS, Grant, Principal, PrincipalKind, Right
from publisher.server.auth.tokens.records import TokenRecord
from publisher.server.store.maintainers import Maintainers


class Standing:
    """Finds out rights for lists, by the same rules as authorization, with the maintainers that records name."""

    def __init__(self, access: AccessControl, maintainers: Maintainers) -> None:
        self._access = access
        self._maintainers = maintainers

    async def of_principal(self, principal: Principal) -> list[dict[str, Any]]:
        """Return the rights of a request's sender by project pattern."""
        parts = principal.parts if isinstance(principal, MintedPrincipal) else ()
        granted = [grant for part in parts for grant in part.grants] or principal.grants
        found = await self._now(principal, granted)
        if principal.kind is PrincipalKind.ACCOUNT and self._access.has_roles:
            maintained = await self._maintainers.projects_of(principal.name)
            found += [{"rights": sorted(MAINTAINER_RIGHTS), "projects": name} for name in sorted(maintained)]
        return found

    async def of_token(self, record: TokenRecord) -> list[dict[str, Any]]:
        """Return the rights that a stored token has while its owner has them."""
        owner = self._access.principal(record.owner)
        within = Principal(record.owner, PrincipalKind.TOKEN, record.grants, account=record.owner, within=owner)
        return await self._now(within, record.grants)

    async def behind(self, publisher: Publisher, publishing: TrustedPublishing) -> Mapping[str, str]:
        """
        Return the right by which the voucher of a publisher vouches for each of its projects.

        That is ``admin``, ``role`` or ``maintainer``; nothing where it lost that right, so that jobs are refused.
        """
        if publisher.voucher is None:
            return dict.fromkeys(publisher.projects, Right.ADMIN.value)
        voucher = await publishing.vouchers.principal(publisher.voucher)
        if voucher is None:
            return dict.fromkeys(publisher.projects, "")
        return {project: await self._behind(voucher, project) for project in publisher.projects}

    async def _behind(self, voucher: Principal, project: str) -> str:
        if voucher.may(Right.MANAGE, project):
            return "role"
        if voucher.may(Right.ADMIN):
            return "admin"
        return "maintainer" if voucher.may(Right.MANAGE, project, await self._maintainers.of(project)) else ""

    async def _now(self, principal: Principal, grants: Iterable[Grant]) -> list[dict[str, Any]]:
        return [{"rights": await self._rights(principal, grant), "projects": grant.pattern} for grant in grants]

    async def _rights(self, principal: Principal, grant: Grant) -> list[str]:
        """Return the rights of a grant that hold on its project, or on some project that its pattern covers."""
        if "*" not in grant.pattern:
            maintainers = await self._maintainers.of(grant.pattern)
            return sorted(right for right in grant.rights if principal.may(right, grant.pattern, maintainers))
        account = principal.account or ""
        maintained = await self._maintainers.projects_of(account) if self._access.has_roles and account else ()
        return sorted(
            right
            for right in grant.rights
            if principal.may(right)
            or any(grant.covers(right, name) and principal.may(right, name, {account}) for name in maintained)
        )


def vouched_by(publisher: Publisher) -> str:
    """Return the words for the account that vouches for a publisher."""
    return publisher.voucher if publisher.voucher is not None else ADMIN_TOKEN.name
