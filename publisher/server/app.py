"""The index as one ASGI application: its parts put together, and the way from a request to the part that answers it."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from publisher.server.auth.authenticator import Authenticator
from publisher.server.http.access_log import LogFormat, log_request
from publisher.server.http.messages import (
    ClientGoneError,
    HttpError,
    Message,
    MountedApp,
    Receive,
    Request,
    Response,
    Scope,
    Send,
    error_response,
    json_response,
    redirect,
)
from publisher.server.routes.accounts import Accounts, create_credentials_sync
from publisher.server.routes.failures import DOMAIN_ERRORS, http_error
from publisher.server.routes.files import Files, LargeFile
from publisher.server.routes.pages import WebPages
from publisher.server.routes.releases import ReleaseRoutes
from publisher.server.routes.simple import SimplePages
from publisher.server.routes.uploads import Uploads
from publisher.server.settings import Right, ServerSettings
from publisher.server.storage.sync import VolumeSync
from publisher.server.store.catalog import Catalog
from publisher.server.store.changes import ReleaseChanges

PACKAGES_INTERVAL = 8.0
"""Seconds between two reloads of a shared package volume."""

Answer = Response | LargeFile | MountedApp
Handler = Callable[[Request], Awaitable[Answer]]

_READ = {"GET", "HEAD"}
_log = logging.getLogger(__name__)


class Index:
    """The application; made by `create_app`."""

    def __init__(self, settings: ServerSettings, log_format: LogFormat) -> None:
        self._settings = settings
        self.limits = settings.limits
        self._log_format: LogFormat = log_format
        patience = settings.limits.waiting_for_folder
        self._packages = VolumeSync(settings.packages_storage, patience=patience, interval=PACKAGES_INTERVAL)
        self._credentials = create_credentials_sync(settings)
        self._catalog = Catalog(settings, self._packages)
        self._changes = ReleaseChanges(settings, self._catalog, self._packages)
        self._authenticator = Authenticator(settings, self._credentials)
        self._simple = SimplePages(settings, self._catalog)
        self._files = Files(settings.limits, self._catalog, self._packages)
        self._uploads = Uploads(settings, self._catalog, self._changes)
        self._managing = ReleaseRoutes(self._changes)
        self._accounts = Accounts(settings, self._authenticator, self._credentials)
        self._pages = WebPages(self._catalog)
        self._legacy: Any = None
        self._started: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or follow the server's start and end."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    def from_memory(self, scope: Scope) -> Response | None:
        """
        Return the answer to a GET request where it is in memory, proven to be still right without waiting for anything.

        A server that calls this before it starts a task answers most requests in a fraction of the time.
        """
        if self._started is None or not self._started.done():
            return None
        started = time.perf_counter()
        first, _, below = scope["path"][1:].partition("/")
        request = Request(scope, _nothing_to_receive)
        if first == "simple" and self._authenticator.remembers(request, Right.LIST):
            answer = self._simple.from_memory(request, below) if below[-1:] in {"/", ""} else None
        elif first == "packages" and below and self._authenticator.remembers(request, Right.DOWNLOAD):
            answer = self._files.from_memory(request, below)
        else:
            return None
        if answer is not None:
            log_request(request, answer.status, len(answer.body), started, self._log_format)
        return answer

    async def start(self) -> None:
        """Read the package folders; happens once, at the server's start or at the first request."""
        if self._started is None:
            self._started = asyncio.create_task(self._start())
        await asyncio.shield(self._started)

    async def stop(self) -> None:
        """End what runs in the background."""
        await self._packages.stop()
        await self._credentials.stop()
        self._authenticator.close()
        self._catalog.close()

    async def _start(self) -> None:
        await self._catalog.start()
        await self._uploads.start()
        self._packages.start()
        self._credentials.start()

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
        if self._settings.scheme:
            scope["scheme"] = self._settings.scheme
        request = Request(scope, receive)
        status = sent = 0

        async def watched(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            if self._started is None or not self._started.done():
                await self.start()
            answer = await self._answer(request)
            sent = await answer.send(request, watched)
        except (HttpError, *DOMAIN_ERRORS) as error:
            sent = await error_response(request, http_error(error)).send(request, watched)
        except ClientGoneError:
            status = 499  # what nginx logs for a client that went away
        except Exception:  # noqa: BLE001 - the last resort: one request fails, the index goes on
            _log.exception("unexpected failure while answering %s %s", request.method, ascii(request.path))
            if not status:
                failure = HttpError(500, "The index failed unexpectedly; its log says why.")
                sent = await error_response(request, failure).send(request, watched)
        log_request(request, status, sent, started, self._log_format)

    async def _answer(self, request: Request) -> Answer:
        """Return the answer of the part that the path names."""
        _, _, rest = request.path.partition("/")
        first, slash, below = rest.partition("/")
        if first in {"simple", "+simple"}:
            await self._authenticator.require(request, Right.LIST)
            _expect(request, _READ)
            return await self._simple.answer(request, below) if slash else redirect(request, "simple/")
        if first == "packages" and below:
            await self._authenticator.require(request, Right.DOWNLOAD)
            _expect(request, _READ)
            return await self._files.answer(request, below)
        handler = self._handlers().get(rest)
        if handler is not None:
            return await handler(request)
        if first == "users" and below:
            _expect(request, {"DELETE"})
            return await self._accounts.remove(request, below)
        if first == "projects" and below:
            return await self._project(request, below)
        return await self._pypiserver(request)

    def _handlers(self) -> dict[str, Handler]:
        """Return the parts that answer exactly one path."""
        return {
            "": self._root,
            "legacy/": self._upload,
            "legacy": self._legacy_redirect,
            "health": self._health,
            "register": lambda request: _post(request, self._accounts.register),
            "users": self._list_users,
            "whoami": self._whoami,
            "password": lambda request: _post(request, self._accounts.change_password),
            "favicon.ico": _no_icon,
        }

    async def _root(self, request: Request) -> Answer:
        if request.method == "POST":
            return await self._upload(request)
        _expect(request, {*_READ, "POST"})
        await self._authenticator.require(request, Right.LIST)
        return await self._pages.home(request)

    async def _upload(self, request: Request) -> Answer:
        _expect(request, {"POST"})
        await self._authenticator.require(request, Right.UPDATE)
        return await self._uploads.answer(request)

    async def _legacy_redirect(self, request: Request) -> Answer:
        return redirect(request, "legacy/", 308)

    async def _whoami(self, request: Request) -> Answer:
        _expect(request, _READ)
        return await self._accounts.whoami(request)

    async def _list_users(self, request: Request) -> Answer:
        _expect(request, _READ)
        return await self._accounts.list(request)

    async def _project(self, request: Request, path: str) -> Answer:
        if request.method in _READ:
            await self._authenticator.require(request, Right.LIST)
            return await self._pages.project(request, path)
        _expect(request, {*_READ, "PUT", "DELETE"})
        await self._authenticator.require(request, Right.UPDATE)
        return await self._managing.answer(request, path)

    async def _health(self, request: Request) -> Answer:
        """Say whether the index can do its work: read the package folder, and write to it."""
        _expect(request, _READ)
        reason = await self._catalog.failure()
        if reason is not None:
            return json_response({"status": "unavailable", "reason": reason}, 503)
        return json_response({"status": "ok"})

    async def _pypiserver(self, request: Request) -> Answer:
        """Hand everything else to pypiserver, which is imported when it is first needed."""
        await self._authenticator.require(request, Right.LIST)
        if request.method not in {*_READ, "POST"}:
            raise HttpError(405, "This index does not support that method here.", [(b"allow", b"GET, HEAD, POST")])
        await self._catalog.refresh()
        if self._legacy is None:
            from publisher.server.routes.pypiserver import mount  # noqa: PLC0415 - a quarter of a second that few requests need

            self._legacy = mount(self._settings, self._catalog, self._changes, self._authenticator)
        return MountedApp(self._legacy)


def create_app(settings: ServerSettings, log_format: LogFormat = "text") -> Index:
    """Return the ASGI application of an index; reading the folders begins when it is served."""
    return Index(settings, log_format)


def _expect(request: Request, methods: set[str]) -> None:
    if request.method not in methods:
        allowed = ", ".join(sorted(methods))
        raise HttpError(405, f"This URL understands {allowed}.", [(b"allow", allowed.encode())])


async def _post(request: Request, handler: Handler) -> Answer:
    _expect(request, {"POST"})
    return await handler(request)


async def _nothing_to_receive() -> Message:
    raise ClientGoneError


async def _no_icon(request: Request) -> Answer:  # noqa: ARG001 - a handler
    raise HttpError(404, "This index has no icon.")
