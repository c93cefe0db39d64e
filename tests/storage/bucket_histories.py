"""Random histories over a bucket: each process has a way of its own to the store, which fails at times."""

import random
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

from publisher.server.auth.htpasswd import Users
from publisher.server.settings import ServerSettings
from publisher.server.storage.bucket.opening import open_storages_in
from publisher.server.store.bucket.catalog import BucketCatalog
from publisher.server.store.bucket.changes import BucketChanges
from publisher.server.store.projects import StoredFile
from tests.helpers.bucket_index import new_index
from tests.helpers.faulty_store import FaultyStore, faulty_way
from tests.helpers.object_store import ObjectStore
from tests.storage.histories import Server


class BucketServer(Server):
    """One process over a bucket."""

    def __init__(self, url: str) -> None:
        packages, credentials = open_storages_in(url)
        self.packages, self.credentials = packages, credentials
        settings = ServerSettings((), bucket=url, fallback_url="http://elsewhere.invalid/")
        self.catalog = BucketCatalog(settings, packages)  # type: ignore[assignment]
        self.changes = BucketChanges(settings, self.catalog, packages)  # type: ignore[arg-type, assignment]
        self.users = Users(Path(".htpasswd"), starts_without=True)

    def key_of(self, file: StoredFile) -> str:
        return str(file.path)


class Buckets:
    """Processes on one bucket, each behind a way that can fail."""

    def __init__(self, store: ObjectStore, stack: ExitStack) -> None:
        self._store = store
        self._stack = stack
        self._ways: dict[Server, FaultyStore] = {}
        with patch.dict("os.environ", store.environment):
            self.url, _ = new_index("somebody", "correct horse")

    def server(self) -> BucketServer:
        way = self._stack.enter_context(faulty_way(self._store.endpoint))
        with patch.dict("os.environ", {**self._store.environment, "AWS_ENDPOINT_URL": way.url}):
            server = BucketServer(self.url)
        self._ways[server] = way
        return server

    def fault(self, server: Server, chance: random.Random) -> None:
        """Refuse the next requests, or lose the next answers; sometimes more of them than are asked again."""
        way = self._ways[server]
        if chance.random() < 0.5:
            way.lose += chance.randrange(1, 4)
        else:
            way.refuse += ["SlowDown"] * chance.randrange(1, 7)

    def kill(self, server: Server) -> None:
        self._ways[server].cut = True

    def heal(self) -> None:
        for way in self._ways.values():
            way.lose = 0
            way.refuse.clear()
