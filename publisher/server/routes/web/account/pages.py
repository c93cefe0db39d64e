"""The pages of a person's account: signing in and out, and the password."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from publisher.server.auth.errors import CredentialsRefusedError
from publisher.server.auth.sessions.sessions import Session, Sessions
from publisher.server.http.forwarding import place_of
from publisher.server.http.messages import Headers, HttpError, Request, Response
from publisher.server.routes.failures import DOMAIN_ERRORS
from publisher.server.routes.web.account.api_calls import ApiCalls
from publisher.server.routes.web.account.cookies import no_session_cookie, session_cookie, session_of
from publisher.server.routes.web.account.forms import PLACE, OwnForms, Refusal, refusal
from publisher.server.routes.web.account.publishers import PublisherForms
from publisher.server.routes.web.account.releases import ReleaseForms
from publisher.server.routes.web.account.tokens import TokenForms
from publisher.server.routes.web.site import Site

Act = Callable[[Request, Mapping[str, str]], Awaitable[str]]
Action = Callable[[Request, Session, Mapping[str, str]], Awaitable[Response]]


class AccountPages:
    """Answers below ``/-/account/``; its routes are open, and each asks for a session where it needs one."""

    def __init__(self, site: Site, sessions: Sessions, api: ApiCalls) -> None:
        self._site = site
        self._sessions = sessions
        self._api = api
        self._forms = OwnForms(sessions)
        self._tokens = TokenForms(api)
        self._publishers = PublisherForms(api)
        self._releases = ReleaseForms(site, api)
        self._actions: dict[str, Action] = {
            "sign-out": self._sign_out,
            "sign-out-everywhere": self._sign_out_everywhere,
            "password": self._change_password,
            "tokens": self._create_token,
            "tokens/revoke": self._done("tokens/revoke", self._tokens.revoke, "revoked"),
            "trust": self._done("trust", self._publishers.add, "trusted"),
            "trust/remove": self._done("trust/remove", self._publishers.remove, "distrusted"),
            "yank": self._done_to_release("yank", self._releases.yank, "yanked"),
            "unyank": self._done_to_release("unyank", self._releases.unyank, "unyanked"),
            "delete": self._done_to_release("delete", self._releases.delete, "deleted"),
        }

    async def show(self, request: Request, path: str = "") -> Response:
        """Show the form to sign in, or the account."""
        if not self._sessions.is_possible:
            raise HttpError(404, "This index has no accounts.")
        session = session_of(request)
        if path == "sign-in":
            return await self.sign_in_page(request, asked_for=_query(request, "next"))
        if session is None:
            return _go(request, f"{PLACE}sign-in?{urlencode({'next': request.path})}")
        if not path:
            return await self._account_page(request, session)
        return await self._release_page(request, session, path)

    async def act(self, request: Request, path: str) -> Response:
        """Follow a form."""
        if not self._sessions.is_possible:
            raise HttpError(404, "This index has no accounts.")
        if path == "sign-in":
            return await self._sign_in(request)
        action = self._actions.get(path)
        if action is None:
            raise HttpError(404, "This index has no such page.")
        session = session_of(request)
        if session is None:
            return _go(request, f"{PLACE}sign-in")
        return await action(request, session, await self._forms.read(request, session))

    async def sign_in_page(
        self, request: Request, *, asked_for: str = "", username: str = "", problem: str = "", status: int = 200
    ) -> Response:
        """Return the form to sign in, which leads on to the page that was asked for."""
        token, cookie = await self._forms.guest_token(request)
        values = {"token": token, "asked_for": asked_for, "name": username, "problem": problem, "status": status}
        return await self._site.fresh_page(request, "sign_in.html", values, status, [cookie])

    async def _sign_in(self, request: Request) -> Response:
        fields = await self._forms.read(request, None)
        username, asked_for = fields.get("username", ""), fields.get("next", "")
        try:
            cookie = await self._sessions.sign_in(username, fields.get("password", ""), place_of(request.client))
        except CredentialsRefusedError as error:
            return await self.sign_in_page(
                request, asked_for=asked_for, username=username[:100], problem=error.message, status=401
            )
        return _go(request, _own_path(asked_for), [session_cookie(request, cookie)])

    async def _sign_out(self, request: Request, _session: Session, _fields: Mapping[str, str]) -> Response:
        return _go(request, "", [no_session_cookie(request)])

    async def _sign_out_everywhere(self, request: Request, _session: Session, _fields: Mapping[str, str]) -> Response:
        await self._api.delete(request, "-/sessions")
        return _go(request, "", [no_session_cookie(request)])

    async def _change_password(self, request: Request, session: Session, fields: Mapping[str, str]) -> Response:
        def refused(problem: str) -> Awaitable[Response]:
            return self._account_page(request, session, Refusal("password", {}, problem))

        new = fields.get("new", "")
        if new != fields.get("again", ""):
            return await refused("The new passwords don't match.")
        try:
            await self._sessions.verify(session.username, fields.get("password", ""), place_of(request.client))
            await self._api.post(request, "password", {"password": new})
        except CredentialsRefusedError:
            return await refused("The current password is wrong.")
        except HttpError as error:
            if error.status != 422:
                raise
            return await refused(error.message)
        cookie = await self._sessions.go_on(session)
        return _go(request, f"{PLACE}?{urlencode({'done': 'password'})}", [session_cookie(request, cookie)])

    def _done(self, form: str, act: Act, what: str) -> Action:
        """Return an action that goes back to a page, which says that it was done, or why it was not."""

        async def action(request: Request, session: Session, fields: Mapping[str, str]) -> Response:
            try:
                place = await act(request, fields)
            except (HttpError, *DOMAIN_ERRORS) as error:
                return await self._account_page(request, session, refusal(form, fields, error))
            return _go(request, f"{place}?{urlencode({'done': what})}")

        return action

    def _done_to_release(self, form: str, act: Act, what: str) -> Action:
        """Return an action as `_done` does, whose form is on the page of a release."""

        async def action(request: Request, session: Session, fields: Mapping[str, str]) -> Response:
            page = self._releases.place(fields)
            try:
                place = await act(request, fields)
            except (HttpError, *DOMAIN_ERRORS) as error:
                refused = refusal(form, fields, error)
                return await self._release_page(request, session, unquote(page.removeprefix(PLACE)), refused)
            return _go(request, f"{place}?{urlencode({'done': what})}")

        return action

    async def _create_token(self, request: Request, session: Session, fields: Mapping[str, str]) -> Response:
        try:
            new = await self._tokens.create(request, fields)
        except (HttpError, *DOMAIN_ERRORS) as error:
            return await self._account_page(request, session, refusal("tokens", fields, error))
        return await self._account_page(request, session, new_token=new)

    async def _release_page(
        self, request: Request, session: Session, path: str, refused: Refusal | None = None
    ) -> Response:
        values: dict[str, Any] = {
            **await self._releases.values(request, path),
            "token": await self._forms.token(session),
            "done": _query(request, "done"),
            "refused": refused,
        }
        return await self._site.fresh_page(request, "manage.html", values, refused.status if refused else 200)

    async def _account_page(
        self, request: Request, session: Session, refused: Refusal | None = None, *, new_token: str = ""
    ) -> Response:
        about = await self._api.get(request, "whoami")  # with the projects that name the account as maintainer
        values: dict[str, Any] = {
            "token": await self._forms.token(session),
            "grants": [(grant["rights"], grant["projects"]) for grant in (about or {}).get("grants", [])],
            "refused": refused,
            "done": _query(request, "done"),
            "new_token": new_token,
            "tokens": await self._tokens.all(request),
            "trust": await self._publishers.all(request),
            "projects": await self._releases.own_projects(request, session.username),
        }
        return await self._site.fresh_page(request, "account.html", values, refused.status if refused else 200)


def _query(request: Request, name: str) -> str:
    query: bytes = request.scope.get("query_string", b"")
    return parse_qs(query.decode("latin-1")).get(name, [""])[0]


def _own_path(path: str) -> str:
    """Return a path of this index without its leading slash; the home page for anything else."""
    parts = urlsplit(path)
    plain = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and "\\" not in path
    return path[1:] if plain and not parts.scheme and not parts.netloc and len(path) < 500 else ""


def _go(request: Request, path: str, headers: Headers | None = None) -> Response:
    """Send a browser on with a GET request, to a path alone: a proxy may know the host by another name."""
    location = f"{request.root_path}/{path}".encode("ascii", "ignore")
    return Response(303, b"", [(b"location", location), (b"cache-control", b"no-store"), *(headers or [])])
