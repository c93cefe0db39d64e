"""Authorization: one function decides for the fast path, for the application, and for handlers."""

import enum
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from publisher.server.auth.access.control import AccessControl
from publisher.server.auth.errors import AuthError, MissingCredentialsError, PasswordNeededError, RightMissingError
from publisher.server.auth.identification import Identification
from publisher.server.auth.principal import ADMIN_TOKEN, ANONYMOUS, Principal, PrincipalKind, Right
from publisher.server.auth.sessions.sessions import Sessions
from publisher.server.http.forwarding import place_of
from publisher.server.http.messages import Request
from publisher.server.routes.web.account.cookies import recognize, session_principal
from publisher.server.settings import Activity
from publisher.server.storage.errors import StorageError
from publisher.server.work.turns import BusyError

READING = frozenset({"GET", "HEAD"})


class Access(enum.Enum):
    """
    Access to routes that concern no project.

    ``ACCOUNT`` is for everybody who proved who they are, ``PERSON`` for accounts with their password, ``ADMIN`` for
    the administrator's token and for accounts that are admins. ``MANAGER`` is for that token and for accounts with
    their password, whose rights the handler looks at.
    """

    OPEN = enum.auto()
    ACCOUNT = enum.auto()
    PERSON = enum.auto()
    ADMIN = enum.auto()
    MANAGER = enum.auto()


@dataclass(frozen=True, slots=True)
class Need:
    """
    The right that a route needs, and the activity by which ``--authenticate`` may open it to everybody.

    ``project`` returns the normalized name of the project out of what the route's ``*`` stands for. Without it the
    route is for everybody who has the right on any project, and its handler asks again when it knows the project.
    """

    right: Right
    activity: Activity
    project: Callable[[str], str] | None = None


class ProjectFacts(Protocol):
    """What authorization has to know of projects."""

    def maintainers_now(self, project: str) -> frozenset[str]:
        """Return the maintainers that are known without waiting."""

    async def maintainers(self, project: str) -> frozenset[str]:
        """Return the accounts that a project's record names as maintainers."""

    async def maintained_by(self, account: str) -> frozenset[str]:
        """Return the projects whose records name an account as maintainer."""

    def surely_public(self, name: str) -> bool:
        """Tell without waiting that a name is passed on from upstream, and not this index's."""

    async def is_public(self, name: str) -> bool:
        """Tell that a name is passed on from upstream, and not this index's."""


