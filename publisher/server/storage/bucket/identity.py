"""The identifier of an index in its bucket: without it nothing there is believed, not even that something is absent."""

import json
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from publisher.errors import ConfigurationError, IndexUnavailableError
from publisher.server.storage.bucket.objects import Objects
from publisher.server.storage.errors import (
    AbsentError,
    ChangedError,
    ExistsError,
    StorageError,
    StorageUnavailableError,
)
from publisher.server.storage.json_text import parse_json

KEY = "index.json"

UNFINISHED = "copying.json"
"""In the place of that, the identifier of an index that is being copied to the bucket."""

FRESH = 2.0
"""Seconds that a look counts for present files; absent files need a new one."""


class BucketIdentity:
    """The identifier that a bucket was opened with; all threads of a process share the looks at it."""

    def __init__(self, objects: Objects, identifier: str, key: str = KEY) -> None:
        self.identifier = identifier
        self._key = key
        self._objects = objects
        self._looking = threading.Lock()
        self._seen = float("-inf")

    def is_recent(self) -> bool:
        """Return without waiting whether the identifier was there a moment ago."""
        return time.monotonic() - self._seen < FRESH

    def require(self, since: float | None = None) -> None:
        """
        Return when the identifier was there a moment ago, or after the monotonic time ``since``.

        Raises StorageUnavailableError when it is not there, or can't be read.
        """
        if self._is_known(since):
            return
        with self._looking:
            if self._is_known(since):
                return
            began = time.monotonic()
            try:
                found = read_identifier(self._objects, self._key)
            except AbsentError:
                found = None
            if found != self.identifier:
                self._seen = float("-inf")
                raise StorageUnavailableError(
                    "The index's identifier is not in its bucket. Ask the index's administrator to check the bucket."
                )
            self._seen = began

    def _is_known(self, since: float | None) -> bool:
        return self.is_recent() if since is None else self._seen > since


def read_identifier(objects: Objects, key: str = KEY) -> str:
    """Return the identifier of the index in a bucket; raise AbsentError where there is none."""
    found = objects.read(key)
    try:
        return str(parse_json(found.data if found is not None else b"")["id"])
    except (ValueError, TypeError, KeyError) as error:
        raise StorageUnavailableError(f"{key} in the bucket can't be understood.") from error


def open_identity(objects: Objects, url: str) -> BucketIdentity:
    """Return the identity of the index at a URL; raise IndexUnavailableError where there is none."""
    try:
        identity = BucketIdentity(objects, read_identifier(objects))
    except AbsentError as error:
        raise IndexUnavailableError(
            f"No index found at {url}.", hint=f"Create one: pypi-publish storage create {url}"
        ) from error
    except StorageError as error:
        raise IndexUnavailableError(f"The bucket {url} can't be read: {_reason(error)}") from error
    return identity


def create_identity(objects: Objects, url: str) -> str:
    """
    Make a new index at a URL and return its identifier.

    Raises ConfigurationError where there is one already, or anything else, IndexUnavailableError when it can't be made.
    """
    identifier = uuid.uuid4().hex
    with _as_failures(url):
        _require_empty(objects, url)
        objects.create(KEY, _identity(identifier))
    return identifier


def begin_identity(objects: Objects, url: str) -> BucketIdentity:
    """
    Return the identity of an index that is copied to a URL, begun now or by an earlier attempt.

    Raises as `create_identity` does. An attempt that ended in `finish_identity` was complete, and may be served.
    """
    with _as_failures(url):
        try:
            identifier = read_identifier(objects, UNFINISHED)
        except AbsentError:
            identifier = uuid.uuid4().hex
            _require_empty(objects, url)
            objects.create(UNFINISHED, _identity(identifier))
        if _has_index(objects):
            objects.remove(UNFINISHED)
            raise ConfigurationError(f"There is an index at {url} already.")
    return BucketIdentity(objects, identifier, UNFINISHED)


def finish_identity(objects: Objects, identity: BucketIdentity) -> None:
    """Make an index of the copies; raise StorageError when that fails."""
    with suppress(ExistsError):
        objects.create(KEY, _identity(identity.identifier))
    objects.remove(UNFINISHED)


def _require_empty(objects: Objects, url: str) -> None:
    found = next(objects.walk(""), None)
    if found is None:
        return
    if _has_index(objects):
        raise ConfigurationError(f"There is an index at {url} already.")
    raise ConfigurationError(f"{url} is not empty.", hint="Choose a prefix without objects below it.")


def _has_index(objects: Objects) -> bool:
    try:
        read_identifier(objects)
    except AbsentError:
        return False
    return True


def _identity(identifier: str) -> bytes:
    return json.dumps({"v": 1, "id": identifier, "created": int(time.time())}).encode()


@contextmanager
def _as_failures(url: str) -> Iterator[None]:
    try:
        yield
    except (ExistsError, ChangedError) as error:
        raise ConfigurationError(f"There is an index at {url} already, or the bucket is gone.") from error
    except (AbsentError, StorageError) as error:
        raise IndexUnavailableError(f"The bucket {url} can't be used: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    """Return the store's own words where there are some."""
    return str(error.__cause__ or error).splitlines()[0]
