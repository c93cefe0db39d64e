"""Authorization: one function decides for the fast path, for the application, and for handlers."""

import enum
from collections.abc import Callable, Hashable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from publisher.server.auth.access.control import AccessControl
from publisher.server.auth.decisions import Decisions, Recalled
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
_NOBODY = frozenset[str]()


class Access(enum.Enum):
    """
    Access to routes that concern no project.

    ``ACCOUNT`` is for everybody who proved who they are, ``PERSON`` for accounts with their password, ``ADMIN`` for
    the admin token and for accounts that are admins. ``MANAGER`` is for that token and for accounts with
    their password, whose rights the handler looks at. ``LEAVING`` is for accounts with
    their password that end their own sessions, which is allowed even while all other changes are refused.
    """

    OPEN = enum.auto()
    ACCOUNT = enum.auto()
    PERSON = enum.auto()
    ADMIN = enum.auto()
    MANAGER = enum.auto()
    LEAVING = enum.auto()


_BY_PASSWORD = {Access.PERSON, Access.MANAGER, Access.LEAVING}
"""Access that needs an account's password; ``MANAGER`` accepts the admin token too."""


@dataclass(frozen=True, slots=True, eq=False)
class Need:
    """
    The right that a route needs, and the activity by which ``--authenticate`` may open it to everybody.

    ``project`` returns the normalized name of the project out of the part that the route's ``*`` stands for. Without it
    the route is for everybody who has the right on any project, and its handler asks again when it knows the project.
    """

    right: Right
    activity: Activity
    project: Callable[[str], str] | None = None
    or_admin: bool = False
    """Whether an admin needs no right on the project itself."""


class ProjectFacts(Protocol):
    """Facts about projects for authorization."""

    async def exists(self, project: str) -> bool:
        """Return whether a project has, or ever had, files on this index."""

    def maintainers_now(self, project: str) -> frozenset[str]:
        """Return the maintainers that are known without waiting."""

    async def maintainers(self, project: str) -> frozenset[str]:
        """Return the accounts that a project's record names as maintainers."""

    def forget(self, project: str) -> None:
        """Have a project's maintainers read again at the next use."""

    async def maintained_by(self, account: str) -> frozenset[str]:
        """Return the projects whose records name an account as maintainer."""

    def surely_public(self, name: str) -> bool:
        """Return without waiting whether a name is passed on from upstream, and not this index's."""

    async def is_public(self, name: str) -> bool:
        """Return whether a name is passed on from upstream, and not this index's."""


