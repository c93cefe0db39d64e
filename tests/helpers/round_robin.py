"""A load balancer that hands each new connection to the next of several servers."""

import itertools
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


@contextmanager
def round_robin(urls: Sequence[str]) -> Iterator[str]:
    """Serve a URL behind which the servers take turns."""
    servers = itertools.cycle((str(parts.hostname), int(parts.port or 0)) for parts in map(urlsplit, urls))
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with suppress(OSError):  # it is closed at the end
            while True:
                client, _ = listener.accept()
                threading.Thread(target=_connect, args=(client, next(servers)), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def _connect(client: socket.socket, address: tuple[str, int]) -> None:
    """Pass bytes on in both directions until one side ends."""
    with client, suppress(OSError), socket.create_connection(address) as server:
        back = threading.Thread(target=_pass_on, args=(server, client), daemon=True)
        back.start()
        _pass_on(client, server)
        back.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
