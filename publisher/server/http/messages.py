"""Requests and responses of an ASGI server, without a framework in between."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

from publisher.limits import LIMITS, Limits

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

EXPLAINED = {403, 502, 503}
"""Answers to installers whose reason phrase says why: pip and uv show it, and never the body."""

ZERO_COPY = "http.response.zerocopysend"
"""ASGI's extension by which the server sends a part of an open file as the rest of the body."""

REASON = "publisher.reason"
"""Our extension of the response's start: a reason phrase, which is all that some clients show; the body goes along."""

JSON_TYPE = b"application/json"
TEXT_TYPE = b"text/plain; charset=utf-8"
HTML_TYPE = b"text/html; charset=utf-8"

_WHOLE = "backslashreplace"
"""Writes the half of a character, which a signed token may have in a claim, as JSON does."""


_NO_JSON: Mapping[str, Any] = MappingProxyType({})


class HttpError(Exception):
    """An answer that is an error: its status, and a sentence that helps its reader."""

    def __init__(self, status: int, message: str, headers: Headers | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers or []


class ClientGoneError(Exception):
    """The client closed the connection before its request was complete."""


@dataclass(frozen=True)
class Response:
    """A complete answer; Content-Length is added when it is sent."""

    status: int = 200
    body: bytes = b""
    headers: Headers = field(default_factory=list)
    reason: bytes = b""
    """A reason phrase of its own, for servers that send it."""

    @cached_property
    def head(self) -> bytes:
        """Status line and headers as HTTP/1.1 has them, without the last blank line."""
        status = HTTPStatus(self.status)
        lines = [b"HTTP/1.1 %d %s\r\n" % (status.value, status.phrase.encode())]
        lines += [b"%s: %s\r\n" % header for header in self.headers]
        if status is not HTTPStatus.NOT_MODIFIED:
            lines.append(b"content-length: %d\r\n" % len(self.body))
        return b"".join(lines)

    async def send(self, request: "Request", send: Send) -> int:
        """Send it, without the body to a HEAD request; return the bytes of body that went out."""
        headers = [*self.headers, (b"content-length", str(len(self.body)).encode())]
        if self.status == HTTPStatus.NOT_MODIFIED:
            headers = self.headers
        body = b"" if request.method == "HEAD" or self.status == HTTPStatus.NOT_MODIFIED else self.body
        if self.reason and REASON in request.scope.get("extensions", ()):
            whole = {"status": self.status, "headers": self.headers, "body": self.body, REASON: self.reason}
            await send({"type": "http.response.start", **whole})
            return len(body)
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        return len(body)


class MountedApp(NamedTuple):
    """The answer of another ASGI application."""

    app: Callable[[Scope, Receive, Send], Awaitable[None]]
    receive: Receive

    async def send(self, request: "Request", send: Send) -> int:
        """Have the application answer; return the bytes of body that went out."""
        sent = 0

        async def counted(message: Message) -> None:
            nonlocal sent
            sent += len(message.get("body", b""))
            await send(message)

        root = request.root_path
        await self.app({**request.scope, "root_path": root, "path": root + request.path}, self.receive, counted)
        return sent


class Sender(Protocol):
    """Facts about a principal for the log and fair turns."""

    @property
    def username(self) -> str | None:
        """The name for logs and answers."""


class Request:
    """One request: its line, its headers, and its body as it comes in."""

    __slots__ = ("_identify", "_limits", "_principal", "_receive", "headers", "json", "method", "path", "scope")

    def __init__(self, scope: Scope, receive: Receive, limits: Limits = LIMITS) -> None:
        self.scope = scope
        self._receive = receive
        self._limits = limits
        given: Headers = scope["headers"]
        self.headers: Mapping[bytes, bytes] = dict(given)
        """The headers by lower-case name; repeated ones are one list (RFC 9110, 5.3)."""
        if len(self.headers) < len(given):
            self.headers = _joined(given)
        self.method: str = scope["method"]
        self.path: str = scope["path"] if not scope.get("root_path") else _path_below_root(scope)
        self.json: Mapping[str, Any] = _NO_JSON
        """The keys of a body in JSON, once it was read for a route that declares them."""
        self._principal: Sender | None = None
        self._identify: Callable[[Request], Sender] | None = None

    def repeat(self, path: str) -> None:
        """Turn into the client's next request, which has the same method and headers but another path."""
        scope = self.scope
        scope["path"] = path
        self.path = path if not scope.get("root_path") else _path_below_root(scope)
        self._principal = self._identify = None

    @property
    def principal(self) -> "Sender | None":
        """The sender with its rights, once authorized (`publisher.server.routes.authorization.principal_of`)."""
        if self._identify is not None:
            self._principal, self._identify = self._identify(self), None
        return self._principal

    @principal.setter
    def principal(self, principal: "Sender") -> None:
        self._principal, self._identify = principal, None

    def identify_later(self, identify: "Callable[[Request], Sender]") -> None:
        """Have the sender looked up at its first use: on routes that are open to everybody most answers need none."""
        self._identify = identify

    @property
    def username(self) -> str | None:
        """The user, once authorized; None for anonymous requests and the admin token."""
        principal = self.principal
        return principal.username if principal is not None else None

    def header(self, name: bytes) -> str:
        """Return a header's value, or an empty text."""
        value = self.headers.get(name)
        return value.decode("latin-1") if value else ""

    @property
    def client(self) -> str:
        """The address of the client, as far as the server or a trusted proxy tells."""
        client = self.scope.get("client")
        return client[0] if client else "-"

    @property
    def root_path(self) -> str:
        """The path prefix that the index is mounted under, without a trailing slash."""
        prefix: str = self.scope.get("root_path", "")
        if not prefix:
            return ""
        return "/" + quote(stripped, safe="/%+~") if (stripped := prefix.strip("/")) else ""

    @property
    def origin(self) -> str:
        """Scheme and host of the index as the client sees it."""
        return f"{self.scope.get('scheme', 'http')}://{self.header(b'host') or 'localhost'}"

    @property
    def base_url(self) -> str:
        """The absolute URL of the index's root as the client sees it, with a trailing slash."""
        return f"{self.origin}{self.root_path}/"

    def accepts_json_first(self) -> bool:
        """Return whether the client would rather read JSON than text."""
        accepted = self.header(b"accept")
        return "json" in accepted and not accepted.startswith("text/")

    async def chunks(self) -> Message:
        """Return the next piece of the body as the server gives it; raise ClientGoneError when the client went away."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        return message

    async def gone(self) -> None:
        """Return when the client has gone away; for work after the whole body came."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def body(self) -> bytes:
        """Return the whole body of no upload; raise HttpError 413 when it is too long, 408 when it is slow."""
        try:
            async with asyncio.timeout(self._limits.body_time):
                return await self._body(self._limits.body_size)
        except TimeoutError:
            raise HttpError(408, "The request's body did not come in time.") from None

    async def _body(self, limit: int) -> bytes:
        parts: list[bytes] = []
        size = 0
        more = True
        while more:
            message = await self.chunks()
            part = message.get("body", b"")
            size += len(part)
            if size > limit:
                raise HttpError(413, f"The request's body is longer than {limit} bytes.")
            parts.append(part)
            more = message.get("more_body", False)
        return b"".join(parts)


def json_response(found: Any, status: int = 200) -> Response:
    """Return an answer in JSON that no cache may keep."""
    body = json.dumps(found, ensure_ascii=False).encode("utf-8", _WHOLE)
    return Response(status, body, [(b"content-type", JSON_TYPE), (b"cache-control", b"no-store")])


def redirect(request: Request, path: str, status: int = 301) -> Response:
    """Send the client to another path of this index; absolute, because uv takes nothing else."""
    location = request.base_url + quote(path.lstrip("/"), safe="/+!~*'()")
    return Response(status, b"", [(b"location", location.encode())])


def error_response(request: Request, error: HttpError) -> Response:
    """
    Return an error as JSON or text, whichever the client would rather read.

    The JSON has no charset and the key ``code`` because uv shows that key's text, and only from exactly this type.
    """
    if request.accepts_json_first():
        title = HTTPStatus(error.status).phrase
        payload = {"message": error.message, "code": f"{error.status} {error.message}", "title": title}
        body, kind = json.dumps(payload, ensure_ascii=False).encode("utf-8", _WHOLE), JSON_TYPE
    else:
        body, kind = f"{error.message}\n".encode("utf-8", _WHOLE), TEXT_TYPE
    headers = [(b"content-type", kind), (b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
    reason = _reason(error) if request.method == "POST" or error.status in EXPLAINED else b""
    return Response(error.status, body, headers + error.headers, reason)


def _reason(error: HttpError) -> bytes:
    """Return an error's text as a reason phrase: one line of ASCII, after the usual phrase."""
    text = "".join(character if " " <= character <= "~" else "?" for character in error.message)
    return f"{HTTPStatus(error.status).phrase}: {text[: LIMITS.reason_phrase]}".encode()


def _joined(headers: Headers) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        found[name] = found[name] + b", " + value if name in found else value
    return found


def _path_below_root(scope: Scope) -> str:
    """Return the path below the prefix, also where a proxy keeps the prefix that it names or that the server adds."""
    path: str = scope["path"]
    root = "/" + scope["root_path"].strip("/")
    for _ in range(2 if root != "/" else 0):
        if path == root:
            return "/"
        if path.startswith(f"{root}/"):
            path = path[len(root) :]
    return path
