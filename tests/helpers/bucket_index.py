"""Indexes in a bucket: made, with an account, and served by processes of their own."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from passlib.apache import HtpasswdFile

from publisher.server.storage.bucket.identity import create_identity
from publisher.server.storage.bucket.objects import Objects, open_bucket
from publisher.server.storage.bucket.opening import CREDENTIALS
from tests.helpers.index import RunningIndex
from tests.helpers.object_store import STORE


def new_index(username: str, password: str) -> tuple[str, Objects]:
    """Make an index with one account, and return its URL and its objects."""
    url = f"{STORE}/{uuid.uuid4().hex}"
    objects = open_bucket(url)
    create_identity(objects, url)
    users = HtpasswdFile(default_scheme="apr_md5_crypt")  # which costs little
    users.set_password(username, password)
    objects.create(f"{CREDENTIALS}/.htpasswd", users.to_string())
    return url, objects


@contextmanager
def serving_bucket(folder: Path, url: str, *options: str) -> Iterator[RunningIndex]:
    """Serve an index in a bucket by a process of its own."""
    index = RunningIndex.start(folder, "--storage", url, *options)
    try:
        yield index
    finally:
        if index.process.poll() is None:
            index.kill()