class Authorization:
    """Decides whether a request may use a route, and a principal a project."""

    def __init__(
        self,
        authenticate: frozenset[Activity],
        identification: Identification,
        access: AccessControl,
        facts: ProjectFacts,
        sessions: Sessions,
    ) -> None:
        self._authenticate = authenticate
        self._identification = identification
        self._access = access
        self._facts = facts
        self._sessions = sessions

    def from_memory(self, request: Request, need: Need | Access, rest: str) -> bool:
        """Tell whether a request may go on, without waiting; set its principal where its credentials are remembered."""
        header = request.headers.get(b"authorization")
        principal = _of_session(request) if header is None else ANONYMOUS
        if header is not None and need is not Access.ADMIN:
            principal = self._identification.recall(header) or ANONYMOUS
        _identify(request, principal)
        if not isinstance(need, Need):
            return need is Access.OPEN or (need is Access.ACCOUNT and principal is not ANONYMOUS)
        if not self._access.is_recent() or (need.right is not Right.READ and self._access.is_read_only):
            return False
        if header is not None and principal is ANONYMOUS and self._access.anonymous is not None:
            return False
        project = need.project(rest) if need.project is not None else None
        if self._allows(principal, need, project, self._facts.maintainers_now(project) if project else frozenset()):
            return True
        return project is not None and _reads(principal, need) and self._facts.surely_public(project)

    async def require(self, request: Request, need: Need | Access, rest: str) -> None:
        """Return when a request may go on; raise an AuthError otherwise, after verifying what is not remembered."""
        if need is not Access.OPEN:
            await self._access.bring_up_to_date()
        if _takes_sessions(request, need):
            await recognize(request, self._sessions)
        if self.from_memory(request, need, rest):
            return
        if need is Access.ADMIN or (need is Access.MANAGER and _bears_token(request)):
            await self._require_admin(request)
        elif request.headers.get(b"authorization") is not None and request.principal is ANONYMOUS:
            await self._authenticate_sender(request)
        if isinstance(need, Need):
            await self._require_need(request, need, need.project(rest) if need.project is not None else None)
        elif request.principal is ANONYMOUS:
            raise MissingCredentialsError
        elif need in {Access.PERSON, Access.MANAGER} and not _may_manage(principal_of(request), need):
            raise PasswordNeededError
        if not isinstance(need, Need) and request.method not in READING:
            self._access.require_changes()

    async def is_known(self, request: Request) -> bool:
        """Tell whether a request's sender proves who they are, on a route that is open to everybody."""
        header = request.headers.get(b"authorization")
        if header is not None and principal_of(request) is ANONYMOUS:
            with suppress(AuthError, BusyError, StorageError):
                await self._authenticate_sender(request)
        return principal_of(request) is not ANONYMOUS

    async def require_right(self, request: Request, need: Need, project: str) -> None:
        """Return when a request may do something to a project by its normalized name; raise an AuthError otherwise."""
        await self._require_need(request, need, project)

    async def readable(self, request: Request, names: Iterable[str]) -> list[str]:
        """Return the names, in their order, of the projects that a request's sender may read."""
        principal = principal_of(request)
        if self.reads_everything(request):
            return list(names)
        maintained: frozenset[str] = frozenset()
        if principal.account is not None:
            maintained = await self._facts.maintained_by(principal.account)
        account = frozenset({principal.account or ""})
        need = Need(Right.READ, Activity.LIST)
        return [
            name
            for name in names
            if self._allows(principal, need, name, account if name in maintained else frozenset())
        ]

    def reads_everything(self, request: Request) -> bool:
        """Tell whether no project is hidden from a request's sender."""
        if principal_of(request).reads_everything:
            return True
        return Activity.LIST not in self._authenticate and self._access.anonymous is None

    def _allows(self, principal: Principal, need: Need, project: str | None, maintainers: frozenset[str]) -> bool:
        """Decide: what is open to everybody, and what a principal's rights allow."""
        if need.activity not in self._authenticate and self._access.anonymous_may(project):
            return True
        if principal.may(need.right, project, maintainers):
            return True
        if project is None and principal is not ANONYMOUS:  # its handler asks again, when the project is known
            return need.right is Right.READ or any(principal.may(right) for right in (Right.CREATE, Right.MANAGE))
        return False

    async def _require_need(self, request: Request, need: Need, project: str | None) -> None:
        principal = principal_of(request)
        if need.right is not Right.READ:
            self._access.require_changes()
        maintainers = await self._facts.maintainers(project) if project else frozenset[str]()
        if self._allows(principal, need, project, maintainers):
            return
        if project is not None and _reads(principal, need) and await self._facts.is_public(project):
            return
        if principal is ANONYMOUS:
            raise MissingCredentialsError
        if project is None and principal.is_person and await self._facts.maintained_by(principal.name):
            return
        raise RightMissingError(principal, need.right, project)

    async def _require_admin(self, request: Request) -> None:
        header = request.headers.get(b"authorization")
        if header is None or header[:6].lower() != b"basic ":
            await self._identification.require_admin(header, place_of(request.client))
            _identify(request, ADMIN_TOKEN)
            return
        await self._authenticate_sender(request)
        principal = principal_of(request)
        if not principal.is_person or not principal.may(Right.ADMIN):
            raise RightMissingError(principal, Right.ADMIN, None)

    async def _authenticate_sender(self, request: Request) -> None:
        header = request.headers[b"authorization"]
        _identify(request, await self._identification.authenticate(header, place_of(request.client)))


def principal_of(request: Request) -> Principal:
    """Return the sender of a request, anonymous before it was authorized."""
    principal = request.principal
    return principal if isinstance(principal, Principal) else ANONYMOUS


def _takes_sessions(request: Request, need: Need | Access) -> bool:
    """Tell whether a browser's cookie counts: for reading, and for pages that look at it themselves."""
    if request.headers.get(b"authorization") is not None or b"cookie" not in request.headers:
        return False
    return need is Access.OPEN or (isinstance(need, Need) and request.method in READING)


def _of_session(request: Request) -> Principal:
    principal = session_principal(request)
    return principal if isinstance(principal, Principal) else ANONYMOUS


def _identify(request: Request, principal: Principal) -> None:
    request.principal = principal
    nameless = {PrincipalKind.ANONYMOUS, PrincipalKind.ADMIN_TOKEN}
    request.username = None if principal.kind in nameless else principal.name


def _bears_token(request: Request) -> bool:
    return request.headers.get(b"authorization", b"")[:7].lower() == b"bearer "


def _may_manage(principal: Principal, need: Access) -> bool:
    return principal.is_person or (need is Access.MANAGER and principal.kind is PrincipalKind.ADMIN_TOKEN)


def _reads(principal: Principal, need: Need) -> bool:
    """Tell whether somebody who may read anything here reads: that opens public names, which are no secret."""
    return need.right is Right.READ and principal.may(Right.READ)
