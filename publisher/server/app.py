"""The index as one ASGI application: its parts put together, and the way from a request to its route."""

import asyncio
import logging
import time
from contextlib import suppress
from functools import partial
from typing import Any

from publisher.server.auth.access.changes import RoleChanges
from publisher.server.auth.access.control import AccessControl
from publisher.server.auth.audit.failed_logins import FailedLogins
from publisher.server.auth.audit.trail import AuditTrail
from publisher.server.auth.authenticator import Authenticator
from publisher.server.auth.decisions import Decisions, Generation
from publisher.server.auth.errors import AccountsUnavailableError
from publisher.server.auth.identification import Identification
from publisher.server.auth.oidc.endings import publisher_endings
from publisher.server.auth.oidc.service import TrustedPublishing
from publisher.server.auth.owners import Owners
from publisher.server.auth.revocations import Revocations
from publisher.server.auth.sessions.sessions import Sessions
from publisher.server.auth.tokens.changes import TokenChanges
from publisher.server.auth.tokens.stored import StoredTokens
from publisher.server.auth.tokens.verifier import TokenVerifier
from publisher.server.http.access_log import AccessLog, LogFormat
from publisher.server.http.forwarding import Forwarding
from publisher.server.http.log_writer import LogWriter
from publisher.server.http.messages import (
    ClientGoneError,
    HttpError,
    Receive,
    Request,
    Response,
    Scope,
    Send,
    error_response,
)
from publisher.server.routes.accounts import AccountEnding, AccountRoutes
from publisher.server.routes.authorization import Authorization, is_change
from publisher.server.routes.browsers import is_browser, require_own_page, secured
from publisher.server.routes.failures import DOMAIN_ERRORS, http_error
from publisher.server.routes.health import HealthRoute
from publisher.server.routes.legacy.json_page import JsonPage
from publisher.server.routes.legacy.mounted import PypiserverRoutes
from publisher.server.routes.legacy.name_search import NameSearch
from publisher.server.routes.oidc.exchange import OidcRoutes
from publisher.server.routes.oidc.publishers import PublisherRoutes
from publisher.server.routes.public.admin import PublicAdminRoutes
from publisher.server.routes.public.first_uses import FirstUses
from publisher.server.routes.public.ownership import CatalogOwnership
from publisher.server.routes.public.packages import PublicRoutes
from publisher.server.routes.public.project_facts import CatalogFacts, is_known
from publisher.server.routes.quick.answers import QuickAnswers
from publisher.server.routes.quick.repeats import Repeats
from publisher.server.routes.releases import ReleaseRoutes
from publisher.server.routes.simple import SimplePages
from publisher.server.routes.storage import StorageRoutes
from publisher.server.routes.table import Answer, Handlers, RouteTable, index_routes, method_not_allowed
from publisher.server.routes.trust.audit import AuditRoutes
from publisher.server.routes.trust.oversight import Oversight
from publisher.server.routes.trust.roles import RoleRoutes
from publisher.server.routes.trust.sessions import SessionRoutes
from publisher.server.routes.trust.standing import Standing
from publisher.server.routes.trust.tokens import TokenRoutes
from publisher.server.routes.uploads import UploadRoutes
from publisher.server.routes.web.account.api_calls import ApiCalls
from publisher.server.routes.web.pages import WebPages
from publisher.server.routes.web.site import Site
from publisher.server.settings import ServerSettings
from publisher.server.storage.errors import StorageError
from publisher.server.storage.folder import DOT_FOLDER
from publisher.server.storages import open_packages, open_storages
from publisher.server.store.maintainers import Maintainers
from publisher.server.upstream.admin import UpstreamAdmin
from publisher.server.upstream.admin_requests import AdminRequests
from publisher.server.upstream.policy.records import FolderRecords
from publisher.server.upstream.service import Upstream
from publisher.server.work.inspection import InspectionPool
from publisher.server.work.nearby import NearbyThreads

_log = logging.getLogger(__name__)


