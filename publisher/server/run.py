"""Serving an index with uvicorn until a signal ends it."""

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import Any

import uvicorn  # noqa: TID251 - the only door to uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle  # noqa: TID251

from publisher.errors import ConfigurationError
from publisher.server.app import Index
from publisher.server.http.messages import TEXT_TYPE, ClientGoneError, Response
from publisher.server.routes.files import SEND_FILE
from publisher.server.settings import Limits

KEEP_ALIVE = 75
"""Seconds that an idle connection is kept."""

JOINED = 2**16
"""Bytes of body up to which head and body are copied together instead of being handed over as two pieces."""

GRACE = 120
"""Seconds that running uploads get to finish after a signal."""

GRACE_IN_BACKGROUND = 25
"""Seconds that they get where the host ends the process soon after its signal, as Modal does after 30."""


def listen(host: str, port: int) -> socket.socket:
    """
    Return a socket that listens on an address; port 0 takes a free one.

    Raises ConfigurationError when the address can't be used.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise ConfigurationError(
            f"The index can't listen on {host}:{port}: {error.strerror or error}.",
            hint="Choose another --port (0 takes a free one) or --host.",
        ) from error
    return listener


def serve(app: Index, listener: socket.socket, root_path: str, on_ready: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM, let running requests finish, and return."""
    serving_server(app, root_path, on_ready).run([listener])


def serve_in_background(app: Index, listener: socket.socket) -> None:
    """
    Serve in a thread and return once it answers; at the end of the process, let running requests finish.

    For a host that keeps the main thread and its signals for itself. Raises ConfigurationError when the server fails to
    start.
    """
    ready = threading.Event()
    server = serving_server(app, "", ready.set)

    def run() -> None:
        try:
            server.run([listener])
        finally:
            ready.set()

    thread = threading.Thread(target=run, name="index", daemon=True)

    def finish() -> None:
        server.should_exit = True
        thread.join(GRACE_IN_BACKGROUND)

    # atexit would be too late: by then no thread pool takes work, and running uploads need theirs
    threading._register_atexit(finish)  # type: ignore[attr-defined]  # noqa: SLF001 - what concurrent.futures uses too
    thread.start()
    ready.wait()
    if not server.started:
        raise ConfigurationError("The index could not be started; the log says why.")


