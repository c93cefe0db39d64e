"""Connections that another thread can break while one waits for the other side."""

from threading import Lock
from typing import Any
from weakref import WeakSet

import urllib3  # noqa: TID251 - a door to urllib3
from requests.adapters import HTTPAdapter  # noqa: TID251 - a door to requests
from urllib3.connection import HTTPConnection, HTTPSConnection  # noqa: TID251
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool  # noqa: TID251

from publisher.client.plain.connection import break_off


class AbortableAdapter(HTTPAdapter):
    """Transport of a session that knows its open sockets, also those through a proxy."""

    def __init__(self, max_retries: urllib3.Retry | int) -> None:
        self._connections: WeakSet[HTTPConnection] = WeakSet()
        self._lock = Lock()
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
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            if (sock := connection.sock) is not None:
                break_off(sock)

    def _add(self, connection: HTTPConnection) -> None:
        with self._lock:
            self._connections.add(connection)

    def _track(self, manager: urllib3.PoolManager) -> None:
        add = self._add

        class Plain(HTTPConnection):
            def connect(self) -> None:
                super().connect()
                add(self)

        class Encrypted(HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                add(self)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class EncryptedPool(HTTPSConnectionPool):
            ConnectionCls = Encrypted

        manager.pool_classes_by_scheme = {"http": PlainPool, "https": EncryptedPool}
