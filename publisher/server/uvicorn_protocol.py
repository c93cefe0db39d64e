"""
The HTTP protocol of the index: uvicorn's, with answers from memory, files sent by the kernel, and bounds on clients.

It uses undocumented parts of uvicorn, which `missing_internals` checks; if any is missing, uvicorn's own protocol
serves instead.
"""

import asyncio
import os
import re
from collections.abc import Hashable, Iterable
from functools import lru_cache, partial
from typing import Any, Protocol

import uvicorn  # noqa: TID251 - a door to uvicorn
from uvicorn.protocols.http.flow_control import FlowControl  # noqa: TID251
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle  # noqa: TID251
from uvicorn.server import ServerState  # noqa: TID251

from publisher.limits import Limits
from publisher.server.http.kernel_sending import KernelSending
from publisher.server.http.messages import (
    REASON,
    TEXT_TYPE,
    ZERO_COPY,
    ClientGoneError,
    Message,
    Request,
    Response,
    Scope,
)
from publisher.server.http.repeated_head import RepeatedHead, repeated_head

JOINED = 2**12
"""Bytes of body up to which head and body are copied together instead of being handed over as two pieces."""

_LONGEST_HOST = 300
"""Characters of a name and a port: pages repeat them many times."""

_HOST = re.compile(rb"([\w.-]*|\[[0-9A-Fa-f:.]+\])(:\d{0,5})?")
"""A name or an address, and a port (RFC 9112, 3.2): everything else would be part of a URL in answers."""

_PROTOCOL = {
    *("config", "loop", "parser", "transport", "flow", "scope", "headers", "cycle", "server_state", "root_path"),
    *("timeout_keep_alive_task", "on_message_begin", "on_url", "on_headers_complete", "on_body", "connection_made"),
    *("on_message_complete", "on_response_complete", "send_400_response", "data_received", "expect_100_continue"),
    *("asgi_version", "server", "client", "scheme"),
}
_CYCLE = {
    *("scope", "transport", "body", "more_body", "message_event", "keep_alive", "disconnected", "response_started"),
    *("response_complete", "expected_content_length", "on_response", "default_headers", "send", "receive"),
}
_FLOW = {"read_paused", "resume_reading"}


def missing_internals() -> list[str]:
    """Return the parts of uvicorn that `IndexProtocol` uses and this version lacks."""
    loop = asyncio.new_event_loop()
    try:
        config = uvicorn.Config(_no_app, log_config=None, ws="none", lifespan="off", interface="asgi3")
        transport: Any = None
        arguments: dict[str, Any] = dict.fromkeys(_arguments(RequestResponseCycle))
        parts = [
            (HttpToolsProtocol(config, ServerState(), {}, loop), _PROTOCOL),
            (RequestResponseCycle(**arguments), _CYCLE),
            (FlowControl(transport), _FLOW),
            (ServerState(), {"default_headers", "connections"}),
        ]
    except Exception as error:  # noqa: BLE001 - whatever another version raises
        return [f"its parts can't be created: {error}"]
    finally:
        loop.close()
    wanted = [(part, name) for part, names in parts for name in names]
    return sorted(f"{type(part).__name__}.{name}" for part, name in wanted if not hasattr(part, name))


class _QuickAnswers(Protocol):
    """Answers from memory, before a task is started."""

    def begin(self, scope: Scope) -> Request:
        """Return the GET request of a scope."""

    def again(self, key: Hashable, request: Request) -> Response | None:
        """Return the answer to an earlier request with the same key, if it is still up to date."""

    def from_memory(self, request: Request, key: Hashable = None) -> Response | None:
        """Return the answer if it is in memory and up to date, and keep it for later requests with the same key."""


class _QuickApp(Protocol):
    """An application that may have answers ready."""

    limits: Limits
    quick: _QuickAnswers