class IndexApp:
    """The application; made by `create_app`."""

    def __init__(self, settings: ServerSettings, log_format: LogFormat) -> None:
        self._settings = settings
        self.limits = settings.limits
        siblings = settings.siblings
        lock = siblings.log_lock if siblings is not None else None
        self.log_writer = LogWriter(limit=settings.limits.log_lines, lock=lock)
        self._access_log = AccessLog(log_format, self.log_writer)
        self._storages = open_storages(settings)
        packages, credentials = self._storages.packages, self._storages.credentials
        self._inspection = InspectionPool(settings.limits)
        self._nearby = NearbyThreads()
        self._packages = open_packages(settings, self._storages, self._inspection, self._nearby)
        self._catalog, self._changes = self._packages.catalog, self._packages.changes
        self._forwarding = Forwarding(settings.trusted_proxies)
        generation = self._generation = Generation(credentials.news)
        self._authenticator = Authenticator(settings, self._storages.accounts, generation)
        self._access = AccessControl(credentials, settings.htpasswd, settings.client_uploaders, generation=generation)
        self._sessions = Sessions(credentials, self._authenticator, self._access)
        self._revocations = Revocations(credentials, generation=generation)
        self._audit = AuditTrail(self._storages.audit, settings.audit_days, self._nearby.run)
        self._maintainers = Maintainers(self._catalog, packages)
        self._publishing = self._create_publishing()
        self._publisher_endings = self._publishing.endings if self._publishing else publisher_endings(credentials)
        self._failed_logins = FailedLogins(self._audit)
        self._tokens = StoredTokens(credentials, self._access, self._authenticator, generation=generation)
        self._token_changes = TokenChanges(credentials, self._tokens.copy.forget)
        self._role_changes = RoleChanges(credentials, self._access)
        self._authorization = self._create_authorization()
        self._endings: dict[str, AccountEnding] = {
            "tokens": self._token_changes.revoke,
            "roles": self._role_changes.remove_account,
            "projects": self._maintainers.remove_account,
            "publishers": self._publisher_endings.remove_of,
        }
        self.upstream = self._create_upstream()
        self._first_uses = FirstUses(self._audit, settings.limits.upstream.record_delay)
        self._oversight = Oversight(self._authorization, self._audit)
        self._uploads = UploadRoutes(
            settings, self._catalog, self._changes, self.upstream, self._inspection, self._oversight
        )
        self._standing = Standing(self._access, self._maintainers)
        accounts = self._storages.accounts
        self._accounts = AccountRoutes(
            settings, self._authenticator, accounts, self._audit, self._endings, self._standing.of_principal
        )
        site = Site(settings, self._catalog, packages, self._inspection, self._sessions, self._authorization)
        self._pages = WebPages(site, self._sessions, ApiCalls(self._answer))
        self.table = RouteTable(index_routes(self._handlers()))
        self._started: asyncio.Task[None] | None = None
        self.quick = self._create_quick()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or follow the server's start and end."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    async def start(self) -> None:
        """Read the package folders; happens once, at the server's start or at the first request."""
        if self._started is None:
            self._started = asyncio.create_task(self._start())
        await asyncio.shield(self._started)

    def _is_started(self) -> bool:
        return self._started is not None and self._started.done()

    async def reload(self) -> None:
        """Read accounts and package folders again; the options of the start stay."""
        _log.info("reading accounts and package folders again")
        await self._report_accounts(again=True)
        await self._catalog.reread()

    def tick(self) -> None:
        """Update which threads share a processor; called in the event loop, ten times a second."""
        self._nearby.tick()

    def stop_soon(self) -> None:
        """Let requests finish, but not those that only begin to read a large file; called in the event loop."""
        self._inspection.end_soon()

    async def stop(self) -> None:
        """End background work."""
        if self.upstream is not None:
            await self.upstream.stop()
        await self._first_uses.stop()
        if self._publishing is not None:
            await self._publishing.stop()
        await self._failed_logins.stop()
        with suppress(AccountsUnavailableError):
            await self._audit.settle()
        await self._tokens.stop()
        await self._storages.packages.stop()
        await self._storages.credentials.stop()
        await self._storages.accounts.stop()
        self._inspection.close()
        self._pages.stop()
        self._authenticator.close()
        self._catalog.close()
        self._nearby.close()  # the audit trail uses it, even if the packages are in a bucket

    def _create_authorization(self) -> Authorization:
        """Return the authorization of all requests, over the accounts, their tokens, and the records of projects."""
        settings = self._settings
        ownership = CatalogOwnership(settings, self._catalog)
        facts = CatalogFacts(self._catalog, self._maintainers, ownership, passes_on=settings.passes_on)
        verifiers: list[TokenVerifier] = [self._tokens]
        if self._publishing is not None:
            verifiers.append(self._publishing.tokens)
        identification = Identification(
            self._authenticator, self._access, verifiers, self._failed_logins, self._generation
        )
        decisions = Decisions(self._generation, self._authenticator)
        return Authorization(
            settings.authenticate, identification, self._access, facts, self._sessions, decisions=decisions
        )

    def _create_quick(self) -> QuickAnswers:
        """Return the answers from memory, by the table and the decisions of all other answers."""
        repeats = Repeats(self.limits.repeat_memory)
        parts = self.table, self._authorization, self._forwarding, self._access_log, repeats
        return QuickAnswers(*parts, is_started=self._is_started)

    def _create_publishing(self) -> TrustedPublishing | None:
        """Return the exchange of trusted publishing, None where the index does not know its own URL."""
        url = self._settings.public_url
        if url is None:
            return None
        return TrustedPublishing(
            self._storages.credentials,
            url,
            revocations=self._revocations,
            vouchers=Owners(self._authenticator, self._access),
            is_published=partial(is_known, self._catalog),
        )

    def _create_upstream(self) -> Upstream | None:
        """Return the proxy of public packages, None where the operator chose no upstream."""
        if self._settings.upstream is None:
            return None
        records = FolderRecords(f"{DOT_FOLDER}/upstream", self._storages.packages)
        return Upstream(self._settings.upstream, records, CatalogOwnership(self._settings, self._catalog))

    def admin_requests(self) -> AdminRequests | None:
        """Return the administration of public packages, None without an upstream."""
        if self.upstream is None:
            return None
        return AdminRequests(UpstreamAdmin(self.upstream), self._private_names, self._settings.never_public)

    async def _private_names(self) -> list[str]:
        await self._catalog.rescan()
        return self._catalog.names()

    def _handlers(self) -> Handlers:
        settings, catalog, credentials = self._settings, self._catalog, self._storages.credentials
        public = PublicRoutes(self.upstream, self._first_uses) if self.upstream is not None else None
        return Handlers(
            accounts=self._accounts,
            audit=AuditRoutes(credentials),
            files=self._packages.files,
            health=HealthRoute(
                catalog, self._authenticator, self.upstream, settings.revision, self._authorization.is_known
            ),
            json_page=JsonPage(catalog),
            oidc=OidcRoutes(self._publishing, self._access, self._audit),
            pages=self._pages,
            public=public,
            public_admin=PublicAdminRoutes(self.admin_requests(), self._audit),
            pypiserver=PypiserverRoutes(settings, catalog, self._changes, self._authorization),
            releases=ReleaseRoutes(self._changes, self._oversight),
            search=NameSearch(settings, catalog, self._authorization),
            simple=SimplePages(settings, catalog, public, self._authorization),
            roles=RoleRoutes(self._role_changes, self._maintainers, catalog, self._authenticator, self._oversight),
            sessions=SessionRoutes(self._sessions, self._oversight),
            storage=StorageRoutes(catalog, self._oversight),
            trust=PublisherRoutes(self._publishing, self._access, self._maintainers, self._audit),
            tokens=TokenRoutes(self._tokens, self._token_changes, self._authenticator, self._oversight, self._standing),
            uploads=self._uploads,
        )

    async def _report_accounts(self, *, again: bool = False) -> None:
        """Read the accounts, so that the log has their problems before the first login."""
        if again:
            self._authenticator.forget_accounts()
        with suppress(AccountsUnavailableError, StorageError):  # which is logged, and asked again by each request
            await self._authenticator.require_accounts()

    async def _start(self) -> None:
        await self._catalog.start()
        await self._report_accounts()
        await self._uploads.start()
        if self.upstream is not None:
            await self.upstream.start()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self.start()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        self._forwarding.apply(scope)
        if self._settings.scheme:
            scope["scheme"] = self._settings.scheme
        request = Request(scope, receive, self.limits)
        status = sent = 0

        async def watched(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = secured(message)
            await send(message)

        try:
            if not self._is_started():
                await self.start()
            answer = await self._answer(request)
            sent = await answer.send(request, watched)
        except (HttpError, *DOMAIN_ERRORS) as error:
            sent = await (await self._failure(request, http_error(error))).send(request, watched)
        except ClientGoneError:
            status = 499  # as nginx logs a client that closed the connection
        except Exception:  # noqa: BLE001 - the last resort: one request fails, the index goes on
            _log.exception("unexpected failure while answering %s %s", request.method, ascii(request.path))
            if not status:
                failure = HttpError(500, "The index failed unexpectedly; its log says why.")
                sent = await (await self._unexpected(request, failure)).send(request, watched)
        self._access_log.log(request, status, sent, started)

    async def _answer(self, request: Request) -> Answer:
        """Find the route, ask whether the request may use it, and return its handler's answer."""
        path = request.path.lstrip("/")  # pypiserver takes //simple/ too
        route, rest = self.table.find(request.method, path)
        await self._authorization.require(request, route.right, rest)
        if request.method not in route.methods:
            raise method_not_allowed(request, self.table.methods(path))
        require_own_page(request)
        if is_change(request.method, route.right):
            await self._audit.settle()
        if route.body is not None:
            request.json = await route.body.read(request)
        return await route.handler(request, rest)

    async def _failure(self, request: Request, error: HttpError) -> Response:
        """
        Return an error as a page for browsers, else as text or JSON.

        Only pages ask browsers to sign in: everything else asks for Basic credentials, as installers expect.
        """
        route, _ = self.table.find(request.method, request.path.lstrip("/"))
        if is_browser(request) and (route.is_page or error.status != 401):
            return await self._pages.refuse(request, error)
        return error_response(request, error)

    async def _unexpected(self, request: Request, error: HttpError) -> Response:
        """Return the answer to a failure that nothing foresaw; it is text where even the page of errors fails."""
        try:
            return await self._failure(request, error)
        except Exception:  # noqa: BLE001 - it may be what failed before: a template, or the route table
            _log.exception("unexpected failure while making the page of an error")
            return error_response(request, error)


def create_app(settings: ServerSettings, log_format: LogFormat = "text") -> IndexApp:
    """Return the ASGI application of an index; reading the folders begins when it is served."""
    return IndexApp(settings, log_format)
