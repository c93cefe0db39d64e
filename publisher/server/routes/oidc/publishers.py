"""Administration of trusted publishers at ``/-/trust``, by admins and by accounts that manage the projects."""

from typing import Any

from publisher.server.auth.access.control import AccessControl
from publisher.server.auth.audit.trail import AuditEvent, AuditTrail
from publisher.server.auth.errors import RightMissingError
from publisher.server.auth.oidc.errors import InvalidPublisherError, UnknownPublisherError
from publisher.server.auth.oidc.publishers import Publisher, PublisherState, create_publisher
from publisher.server.auth.oidc.service import TrustedPublishing
from publisher.server.auth.principal import Principal, Right
from publisher.server.http.json_body import JsonBody, JsonKey, JsonKind
from publisher.server.http.messages import HttpError, Request, Response, json_response
from publisher.server.routes.authorization import principal_of
from publisher.server.routes.oidc.exchange import WITHOUT_URL
from publisher.server.routes.trust.standing import Standing, vouched_by
from publisher.server.settings import CLIENT_NAME
from publisher.server.store.maintainers import Maintainers

NEW_PUBLISHER = JsonBody(
    {
        "kind": JsonKey(JsonKind.TEXT, required=True),
        "issuer": JsonKey(JsonKind.TEXT, nullable=True),
        "projects": JsonKey(JsonKind.TEXTS, required=True),
        "settings": JsonKey(JsonKind.TABLE, required=True),
        "pins": JsonKey(JsonKind.TABLE),
        "creates": JsonKey(JsonKind.FLAG),
        "voucher": JsonKey(JsonKind.TEXT, nullable=True),
    }
)


class PublisherRoutes:
    """
    Answers ``/-/trust`` and ``/-/trust/NAME``.

    An index without roles leaves publishers to its admins, because there every account may manage everything.
    """

    def __init__(
        self,
        publishing: TrustedPublishing | None,
        access: AccessControl,
        maintainers: Maintainers,
        audit: AuditTrail,
    ) -> None:
        self._standing = Standing(access, maintainers)
        self._publishing = publishing
        self._access = access
        self._maintainers = maintainers
        self._audit = audit

    async def list(self, request: Request, _rest: str = "") -> Response:
        """Name the publishers of the projects that the sender manages, and whether it may add some."""
        sender = principal_of(request)
        found = [
            each
            for each in await self._required().registry.all()
            if all([await self._manages(sender, project) for project in each.projects])
        ]
        publishers = [await self._shown(each) for each in found]
        return json_response(
            {"audience": self._required().audience, "publishers": publishers, "may-add": await self._may_add(sender)}
        )

    async def add(self, request: Request, _rest: str = "") -> Response:
        """Register a publisher, for which the sender vouches from then on, or the account that an admin names."""
        publishing, sender = self._required(), principal_of(request)
        values = request.json
        voucher = await self._voucher(publishing, sender, values.get("voucher", ""))
        try:
            described = create_publisher(values, voucher, sender.name)
            await self._require(sender, described)
            added = await publishing.registry.add(described)
        except InvalidPublisherError as error:
            raise HttpError(422, str(error)) from error
        await self._record("publisher-added", request, added)
        return json_response({"audience": publishing.audience, "publisher": await self._shown(added)}, 201)

    async def remove(self, request: Request, name: str) -> Response:
        """Remove a publisher, whose tokens end with it."""
        publishing, sender = self._required(), principal_of(request)
        known = next((each for each in await publishing.registry.all() if each.name == name), None)
        if known is None:
            raise _unknown(name)
        await self._require(sender, known, removes=True)
        try:
            removed = await publishing.remove(name)
        except UnknownPublisherError:
            raise _unknown(name) from None
        await self._record("publisher-removed", request, removed)
        return json_response({"publisher": await self._shown(removed), "status": "removed"})

    def _required(self) -> TrustedPublishing:
        if self._publishing is None:
            raise HttpError(404, WITHOUT_URL)
        return self._publishing

    async def _voucher(self, publishing: TrustedPublishing, sender: Principal, named: str) -> str | None:
        """Return the account that will vouch, None for the admin token; raise HttpError for a wrong one."""
        if not named or named == sender.account:
            return sender.account
        if not sender.may(Right.ADMIN):
            raise HttpError(403, "Only an admin registers publishers that another account vouches for.")
        if await publishing.vouchers.principal(named) is None:
            raise HttpError(422, f"Unknown user {named[:128]}: a publisher needs a user who vouches for it.")
        return named

    async def _require(self, sender: Principal, publisher: Publisher, *, removes: bool = False) -> None:
        """Return when the sender may vouch for a publisher, or remove it; raise RightMissingError otherwise."""
        if sender.may(Right.ADMIN):
            return
        if not removes and (publisher.state is not PublisherState.ACTIVE or CLIENT_NAME in publisher.projects):
            raise RightMissingError(sender, Right.ADMIN, None)
        for project in publisher.projects:
            if not await self._manages(sender, project):
                raise RightMissingError(sender, Right.MANAGE if self._access.has_roles else Right.ADMIN, project)
        if not removes and not await self._required().is_known_issuer(publisher.issuer):
            raise HttpError(
                403,
                f"No publisher of this index has the issuer {publisher.issuer} yet. "
                "An admin registers the first one, because the index fetches keys from there.",
            )

    async def _manages(self, sender: Principal, project: str) -> bool:
        if sender.may(Right.ADMIN):
            return True
        maintainers = await self._maintainers.of(project)
        return self._access.has_roles and sender.may(Right.MANAGE, project, maintainers)

    async def _may_add(self, sender: Principal) -> bool:
        """Return whether there may be a project that the sender can vouch for."""
        if sender.may(Right.ADMIN):
            return True
        if not self._access.has_roles:
            return False
        return sender.may(Right.MANAGE) or bool(await self._maintainers.projects_of(sender.account or ""))

    async def _record(self, what: str, request: Request, publisher: Publisher) -> None:
        details = {
            "publisher": publisher.name,
            "title": publisher.title,
            "projects": list(publisher.projects),
            "voucher": vouched_by(publisher),
        }
        await self._audit.record(AuditEvent(what, principal_of(request), request.client, details=details))

    async def _shown(self, publisher: Publisher) -> dict[str, Any]:
        """Return the public properties of a publisher, with its voucher and the voucher's right."""
        found = {name: value for name, value in publisher.as_json().items() if name != "serial"}
        behind = await self._standing.behind(publisher, self._required())
        return {**found, "title": publisher.title, "vouched-by": vouched_by(publisher), "standing": behind}


def _unknown(name: str) -> HttpError:
    return HttpError(404, f"Unknown publisher {name[:80]!r}.")
