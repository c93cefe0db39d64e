"""The route table: every URL of the index with its methods, the right that it needs, and its handler."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from functools import lru_cache
from typing import NamedTuple, Protocol

from publisher.limits import LIMITS
from publisher.server.auth.principal import Right
from publisher.server.http.json_body import JsonBody
from publisher.server.http.messages import HttpError, Request, Response
from publisher.server.names.filenames import METADATA_SUFFIX, SIGNATURE, guess, normalize
from publisher.server.routes.accounts import NEW_PASSWORD, REGISTRATION, AccountRoutes
from publisher.server.routes.authorization import Access, Need
from publisher.server.routes.bucket.streamed import StreamedFile
from publisher.server.routes.health import HealthRoute
from publisher.server.routes.legacy.json_page import JsonPage
from publisher.server.routes.legacy.mounted import MountedAnswer, PypiserverRoutes
from publisher.server.routes.legacy.name_search import NameSearch
from publisher.server.routes.legacy.redirects import to_legacy, to_simple, without_icon
from publisher.server.routes.oidc.exchange import OidcRoutes
from publisher.server.routes.oidc.publishers import NEW_PUBLISHER, PublisherRoutes
from publisher.server.routes.public.admin import PUBLIC_CHANGE, PublicAdminRoutes
from publisher.server.routes.public.packages import JoinedDownload, PublicRoutes
from publisher.server.routes.quick.repeats import Remembered
from publisher.server.routes.releases import YANK, ReleaseRoutes
from publisher.server.routes.sending import CopiedFile, LargeFile
from publisher.server.routes.simple import SimplePages
from publisher.server.routes.storage import CONFIRMATION, StorageRoutes
from publisher.server.routes.trust.audit import AuditRoutes
from publisher.server.routes.trust.roles import NEW_OWNERS, NEW_ROLE, RoleRoutes
from publisher.server.routes.trust.sessions import SessionRoutes
from publisher.server.routes.trust.tokens import NEW_TOKEN, TokenRoutes
from publisher.server.routes.uploads import UploadRoutes
from publisher.server.routes.web.pages import WebPages
from publisher.server.settings import Activity

Answer = Response | LargeFile | CopiedFile | StreamedFile | JoinedDownload | MountedAnswer
Handler = Callable[[Request, str], Awaitable[Answer]]
FromMemory = Callable[[Request, str], Remembered | None]


_REMEMBERED, _REMEMBERED_LENGTH = 4096, 512
"""The number of paths that the table remembers, and the characters of the longest of them."""

_LONGEST_NAME = LIMITS.distributions.filename + len(METADATA_SUFFIX + SIGNATURE)


def _first_part(rest: str) -> str:
    """Return the project at the beginning of a path; an empty text for a name that is longer than any."""
    name = rest.partition("/")[0]
    return normalize(name) if len(name) <= _LONGEST_NAME else ""


def _of_file(rest: str) -> str:
    """Return the project of a file by its name; an empty text for other files."""
    filename = rest.rpartition("/")[2]
    return _project_of(filename) if len(filename) <= _LONGEST_NAME else ""


@lru_cache(maxsize=8192)
def _project_of(filename: str) -> str:
    found = guess(filename.removesuffix(METADATA_SUFFIX).removesuffix(SIGNATURE))
    return found.project if found is not None else ""


LIST_ALL = Need(Right.READ, Activity.LIST)
"""For lists, which show only projects that their reader may read."""

LIST = Need(Right.READ, Activity.LIST, _first_part)
DOWNLOAD = Need(Right.READ, Activity.DOWNLOAD, _of_file)
DOWNLOAD_PUBLIC = Need(Right.READ, Activity.DOWNLOAD)
UPLOAD = Need(Right.PUBLISH, Activity.UPDATE)
"""For uploads, whose project is in the form: `publisher.server.routes.uploads` asks for it."""

MANAGE = Need(Right.MANAGE, Activity.UPDATE, _first_part)
OWN = Need(Right.MANAGE, Activity.UPDATE, _first_part, or_admin=True)
SEE_OWNERS = Need(Right.READ, Activity.LIST, _first_part, or_admin=True)
READ = frozenset({"GET", "HEAD"})
POST = frozenset({"POST"})
PUT = frozenset({"PUT"})
DELETE = frozenset({"DELETE"})


class Route(NamedTuple):
    """
    One entry of the table; handlers get the part of the path that ``*`` matches.

    ``path`` has no leading slash: ``health`` is that path alone, ``packages/*`` everything below, ``*/json`` one
    segment before it, ``*`` everything else. ``from_memory`` answers a GET without waiting, or returns None.
    ``applies`` returns whether the route exists for that part. ``is_page``: browsers get a sign-in form if it needs
    credentials. ``body`` are the keys of its body in JSON, which is read and
    checked before the handler is called.
    """

    path: str
    methods: frozenset[str]
    right: Need | Access
    handler: Handler
    from_memory: FromMemory | None = None
    applies: Callable[[str], bool] | None = None
    is_page: bool = False
    body: JsonBody | None = None


class RouteTable:
    """Finds the route of a request; the fast path and the application ask the same table."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._read: dict[str, tuple[Route, str]] = {}
        """Routes of recently read paths."""
        self._exact: dict[str, list[Route]] = defaultdict(list)
        self._below: dict[str, list[Route]] = defaultdict(list)
        self._named: dict[str, list[Route]] = defaultdict(list)
        for route in self.routes:
            if route.path.startswith("*/"):
                self._named[route.path[2:]].append(route)
            elif route.path.endswith("*"):
                self._below[route.path.removesuffix("*").removesuffix("/")].append(route)
            else:
                self._exact[route.path].append(route)

    def find(self, method: str, path: str) -> tuple[Route, str]:
        """
        Return the route of a path without its leading slash, and the part that its ``*`` matches.

        If no route of the path accepts the method, return the first one: its right is checked before the refusal.
        """
        found = self._read.get(path) if method == "GET" else None
        if found is None:
            routes, rest = self._candidates(path)
            found = next((route for route in routes if method in route.methods), routes[0]), rest
            if method == "GET" and len(path) <= _REMEMBERED_LENGTH and path.partition("/")[2] not in self._named:
                if len(self._read) >= _REMEMBERED:
                    self._read.clear()
                self._read[path] = found
        return found

    def methods(self, path: str) -> list[str]:
        """Return the methods that a path understands."""
        return sorted({method for route in self._candidates(path)[0] for method in route.methods})

    def _candidates(self, path: str) -> tuple[list[Route], str]:
        first, slash, below = path.partition("/")
        if below in self._named:
            named = [route for route in self._named[below] if route.applies is None or route.applies(first)]
            if named:
                return named, first
        if path in self._exact:
            return self._exact[path], ""
        if first == "-":
            second, slash, deeper = below.partition("/")
            nested = self._below.get(f"-/{second}")
            if nested is not None and deeper:
                return nested, deeper
        if slash and below and first in self._below:
            return self._below[first], below
        return self._below[""], path