class Authorization:
    """Decides whether a request may use a route, and a principal a project."""

    def __init__(  # noqa: PLR0913 - the parts of the index that a decision is made of
        self,
        authenticate: frozenset[Activity],
        identification: Identification,
        access: AccessControl,
        facts: ProjectFacts,
        sessions: Sessions,
        *,
        decisions: Decisions,
    ) -> None:
        self._authenticate = authenticate
        self._identification = identification
        self._access = access
        self._facts = facts
        self._sessions = sessions
        self._decisions = decisions
        self._open: set[Need | Access] = set()
        """Needs of activities that are open to everybody, whatever credentials are sent."""

    def from_memory(self, request: Request, need: Need | Access, rest: str) -> bool:
        """Return whether a request may go on, without waiting; set its principal if its credentials are remembered."""
        header = request.headers.get(b"authorization")
        if header is None:
            if session_principal(request) is not None:
                return self._decide(request, need, rest, Recalled(_of_session(request), float("-inf")))
        elif self.is_open(need) and self._decisions.recall(None, need, rest):
            request.identify_later(self._recalled)  # any sender may go on
            return True
        allowed = self._decisions.recall(header, need, rest)
        if allowed is not None:
            request.principal = allowed
            return True
        found = self._identification.recall(header) if header is not None and need is not Access.ADMIN else None
        return self._decide(request, need, rest, found or Recalled(ANONYMOUS, float("inf")))

    def proof(self, request: Request, need: Need | Access, rest: str) -> Callable[[], bool] | None:
        """
        Return a function that checks whether a request that `from_memory` has just allowed would still be allowed.

        Return None if the decision is not kept.
        """
        header = None if self.is_open(need) else request.headers.get(b"authorization")
        return self._decisions.proof(header, need, rest)

    def is_open(self, need: Need | Access) -> bool:
        """Return whether any sender may go on, as far as that was decided before."""
        return need in self._open and self._access.anonymous is None

    def _decide(self, request: Request, need: Need | Access, rest: str, sender: Recalled) -> bool:
        """Return whether a request may go on; remember consent that rests on the sender's grants alone."""
        header, principal = request.headers.get(b"authorization"), sender.principal
        request.principal = principal
        if not isinstance(need, Need):
            return need is Access.OPEN or (need is Access.ACCOUNT and principal is not ANONYMOUS)
        unproven = header is not None and principal is ANONYMOUS
        if not self._access.is_recent() or (unproven and self._access.anonymous is not None):
            return False
        project = need.project(rest) if need.project is not None else None
        if need.right is not Right.READ:
            return not self._access.is_read_only and self._allows_now(principal, need, project)
        if self._allows(principal, need, project, _NOBODY):
            until = self._access.recent_until
            if need.activity not in self._authenticate and self._access.anonymous is None:
                self._open.add(need)
                self._decisions.keep(None, need, rest, Recalled(ANONYMOUS, until))
            else:
                self._decisions.keep(header, need, rest, Recalled(principal, min(sender.until, until)))
            return True
        if self._allows_now(principal, need, project):
            return True
        return project is not None and _reads(principal, need) and self._facts.surely_public(project)

    def _recalled(self, request: Request) -> Principal:
        """Return the sender of a request by its credentials where they were verified, without waiting."""
        found = self._identification.recall(request.headers[b"authorization"])
        return found.principal if found is not None else ANONYMOUS

    def _allows_now(self, principal: Principal, need: Need, project: str | None) -> bool:
        """Decide with the maintainers that are known without waiting."""
        maintainers = self._facts.maintainers_now(project) if project is not None else _NOBODY
        return self._allows(principal, need, project, maintainers)

    async def require(self, request: Request, need: Need | Access, rest: str) -> None:
        """Return when a request may go on; raise an AuthError otherwise, after verifying new credentials."""
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
        elif need in _BY_PASSWORD and not _may_manage(principal_of(request), need):
            raise PasswordNeededError
        if not isinstance(need, Need) and need is not Access.LEAVING and request.method not in READING:
            self._access.require_changes()

    async def is_known(self, request: Request) -> bool:
        """Return whether a request's sender proves who they are, on a route that is open to everybody."""
        header = request.headers.get(b"authorization")
        if header is not None and principal_of(request) is ANONYMOUS:
            with suppress(AuthError, BusyError, StorageError):
                await self._authenticate_sender(request)
        return principal_of(request) is not ANONYMOUS

    async def require_right(self, request: Request, right: Right, project: str) -> None:
        """Return when a request may change a project by its normalized name; raise an AuthError otherwise."""
        await self._require_need(request, Need(right, Activity.UPDATE), project)

    async def may_change(self, request: Request, project: str) -> bool:
        """Return whether a known sender may manage a project now, for pages that offer it."""
        if principal_of(request) is ANONYMOUS:
            return False
        try:
            await self.require_right(request, Right.MANAGE, project)
        except AuthError:
            return False
        return True

    async def require_upload(self, request: Request, project: str) -> bool:
        """
        Return whether a file is the first one of its project.

        Raises an AuthError when the request may not publish to it, or may not create it.
        """
        return await self._require_upload(request, project, exists=await self._facts.exists(project))

    async def _require_upload(self, request: Request, project: str, *, exists: bool) -> bool:
        need = Need(Right.PUBLISH if exists else Right.CREATE, Activity.UPDATE)
        maintainers = await self._facts.maintainers(project) if exists else frozenset[str]()
        await self._require_need(request, need, project, maintainers)
        return not exists

    async def confirm_upload(self, request: Request, project: str, *, was_new: bool) -> bool:
        """
        Decide again about an upload that has arrived, as `require_upload` does.

        Meanwhile its sender may have lost the right, the token or the account. Whether a new project is still new is
        not looked at here: the first file of a project is stored only if it is.
        """
        header = request.headers.get(b"authorization")
        if header is not None:
            recalled = self._identification.recall(header)
            request.principal = recalled.principal if recalled is not None else ANONYMOUS
            if request.principal is ANONYMOUS:
                await self._authenticate_sender(request)
        await self._access.bring_up_to_date()
        if was_new:
            return await self._require_upload(request, project, exists=False)
        return await self.require_upload(request, project)

    def forget_project(self, project: str) -> None:
        """Have a project's maintainers read again at the next use, after they were changed here."""
        self._facts.forget(project)

    async def read_scope(self, request: Request) -> "ReadScope":
        """Return the projects that a request's sender may see in lists."""
        if self.reads_everything(request):
            return ReadScope(None)
        principal = principal_of(request)
        maintained: frozenset[str] = frozenset()
        if principal.account is not None:
            maintained = await self._facts.maintained_by(principal.account)
        own, none = frozenset({principal.account or ""}), frozenset[str]()
        need = Need(Right.READ, Activity.LIST)
        key = principal, maintained, self._access.anonymous
        return ReadScope(lambda name: self._allows(principal, need, name, own if name in maintained else none), key)

    async def maintained_by(self, account: str) -> frozenset[str]:
        """Return the projects whose records name an account as maintainer."""
        return await self._facts.maintained_by(account)

    def reads_everything(self, request: Request) -> bool:
        """Return whether no project is hidden from a request's sender."""
        if Activity.LIST not in self._authenticate and self._access.anonymous is None:
            return True
        return principal_of(request).reads_everything

    def _allows(self, principal: Principal, need: Need, project: str | None, maintainers: frozenset[str]) -> bool:
        """Decide by the activities that are open to everyone, and by a principal's rights."""
        if need.activity not in self._authenticate and self._access.anonymous_may(project):
            return True
        if principal.may(need.right, project, maintainers) or (need.or_admin and principal.may(Right.ADMIN)):
            return True
        if project is None and principal is not ANONYMOUS:  # its handler asks again, when the project is known
            if need.right is Right.READ:
                return principal.is_person
            return any(principal.may(right) for right in (Right.CREATE, Right.MANAGE))
        return False

    async def _require_need(
        self, request: Request, need: Need, project: str | None, maintainers: frozenset[str] | None = None
    ) -> None:
        principal = principal_of(request)
        if need.right is not Right.READ:
            self._access.require_changes()
        if maintainers is None:
            maintainers = await self._facts.maintainers(project) if project else frozenset()
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
            request.principal = ADMIN_TOKEN
            return
        await self._authenticate_sender(request)
        principal = principal_of(request)
        if not principal.is_person or not principal.may(Right.ADMIN):
            raise RightMissingError(principal, Right.ADMIN, None)

    async def _authenticate_sender(self, request: Request) -> None:
        header = request.headers[b"authorization"]
        if _bears_token(request):
            await self._identification.require_admin(header, place_of(request.client))
            request.principal = ADMIN_TOKEN
            return
        request.principal = await self._identification.authenticate(header, place_of(request.client))


