"""Serving an index with uvicorn until a signal ends it."""

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn  # noqa: TID251 - the only door to uvicorn

from publisher.errors import ConfigurationError
from publisher.server.app import Index
from publisher.server.http import Receive, Scope, Send

KEEP_ALIVE = 75
"""Seconds that an idle connection is kept."""

GRACE_IN_BACKGROUND = 25
"""Seconds that they get where the host ends the process soon after its signal, as Modal does after 30."""

GRACE = 120
"""Seconds that running uploads get to finish after a signal."""


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
    config = _config(app, root_path)
    server = _Server(config, on_ready)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(server.serve([listener]))


def serve_in_background(app: Index, listener: socket.socket, scheme: str) -> None:
    """
    Serve in a thread and return once it answers; at the end of the process, let running requests finish.

    For a host that keeps the main thread and its signals for itself, and that clients reach with the URL scheme given.
    Raises ConfigurationError when serving fails to start.
    """

    async def behind_host(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["scheme"] = scheme
        await app(scope, receive, send)

    ready = threading.Event()
    server = _Server(_config(behind_host, ""), ready.set)

    def run() -> None:
        try:
            asyncio.run(server.serve([listener]))
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


def _config(app: Any, root_path: str) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        http="httptools",
        lifespan="on",
        root_path=root_path,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
        backlog=2048,
    )


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
