"""The routes that pypiserver answers: it is imported and mounted at the first request for one."""

from collections.abc import Hashable
from typing import Any

from publisher.server.http.forwarding import place_of
from publisher.server.http.messages import HttpError, Message, MountedApp, Request, Send
from publisher.server.routes.authorization import Authorization, ReadScope
from publisher.server.routes.browsers import is_browser
from publisher.server.routes.legacy.scope import READ_SCOPE
from publisher.server.settings import ServerSettings
from publisher.server.store.interface import PackageCatalog, PackageChanges
from publisher.server.work.turns import FairTurns


class PypiserverRoutes:
    """Everything that no other route answers."""

    def __init__(
        self, settings: ServerSettings, catalog: PackageCatalog, changes: PackageChanges, authorization: Authorization
    ) -> None:
        self._settings = settings
        self._authorization = authorization
        self._catalog = catalog
        self._changes = changes
        self._app: Any = None
        limits = settings.limits
        self._turns = FairTurns(
            "requests",
            running=limits.legacy_requests,
            waiting=limits.waiting_legacy_requests,
            each=limits.legacy_requests_each,
            patience=limits.legacy_patience,
        )

    async def answer(self, request: Request, _path: str) -> "MountedAnswer":
        """Hand a request to pypiserver, once its whole body is here: a slow client holds up no other."""
        body = b"" if request.method in {"GET", "HEAD"} else await request.body()
        await self._catalog.refresh()
        if self._app is None:
            from publisher.server.routes.legacy.pypiserver import mount  # noqa: PLC0415 - a quarter of a second, rarely needed

            self._app = mount(self._settings, self._catalog, self._changes, self._settings.limits.legacy_requests)
        scope = await self._authorization.read_scope(request)
        return MountedAnswer(self._app, body, self._turns, request.username or place_of(request.client), scope)


class MountedAnswer:
    """The answer of pypiserver to a request that has come whole."""

    def __init__(self, app: Any, body: bytes, turns: FairTurns, key: Hashable, scope: ReadScope) -> None:
        self._scope = scope
        self._app = app
        self._body: bytes | None = body
        self._turns = turns
        self._key = key

    async def send(self, request: Request, send: Send) -> int:
        """
        Have pypiserver answer in turn; return the bytes of body that went out.

        Raises HttpError 404 instead of sending its page for unknown paths to a browser.
        """
        is_missing = False

        async def unless_missing(message: Message) -> None:
            nonlocal is_missing
            if message["type"] == "http.response.start" and message["status"] == 404:
                is_missing = is_browser(request)
            if not is_missing:
                await send(message)

        async def receive() -> Message:
            if self._body is None:
                await request.gone()
                return {"type": "http.disconnect"}
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}

        async with self._turns.turn(self._key):
            READ_SCOPE.set(self._scope)  # which the bridge takes along into its thread
            sent = await MountedApp(self._app, receive).send(request, unless_missing)
        if is_missing:
            raise HttpError(404, "This index has no such page.")
        return sent