class IndexProtocol(HttpToolsProtocol):
    """
    uvicorn's HTTP protocol with two short cuts: answers from memory without a task, and files sent by the kernel.

    It also adds bounds that uvicorn lacks: the size of a request's head and trailers, the time that head and body take
    to come, and the time that a client takes nothing of its answer. Trailers are dropped (RFC 9110, 6.5.1).
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        app: _QuickApp = self.config.app  # type: ignore[assignment]
        self._quick, self._limits = app.quick, app.limits
        self._request: Request | None = None
        """The newest request that could be answered at once."""
        self._repeated: RepeatedHead | None = None
        """The last request, if it was answered at once and nothing else was received since."""
        self._scope: dict[str, Any] = {}
        """The parts that the scopes of all requests of the connection share."""
        self._answered = False
        """Whether the request whose end is still to come was answered at once."""
        self._now = self.loop.time()
        """Time of the newest bytes."""
        self._idle_since: float | None = None
        """Since when nothing is owed, after an answer that was given at once; uvicorn's timer follows other answers."""
        self._common_headers: tuple[object, bytes] = None, b""
        """The headers that every answer has, as uvicorn renews them, and their lines."""
        self._head_since: float | None = self._now
        """Since when the end of a request's head is waited for; None while a request is answered, or none has begun."""
        self._valid_host = b""
        """The host of the connection's last request, which was looked at."""
        self._idle_bytes = 0
        """Bytes received since the request began, or since the last piece of its body."""
        self._body_since: float | None = None
        """Since when the body of a request is counted; None while none is owed."""
        self._body_size = 0
        self._body_total = 0
        self._unsent = (0, 0.0)
        """The number of bytes that wait to be sent, and the time since they are that many."""

    def connection_made(self, transport: Any) -> None:
        """Take a connection."""
        super().connection_made(transport)
        super().on_message_begin()
        self._scope = {key: value for key, value in self.scope.items() if key != "state"}  # our application keeps none

    def on_message_begin(self) -> None:
        """Begin a request."""
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        self.scope = {**self._scope, "headers": self.headers}  # type: ignore[typeddict-item]
        self._head_since = self._now
        self._idle_since = None
        self._idle_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; drop a trailer."""
        if self._head_since is not None:
            self.headers.append((name.lower(), value))

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request; refuse a head or trailers that grow too large."""
        self._now = self.loop.time()
        if self._repeated is not None and self._answer_again(self._repeated, data):
            return
        self._repeated = None
        was_idle = self._idle_since is not None
        if was_idle or self.timeout_keep_alive_task is not None:  # a head is owed from now on
            self._head_since = self._now
            self._idle_since = None
        self._idle_bytes += len(data)
        HttpToolsProtocol.data_received(self, data)
        if was_idle and self._idle_since is not None and self._request is not None:
            self._repeated = repeated_head(data, self._request)
        if self._idle_bytes > self._limits.head_size and (self._head_since or self._body_since) is not None:
            self._refuse(431, f"The request's head or trailers are larger than {self._limits.head_size} bytes.")

    def let_go_if_slow(self, now: float) -> None:
        """End the connection of a client that is too slow; called once a second, ``now`` is the event loop's time."""
        unsent = self.transport.get_write_buffer_size()
        if unsent != self._unsent[0]:
            self._unsent = unsent, now
        elif unsent and now - self._unsent[1] > self._limits.stalled_download:
            self.transport.abort()
        if self._idle_since is not None and now - self._idle_since > self._limits.idle_connection:
            self.transport.close()
        if self._head_since is not None and now - self._head_since > self._limits.slow_head:
            self._refuse(408, "The request's head did not come in time.")
        if self._body_since is not None and now - self._body_since > 1.5 * self._limits.stalled_upload:
            enough = self._body_size >= self._limits.slowest_body * (now - self._body_since)
            if enough or self.flow.read_paused:
                self._body_since, self._body_size = now, 0
            else:
                self._refuse(408, "The request's body did not come in time.")

    def send_400_response(self, msg: str) -> None:
        """Answer bytes that are no request; not in the middle of another answer, which is the last one then."""
        if (
            self.cycle is None
            or self.cycle.response_complete
            or (self.cycle.more_body and not self.cycle.response_started)
        ):
            super().send_400_response(msg)
        elif self.cycle.more_body:
            self.transport.abort()
        else:
            self.cycle.keep_alive = False
            self.flow.pause_reading()

    def _refuse(self, status: int, message: str) -> None:
        """Answer an incomplete request, and close the connection."""
        if not self.transport.is_closing():
            headers = [(b"content-type", TEXT_TYPE), (b"connection", b"close")]
            response = Response(status, message.encode(), headers)
            if not self._answered and self._body_since is None and (self.cycle is None or self.cycle.response_complete):
                self.transport.write(response.head + b"\r\n" + response.body)
            self.transport.close()

    def on_headers_complete(self) -> None:
        """Answer at once from the index's memory; else start the application, which may have files sent."""
        self._head_since = None
        self._body_since, self._body_size, self._body_total = self._now, 0, 0
        parser = self.parser
        stays = parser.should_keep_alive()
        names = dict(self.headers)
        modern = (stays and b"connection" not in names) or parser.get_http_version() == "1.1"  # the latter costs more
        if not modern and parser.get_http_version() != "1.0":
            raise ValueError("a version that is not known here")  # which uvicorn answers with a 400
        hosts = 1 if len(names) == len(self.headers) and b"host" in names else _count(self.headers, b"host")
        host = names.get(b"host", b"")
        if hosts > 1 or (modern and not hosts) or (host != self._valid_host and not _is_host(host)):
            raise ValueError("a request names one host")
        self._valid_host = host
        if b"transfer-encoding" in names and not _is_chunked(self.headers):
            raise ValueError("an encoding of the body that is not known here")
        if b"expect" in names:
            self.expect_100_continue = names[b"expect"].lower() == b"100-continue"
        upgrade = parser.should_upgrade()
        idle = self.cycle is None or self.cycle.response_complete
        if idle and modern and stays and not upgrade and parser.get_method() == b"GET" and not self.root_path:
            self._answered = self._answer_at_once()
        if not self._answered:
            scope = self.scope
            super().on_headers_complete()
            scope["extensions"] = {ZERO_COPY: {}, REASON: {}}
            self.cycle.send = partial(self._send, self.cycle)  # type: ignore[method-assign]
            if upgrade:  # the rest of the connection is in a protocol that is not supported
                self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body; pass over that of a request that was answered."""
        self._idle_bytes = 0
        self._body_size += len(body)
        self._body_total += len(body)
        if self._answered or self.cycle.response_complete:
            if self._body_total > self._limits.upload_size + self._limits.head_size:
                self.transport.abort()
            return
        if not self.cycle.body:
            self.cycle.body = b""  # type: ignore[assignment]  # to bytes uvicorn adds the piece without copying it
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        self._body_since = None
        if self._answered:
            self._answered = False
            self._idle_since = self._now
            self.server_state.total_requests += 1
            self.flow.resume_reading()
        else:
            HttpToolsProtocol.on_message_complete(self)

    def _answer_at_once(self) -> bool:
        url, scope = self.url, self.scope
        if b"%" in url or b"?" in url or self.transport.get_write_buffer_size():
            return False
        scope["method"] = "GET"
        scope["path"] = url.decode("latin-1")
        self._request = self._quick.begin(scope)  # type: ignore[arg-type]
        response = self._quick.from_memory(self._request)
        if response is not None:
            self._write(response)
        return response is not None

    def _answer_again(self, repeated: RepeatedHead, data: bytes) -> bool:
        """Answer a request at once, without parsing it, if its headers are those of the last request."""
        key = repeated.key(data)
        if key is None or self.transport.get_write_buffer_size():
            return False
        response = self._quick.again(key, repeated.request)
        if response is None and len(data) <= self._limits.head_size:
            request = repeated.again(data)
            response = self._quick.from_memory(request, key) if request is not None else None
        if response is None:
            return False
        self._write(response)
        self._idle_since = self._now
        self.server_state.total_requests += 1
        return True

    def _write(self, response: Response) -> None:
        transport = self.transport
        pieces = (response.head, self._common_lines(), response.body)
        if len(response.body) < JOINED:
            transport.write(b"".join(pieces))
        else:
            transport.writelines(pieces)

    def _common_lines(self) -> bytes:
        """Return the lines of the headers that every answer has, and the blank line after them."""
        headers = self.server_state.default_headers
        if self._common_headers[0] is not headers:
            self._common_headers = headers, _header_lines(tuple(headers))
        return self._common_headers[1]

    async def _send(self, cycle: RequestResponseCycle, message: Message) -> None:
        """Send uvicorn's messages, and those of the two extensions."""
        if self.transport.is_closing():
            cycle.disconnected = True  # which uvicorn learns a moment later
        if message["type"] == ZERO_COPY:
            await self._send_file(cycle, message["file"], message["offset"], message["count"])
        elif message.get(REASON) and not cycle.response_started and not cycle.disconnected:
            self._send_refusal(cycle, message)
        else:
            await RequestResponseCycle.send(cycle, message)  # type: ignore[arg-type]
        if cycle.response_complete or cycle.disconnected:
            vars(cycle).pop("send", None)  # or the cycle would refer to itself, and wait for the garbage collector

    def _send_refusal(self, cycle: RequestResponseCycle, message: Message) -> None:
        """Send a refusal with a reason phrase of its own, as a whole."""
        response = Response(message["status"], message["body"], message["headers"])
        close = b"" if cycle.keep_alive else b"connection: close\r\n"
        body = b"" if cycle.scope["method"] == "HEAD" else response.body
        first, _, rest = response.head.partition(b"\r\n")
        line = first[: len(b"HTTP/1.1 400 ")] + message[REASON]
        self.transport.write(b"\r\n".join((line, rest)) + close + _header_lines(tuple(cycle.default_headers)) + body)
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()

    async def _send_file(self, cycle: RequestResponseCycle, file: int, offset: int, length: int) -> None:
        """
        Send a part of a file as the rest of the body that the response's Content-Length announces.

        Raises ClientGoneError when the client goes away, or takes nothing for so long that it is sent away.
        """
        while self.transport.get_write_buffer_size():  # noqa: ASYNC110 - the head goes first, and no event tells when
            await asyncio.sleep(0.001)
        connection = os.dup(self.transport.get_extra_info("socket").fileno())
        try:
            sending = KernelSending(connection, file, offset, length)
            while not sending.is_complete and not cycle.disconnected:
                await sending.send(self._limits.stalled_download)
        except (ConnectionError, TimeoutError) as error:
            cycle.disconnected = True
            self.transport.abort()
            raise ClientGoneError from error
        finally:
            os.close(connection)
        cycle.expected_content_length = 0  # uvicorn has not seen those bytes
        await RequestResponseCycle.send(cycle, {"type": "http.response.body", "body": b"", "more_body": False})


def _count(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> int:
    """Return how often a request has a header."""
    return sum(each == name for each, _ in headers)


def _is_host(value: bytes) -> bool:
    """Return whether a Host header has a name or an address, and maybe a port."""
    return len(value) <= _LONGEST_HOST and _HOST.fullmatch(value) is not None


def _is_chunked(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Return whether the body has no other transfer encoding than chunked, which a proxy might decode differently."""
    return all(value.strip().lower() == b"chunked" for name, value in headers if name == b"transfer-encoding")


def _arguments(kind: type) -> list[str]:
    """Return the names of the arguments that make an object."""
    code = kind.__init__.__code__  # type: ignore[misc]
    return list(code.co_varnames[1 : code.co_argcount])


async def _no_app(_scope: Any, _receive: Any, _send: Any) -> None:
    """Answer nothing."""


@lru_cache(maxsize=1)
def _header_lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the headers that every answer has, the date above all, and the blank line after them."""
    return b"".join(b"%s: %s\r\n" % header for header in headers) + b"\r\n"
