"""The packages of an index in a bucket, put together."""

from publisher.server.routes.bucket.files import BucketFileRoutes
from publisher.server.settings import ServerSettings
from publisher.server.storage.base import Storage
from publisher.server.storage.bucket.storage import BucketStorage
from publisher.server.store.bucket.catalog import BucketCatalog
from publisher.server.store.bucket.changes import BucketChanges
from publisher.server.store.owned_names import StateLog


def bucket_parts(
    settings: ServerSettings, storage: Storage, state: StateLog | None
) -> tuple[BucketCatalog, BucketChanges, BucketFileRoutes]:
    """Return the catalog of the packages, their changes, and their files as answers."""
    assert isinstance(storage, BucketStorage), "the settings name a bucket"  # noqa: S101 - for the type checker
    catalog = BucketCatalog(settings, storage, state)
    return catalog, BucketChanges(settings, catalog, storage), BucketFileRoutes(settings, catalog, storage)