class PackageFiles(Protocol):
    """The index's own files as answers."""

    async def answer(self, request: Request, url_path: str) -> Answer:
        """Return a file, a part of it, or the metadata of a wheel; HttpError 404 where the index has no such file."""

    def from_memory(self, request: Request, url_path: str) -> Remembered | None:
        """Return an answer that is in memory and still right; None when anything has to be waited for."""


class Handlers(NamedTuple):
    """The groups of routes, one object each."""

    accounts: AccountRoutes
    audit: AuditRoutes
    files: PackageFiles
    health: HealthRoute
    json_page: JsonPage
    oidc: OidcRoutes
    pages: WebPages
    public: PublicRoutes | None
    public_admin: PublicAdminRoutes
    pypiserver: PypiserverRoutes
    releases: ReleaseRoutes
    search: NameSearch
    roles: RoleRoutes
    sessions: SessionRoutes
    simple: SimplePages
    storage: StorageRoutes
    trust: PublisherRoutes
    tokens: TokenRoutes
    uploads: UploadRoutes


def index_routes(to: Handlers) -> list[Route]:
    """Return the routes of an index; those that a later version adds go below ``-/``, where no project can be named."""
    public = to.public
    return [
        *([Route("-/public/*", READ, DOWNLOAD_PUBLIC, public.file, public.file_from_memory)] if public else []),
        Route("-/static/*", READ, Access.OPEN, to.pages.static.answer),
        Route("robots.txt", READ, Access.OPEN, to.pages.static.robots),
        Route("-/upstream/*", READ, Access.ADMIN, to.public_admin.show),
        Route("-/upstream/*", POST, Access.ADMIN, to.public_admin.change, body=PUBLIC_CHANGE),
        Route("", READ, LIST_ALL, to.pages.home.answer, is_page=True),
        Route("", POST, UPLOAD, to.uploads.answer),
        Route("legacy", READ | POST, Access.OPEN, to_legacy),
        Route("legacy/", POST, UPLOAD, to.uploads.answer),
        Route("RPC2", POST, LIST_ALL, to.search.answer),
        Route("simple", READ, LIST_ALL, to_simple),
        Route("+simple", READ, LIST_ALL, to_simple),
        Route("simple/", READ, LIST_ALL, to.simple.answer, to.simple.from_memory),
        Route("+simple/", READ, LIST_ALL, to.simple.answer),
        Route("simple/*", READ, LIST, to.simple.answer, to.simple.from_memory),
        Route("+simple/*", READ, LIST, to.simple.answer),
        Route("packages/*", READ, DOWNLOAD, to.files.answer, to.files.from_memory),
        Route("projects/*", READ, LIST, to.pages.project.answer, is_page=True),
        Route("projects/*", PUT, MANAGE, to.releases.put, body=YANK),
        Route("projects/*", DELETE, MANAGE, to.releases.delete),
        *_trust_routes(to),
        Route("health", READ, Access.OPEN, to.health.answer),
        Route("favicon.ico", READ, Access.OPEN, without_icon),
        Route("-/storage/confirm-loss", POST, Access.ADMIN, to.storage.confirm_loss, body=CONFIRMATION),
        Route("*/json", READ, LIST, to.json_page.answer, applies=to.json_page.has_project),
        Route("pypi/*", READ, LIST, to.json_page.answer_pypi),
        Route("*", READ | POST, LIST_ALL, to.pypiserver.answer, is_page=True),
    ]


