"""Connections that another thread can break while one waits for the other side."""

import socket
from contextlib import suppress
from typing import Any
from weakref import WeakSet

import urllib3  # noqa: TID251 - a door to urllib3
from requests.adapters import HTTPAdapter  # noqa: TID251 - a door to requests
from urllib3.connection import HTTPConnection, HTTPSConnection  # noqa: TID251
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool  # noqa: TID251


class AbortableAdapter(HTTPAdapter):
    """Transport of a session that knows its open sockets, also those through a proxy."""

    def __init__(self, max_retries: urllib3.Retry | int) -> None:
        self._connections: WeakSet[HTTPConnection] = WeakSet()
        super().__init__(max_retries=max_retries)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Make the pools of direct connections."""
        super().init_poolmanager(*arguments, **options)
        self._track(self.poolmanager)

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
        """Return the pools of connections through a proxy."""
        manager = super().proxy_manager_for(*arguments, **options)
        self._track(manager)
        return manager

    def abort(self) -> None:
        """Shut every open socket down: a thread that reads or writes it fails at once."""
        for connection in list(self._connections):
            if connection.sock is not None:
                with suppress(OSError):  # closed in the meantime
                    connection.sock.shutdown(socket.SHUT_RDWR)

    def _track(self, manager: urllib3.PoolManager) -> None:
        connections = self._connections

        class Plain(HTTPConnection):
            def connect(self) -> None:
                super().connect()
                connections.add(self)

        class Encrypted(HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                connections.add(self)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class EncryptedPool(HTTPSConnectionPool):
            ConnectionCls = Encrypted

        manager.pool_classes_by_scheme = {"http": PlainPool, "https": EncryptedPool}