def serving_server(app: Index, root_path: str, on_ready: Callable[[], None]) -> uvicorn.Server:
    """Return the server of an index; it is stopped by a signal, or by setting its ``should_exit``."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        http=SendingProtocol,
        lifespan="on",
        root_path=root_path,
        server_header=False,
        headers=[("upload-patience", f"{app.limits.stalled_upload:g}")],  # tells publishers that they may begin early
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
        backlog=2048,
    )
    return _Server(config, on_ready)


class SendingProtocol(HttpToolsProtocol):
    """
    uvicorn's HTTP protocol with two short cuts: answers from memory without a task, and files sent by the kernel.

    It also bounds what uvicorn does not: the size of a request's head, the time it takes to come, and the time that a
    client takes nothing of its answer.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._limits: Limits = self.config.app.limits  # type: ignore[union-attr]
        self._answered = False
        """Whether the request whose end is still to come was answered at once."""
        self._head_since: float | None = self.loop.time()
        """Since when the end of a request's head is waited for; None while a request is answered, or none has begun."""
        self._head_size = 0
        self._unsent = (0, 0.0)
        """How many bytes wait to be sent, and since when there are that many."""

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._head_since = self.loop.time()
        self._head_size = 0

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request; refuse a head that grows too large."""
        if self.timeout_keep_alive_task is not None:  # an idle connection: a head is owed from now on
            self._head_since = self.loop.time()
        super().data_received(data)
        if self._head_since is not None:
            self._head_size += len(data)
            if self._head_size > self._limits.head_size:
                self._refuse(431, f"The request's head is larger than {self._limits.head_size} bytes.")

    def let_go_if_slow(self, now: float) -> None:
        """End the connection of a client that is too slow; called once a second, ``now`` is the event loop's time."""
        unsent = self.transport.get_write_buffer_size()
        if unsent != self._unsent[0]:
            self._unsent = unsent, now
        elif unsent and now - self._unsent[1] > self._limits.stalled_download:
            self.transport.abort()
        if self._head_since is not None and now - self._head_since > self._limits.slow_head:
            self._refuse(408, "The request's head did not come in time.")

    def _refuse(self, status: int, message: str) -> None:
        """Answer what is no complete request, and close the connection."""
        if not self.transport.is_closing():
            headers = [(b"content-type", TEXT_TYPE), (b"connection", b"close")]
            response = Response(status, message.encode(), headers)
            if self.cycle is None or self.cycle.response_complete:
                self.transport.write(response.head + b"\r\n" + response.body)
            self.transport.close()

    def on_headers_complete(self) -> None:
        """Answer at once what the index has in memory; else start the application, which may have files sent."""
        self._head_since = None
        idle = self.cycle is None or self.cycle.response_complete
        if idle and self.parser.get_method() == b"GET" and self.parser.should_keep_alive() and not self.root_path:
            self._answered = self._answer_at_once()
        if not self._answered:
            scope = self.scope
            super().on_headers_complete()
            extensions: Any = {SEND_FILE: partial(self._send_file, self.cycle)}
            scope["extensions"] = extensions

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body; pass over that of a request that was answered."""
        if not self._answered:
            if not self.cycle.body:
                self.cycle.body = b""  # type: ignore[assignment]  # to bytes uvicorn adds the piece without copying it
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        if self._answered:
            self._answered = False
            self.on_response_complete()
        else:
            super().on_message_complete()

    def _answer_at_once(self) -> bool:
        if b"%" in self.url or b"?" in self.url or self.transport.get_write_buffer_size():
            return False
        self.scope["method"] = "GET"
        self.scope["path"] = self.url.decode("latin-1")
        response = self.config.app.from_memory(self.scope)  # type: ignore[union-attr]
        if response is None:
            return False
        pieces = (response.head, _header_lines(tuple(self.server_state.default_headers)), response.body)
        if len(response.body) < JOINED:
            self.transport.write(b"".join(pieces))
        else:
            self.transport.writelines(pieces)
        return True

    async def _send_file(self, cycle: RequestResponseCycle, file: int, offset: int, length: int) -> None:
        """
        Send a part of a file as the rest of the body that the response's Content-Length announces.

        Raises ClientGoneError when the client goes away, or takes nothing for so long that it is sent away.
        """
        while self.transport.get_write_buffer_size():  # noqa: ASYNC110 - the head goes first, and no event tells when
            await asyncio.sleep(0.001)
        connection = os.dup(self.transport.get_extra_info("socket").fileno())
        try:
            end = offset + length
            while offset < end and not cycle.disconnected:
                offset = await self.loop.run_in_executor(None, _send_some, connection, file, offset, end)
                if offset < end:
                    await asyncio.wait_for(_writable(self.loop, connection), self._limits.stalled_download)
        except (ConnectionError, TimeoutError) as error:
            cycle.disconnected = True
            self.transport.abort()
            raise ClientGoneError from error
        finally:
            os.close(connection)
        cycle.expected_content_length = 0  # uvicorn has not seen those bytes
        await cycle.send({"type": "http.response.body", "body": b"", "more_body": False})


@lru_cache(maxsize=1)
def _header_lines(headers: tuple[tuple[bytes, bytes], ...]) -> bytes:
    """Return the headers that every answer has, the date above all, and the blank line after them."""
    return b"".join(b"%s: %s\r\n" % header for header in headers) + b"\r\n"


def _send_some(connection: int, file: int, offset: int, end: int) -> int:
    """Send until the connection takes no more, and return the offset that was reached."""
    while offset < end:
        try:
            sent = os.sendfile(connection, file, offset, end - offset)
        except BlockingIOError:
            return offset
        if sent == 0:
            raise OSError("the file became shorter while it was sent")
        offset += sent
    return offset


async def _writable(loop: asyncio.AbstractEventLoop, connection: int) -> None:
    """Return when a connection takes bytes again."""
    ready = asyncio.Event()
    loop.add_writer(connection, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_writer(connection)


class _Server(uvicorn.Server):
    """uvicorn's server, which tells when it is ready and takes its signals as the normal end."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def on_tick(self, counter: int) -> bool:
        """Look after slow clients once a second; a tick is a tenth of one."""
        if counter % 10 == 0:
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                if isinstance(connection, SendingProtocol):
                    connection.let_go_if_slow(now)
        return await super().on_tick(counter)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals while serving; unlike uvicorn, don't raise them again afterwards."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