def _trust_routes(to: Handlers) -> list[Route]:
    """Return the routes of accounts, sessions, tokens, roles, trusted publishers and the audit trail."""
    return [
        Route("-/account/", READ, Access.OPEN, to.pages.account.show, is_page=True),
        Route("-/account/*", READ, Access.OPEN, to.pages.account.show, is_page=True),
        Route("-/account/*", POST, Access.OPEN, to.pages.account.act, is_page=True),
        Route("whoami", READ, Access.ACCOUNT, to.accounts.whoami),
        Route("password", POST, Access.PERSON, to.accounts.change_password, body=NEW_PASSWORD),
        Route("-/sessions", DELETE, Access.LEAVING, to.sessions.end_all),
        Route("register", POST, Access.ADMIN, to.accounts.register, body=REGISTRATION),
        Route("users", READ, Access.ADMIN, to.accounts.list),
        Route("users/*", DELETE, Access.ADMIN, to.accounts.remove),
        Route("-/trust", READ, Access.MANAGER, to.trust.list),
        Route("-/trust", POST, Access.MANAGER, to.trust.add, body=NEW_PUBLISHER),
        Route("-/trust/*", DELETE, Access.MANAGER, to.trust.remove),
        Route("_/oidc/audience", READ, Access.OPEN, to.oidc.audience),
        Route("_/oidc/mint-token", POST, Access.OPEN, to.oidc.mint),
        Route("_/oidc/github/mint-token", POST, Access.OPEN, to.oidc.mint),  # older clients call it
        Route("_/oidc/burn-token", POST, Access.OPEN, to.oidc.burn),
        Route("-/tokens", READ, Access.MANAGER, to.tokens.list),
        Route("-/tokens", POST, Access.MANAGER, to.tokens.create, body=NEW_TOKEN),
        Route("-/tokens/*", DELETE, Access.MANAGER, to.tokens.revoke),
        Route("-/roles", PUT, Access.ADMIN, to.roles.set_role, body=NEW_ROLE),
        Route("-/owners/*", READ, SEE_OWNERS, to.roles.owners),
        Route("-/owners/*", PUT, OWN, to.roles.change_owners, body=NEW_OWNERS),
        Route("-/audit", READ, Access.ADMIN, to.audit.show),
    ]


def method_not_allowed(request: Request, methods: Iterable[str]) -> HttpError:
    """Return the answer to a method that a path does not understand; uploads are sent to their place."""
    allowed = ", ".join(methods)
    message = f"This URL understands {allowed}."
    if request.method == "POST":
        message += f" Upload to {request.base_url} or {request.base_url}legacy/ instead."
    return HttpError(405, message, [(b"allow", allowed.encode())])