class ReadScope:
    """The projects that a sender may see in lists; all of them where there is no predicate."""

    def __init__(self, shows: Callable[[str], bool] | None, key: Hashable = None) -> None:
        self._shows = shows
        self.key = key
        """The same for equal scopes, for pages that are kept."""

    @property
    def is_everything(self) -> bool:
        """Whether nothing is hidden."""
        return self._shows is None

    def shows(self, name: str) -> bool:
        """Return whether a project is shown, by its normalized name."""
        return self._shows is None or self._shows(name)

    def only(self, names: Iterable[str]) -> list[str]:
        """Return those of some projects that are shown, in their order."""
        return [name for name in names if self.shows(name)]


def is_change(method: str, need: Need | Access) -> bool:
    """Return whether a request is a change that needs a right; handlers of open routes check their own changes."""
    reads = isinstance(need, Need) and need.right is Right.READ
    return method not in READING and need is not Access.OPEN and not reads


def principal_of(request: Request) -> Principal:
    """Return the sender of a request, anonymous before it was authorized."""
    principal = request.principal
    return principal if isinstance(principal, Principal) else ANONYMOUS


def _takes_sessions(request: Request, need: Need | Access) -> bool:
    """Return whether a browser's cookie counts: for reading, and for pages that look at it themselves."""
    if request.headers.get(b"authorization") is not None or b"cookie" not in request.headers:
        return False
    return need is Access.OPEN or (isinstance(need, Need) and request.method in READING)


def _of_session(request: Request) -> Principal:
    principal = session_principal(request)
    return principal if isinstance(principal, Principal) else ANONYMOUS


def _bears_token(request: Request) -> bool:
    """Return whether a request has a bearer token that does not stand for an account: the administrator's."""
    header = request.headers.get(b"authorization", b"")
    return header[:7].lower() == b"bearer " and not header[7:].strip().startswith(b"pypi-publish")


def _may_manage(principal: Principal, need: Access) -> bool:
    return principal.is_person or (need is Access.MANAGER and principal.kind is PrincipalKind.ADMIN_TOKEN)


def _reads(principal: Principal, need: Need) -> bool:
    """Return whether a sender who may read anything here reads: that opens public names, which are no secret."""
    return need.right is Right.READ and principal.may(Right.READ)
