"""Serving an index with uvicorn until a signal ends it."""

import asyncio
import atexit
import ctypes
import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType

import uvicorn  # noqa: TID251 - a door to uvicorn

from publisher.errors import ConfigurationError
from publisher.server.app import IndexApp
from publisher.server.http.log_writer import logging_through
from publisher.server.terminal import ends_with_terminal, has_terminal
from publisher.server.uvicorn_protocol import IndexProtocol, missing_internals
from publisher.server.work.garbage import CollectionSchedule, stop_full_collections

if sys.platform != "win32":  # which has no such limits
    import resource

_TURN = 0.0002
"""Seconds for which a thread computes while others want to."""

_log = logging.getLogger(__name__)

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
"""The numbers of these settings in glibc's malloc.h."""


def listen(host: str, port: int) -> socket.socket:
    """
    Return a socket that is bound to an address and keeps it; port 0 takes a free one.

    It is not to be taken again before it listens either, other than by `listen_beside`. Raises ConfigurationError when
    the address can't be used.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        with ExitStack() as on_failure:
            listener = on_failure.enter_context(socket.socket(family, kind, protocol))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
            on_failure.pop_all()
    except OSError as error:
        raise ConfigurationError(
            f"The index can't listen on {host}:{port}: {error.strerror or error}.",
            hint="Choose another --port (0 takes a free one) or --host.",
        ) from error
    return listener


def share_address(holder: socket.socket) -> bool:
    """
    Let several processes of this user listen on an address, each with a socket of its own; return whether they can.

    Linux spreads connections over such sockets evenly. From one socket that all of them share, the same process takes
    nearly all connections that come at about the same time.
    """
    if sys.platform != "linux":
        return False
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return True


def listen_beside(holder: socket.socket) -> socket.socket:
    """Return another socket for the address of one that shares it; raise ConfigurationError when that is lost."""
    listener = socket.socket(holder.family, holder.type, holder.proto)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(holder.getsockname())
    except OSError as error:
        listener.close()
        raise ConfigurationError(f"A worker can't listen on the index's address: {error.strerror or error}.") from error
    return listener


def serve(
    app: IndexApp,
    listener: socket.socket,
    root_path: str,
    on_ready: Callable[[], None],
    lifeline: int | None = None,
) -> None:
    """
    Serve until SIGINT or SIGTERM, or until a lifeline is readable, let running requests finish, and return.

    Raises ConfigurationError when the index could not be started.
    """
    allow_open_files()
    give_back_large_blocks()
    favor_requests()
    server = serving_server(app, root_path, on_ready, lifeline)
    with logging_through(app.log_writer):
        server.run([listener])
    if not server.started and not server.was_stopped:
        raise ConfigurationError("The index could not be started; the log says why.")


def allow_open_files() -> None:
    """Raise this process's limit of open files to its maximum: each connection is one, and often a file too."""
    if sys.platform == "win32":
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(ValueError, OSError):  # macOS reports no limit but has one
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def give_back_large_blocks() -> None:
    """
    Let the C library return each block of 128 kB or more to the system as soon as it is free.

    glibc begins that way and raises the size whenever such a block is freed, so pages and files would leave holes.
    Threads share two heaps: with one heap each, each keeps the memory of its largest task.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(_M_MMAP_THRESHOLD, 2**17)
            mallopt(_M_ARENA_MAX, 2)


def favor_requests() -> None:
    """
    Have threads that compute give way after a fifth of a millisecond, and start no full garbage collection.

    Python's default is five milliseconds, which the event loop waits for each of them in turn: a page of half a
    millisecond took ten while four threads searched.
    """
    sys.setswitchinterval(_TURN)
    stop_full_collections()


def serve_in_background(app: IndexApp, listener: socket.socket) -> None:
    """
    Serve in a thread and return once it answers; at the end of the process, let running requests finish.

    For a host that keeps the main thread and its signals for itself. Raises ConfigurationError when the server fails to
    start.
    """
    favor_requests()
    ready = threading.Event()
    server = serving_server(app, "", ready.set)

    def run() -> None:
        try:
            with logging_through(app.log_writer):
                server.run([listener])
        finally:
            ready.set()

    thread = threading.Thread(target=run, name="index", daemon=True)

    def finish() -> None:
        server.should_exit = True
        thread.join(app.limits.grace_in_background)

    _before_threads_end(finish)
    thread.start()
    ready.wait()
    if not server.started:
        raise ConfigurationError("The index could not be started; the log says why.")


def serving_server(
    app: IndexApp, root_path: str, on_ready: Callable[[], None], lifeline: int | None = None
) -> "_Server":
    """Return the server of an index; it is stopped by a signal, or by setting its ``should_exit``."""
    missing = missing_internals()
    if missing:
        _log.warning("uvicorn %s is served without our protocol, more slowly: %s", uvicorn.__version__, missing)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        http="httptools" if missing else IndexProtocol,
        ws="none",
        lifespan="on",
        root_path=root_path,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=app.limits.idle_connection,
        timeout_graceful_shutdown=app.limits.grace,
        backlog=2048,
    )
    return _Server(config, app, on_ready, lifeline)


def _before_threads_end(work: Callable[[], None]) -> None:
    """Have work done at the end of the process, while thread pools still take work: running uploads need theirs."""
    register = getattr(threading, "_register_atexit", None)  # concurrent.futures uses it too
    if register is None:
        _log.warning("this Python has no end of threads to register for: uploads that run at the end may be cut off")
        atexit.register(work)
    else:
        register(work)


class _Server(uvicorn.Server):
    """uvicorn's server, which reports when it is ready and takes its signals as the normal end."""

    def __init__(
        self, config: uvicorn.Config, app: IndexApp, on_ready: Callable[[], None], lifeline: int | None
    ) -> None:
        super().__init__(config)
        self._app = app
        self._lifeline = lifeline
        self.was_stopped = False
        """Whether a signal or the end of the supervisor asked for the end."""
        self._reload_asked = False
        self._ends_with_terminal = False
        self._reloading: asyncio.Task[None] | None = None
        self._on_ready = on_ready
        self._collections = CollectionSchedule()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        if self._lifeline is not None:
            asyncio.get_running_loop().add_reader(self._lifeline, self._stop)
        await super().startup(sockets)
        if self.started:
            self._collections.begin()
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let running requests finish, and end slow reading of uploads soon."""
        self._app.stop_soon()
        await super().shutdown(sockets)

    async def on_tick(self, counter: int) -> bool:
        """
        Reload after SIGHUP, and pass the tick on; once a second, drop slow clients and collect garbage.

        A tick is a tenth of a second.
        """
        if self._reload_asked and (self._reloading is None or self._reloading.done()):
            self._reload_asked = False
            self._reloading = asyncio.create_task(self._app.reload())
        self._app.tick()
        if counter % 10 == 0:
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                if isinstance(connection, IndexProtocol):
                    connection.let_go_if_slow(now)
            self._collections.check(now, self.server_state.total_requests, is_busy=bool(self.server_state.tasks))
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop at a signal."""
        self.was_stopped = True
        super().handle_exit(sig, frame)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals while serving; unlike uvicorn, don't raise them again afterwards."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        if hasattr(signal, "SIGHUP"):
            self._ends_with_terminal = ends_with_terminal()
            before[signal.SIGHUP] = signal.signal(signal.SIGHUP, self._hang_up)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _hang_up(self, _number: int, frame: FrameType | None) -> None:
        """Stop when the terminal was closed; reload for any other SIGHUP."""
        if self._ends_with_terminal and not has_terminal():
            self.handle_exit(signal.SIGTERM, frame)
        else:
            self._reload_asked = True

    def _stop(self) -> None:
        """Stop because the supervisor is gone: its lifeline has ended."""
        assert self._lifeline is not None  # noqa: S101 - for the type checker: it is what is watched
        asyncio.get_running_loop().remove_reader(self._lifeline)
        self.handle_exit(signal.SIGTERM, None)
