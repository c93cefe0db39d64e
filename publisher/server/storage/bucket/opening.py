"""Opening the index in a bucket: its packages, and the data of its accounts."""

from publisher.server.storage.bucket.identity import open_identity
from publisher.server.storage.bucket.objects import open_bucket
from publisher.server.storage.bucket.storage import BucketStorage

CREDENTIALS = "accounts"
"""The folder of accounts, tokens, roles and the audit trail."""


def open_storages_in(url: str) -> tuple[BucketStorage, BucketStorage]:
    """
    Return the storages of the packages and of the accounts in the bucket at a URL.

    Raises IndexUnavailableError where there is no index, or the bucket can't be read, and ConfigurationError for a URL
    or variables that can't be used.
    """
    objects = open_bucket(url)
    identity = open_identity(objects, url)
    return BucketStorage(objects, identity), BucketStorage(objects, identity, CREDENTIALS)
