"""The objects of a bucket below one prefix, and their failures as ours: the only door to obstore."""

import logging
import re
import time
import uuid
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import obstore  # noqa: TID251 - the only door to obstore
from obstore.exceptions import (  # noqa: TID251
    AlreadyExistsError,
    BaseError,
    NotModifiedError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import GCSStore, from_url  # noqa: TID251

from publisher.errors import ConfigurationError
from publisher.server.storage.base import Stat
from publisher.server.storage.errors import (
    AbsentError,
    ChangedError,
    ExistsError,
    StorageUnavailableError,
    StorageWriteError,
)

if TYPE_CHECKING:
    from obstore import ObjectMeta, PutMode, WritableFile  # noqa: TID251
    from obstore.store import ObjectStore  # noqa: TID251

PART = 8 * 2**20
"""Bytes of one part of a large upload."""

_PARALLEL_PARTS = 4
_STREAMED_PARTS = 2
"""Parts on their way at a time of a file that is still coming in: it seldom comes faster than they go."""

_RETRIES: Any = {
    "max_retries": 5,
    "retry_timeout": timedelta(seconds=15),
    "backoff": {"init_backoff": timedelta(milliseconds=200), "max_backoff": timedelta(seconds=3), "base": 2},
}
_WRITER = "writer"
"""The name of the metadata by which a writer recognizes its own object, when the answer to it was lost."""


_log = logging.getLogger(__name__)


class Object(NamedTuple):
    """The contents of an object and its metadata."""

    data: bytes
    stat: Stat


class Objects:
    """
    The objects below a prefix, by their keys; every method blocks, except the one that streams.

    AbsentError means that the store has no such object now. The store says so, too, when the whole bucket is gone:
    callers must check the index's identifier before they trust it.
    """

    def __init__(self, store: "ObjectStore", folder: str = "") -> None:
        self._store = store
        self._has_generations = isinstance(store, GCSStore)
        self._folder = f"{folder.strip('/')}/" if folder.strip("/") else ""

    def below(self, folder: str) -> "Objects":
        """Return the objects below a folder of these."""
        return Objects(self._store, f"{self._folder}{folder}")

    def read(self, key: str, unless: str | None = None) -> Object | None:
        """Return an object; None when it still has the version ``unless``."""
        options: Any = {"if_none_match": e_tag_of(unless)} if unless is not None else {}
        with _reading():
            try:
                found = obstore.get(self._store, self._path(key), options=options)
                return Object(bytes(found.bytes()), self._stat(found.meta))
            except NotModifiedError:
                return None

    def read_range(self, key: str, start: int, size: int | None) -> bytes:
        """Return ``size`` bytes of an object from ``start``, or fewer at its end."""
        wanted: Any = {"offset": start} if size is None else (start, start + size)
        with _reading():
            length = obstore.head(self._store, self._path(key))["size"]
            if start >= length or size == 0:
                return b""
            return bytes(obstore.get(self._store, self._path(key), options={"range": wanted}).bytes())

    def stat(self, key: str) -> Stat:
        """Return size, time and version of an object."""
        with _reading():
            return self._stat(obstore.head(self._store, self._path(key)))

    def names(self, folder: str) -> tuple[list[str], list[str]]:
        """Return the names of the folders and of the objects directly below a folder."""
        with _reading():
            found = obstore.list_with_delimiter(self._store, self._path(folder).rstrip("/") or None)
        folders = [path.rstrip("/").rpartition("/")[2] for path in found["common_prefixes"]]
        return folders, [meta["path"].rpartition("/")[2] for meta in found["objects"]]

    def walk(self, folder: str, after: str | None = None) -> Iterator[tuple[str, Stat]]:
        """Yield the key of every object below a folder, however deep, in the store's order."""
        offset = self._path(after) if after is not None else None
        with _reading():
            for batch in obstore.list(self._store, self._path(folder) or None, offset=offset):
                for meta in batch:
                    yield meta["path"][len(self._folder) :], self._stat(meta)

    def create(self, key: str, data: bytes) -> Stat:
        """Create an object that is absent; raise ExistsError to all callers but one."""
        try:
            return self._write(key, data, "create")
        except ChangedError:
            raise ExistsError from None

    def replace(self, key: str, data: bytes, version: str) -> Stat:
        """Replace an object that still has a version; raise ChangedError otherwise."""
        return self._write(key, data, _condition(version))

    def overwrite(self, key: str, data: bytes) -> None:
        """Write an object that only this writer writes."""
        with _writing():
            obstore.put(self._store, self._path(key), data)

    def upload(self, key: str, content: bytes | Path, attributes: Mapping[str, str]) -> None:
        """Store a file under a key that no other writer uses, in parts where it is large."""
        with _writing():
            size = len(content) if isinstance(content, bytes) else content.stat().st_size
            obstore.put(
                self._store,
                self._path(key),
                content,
                attributes=cast("Any", dict(attributes)),
                use_multipart=size > PART,
                chunk_size=PART,
                max_concurrency=_PARALLEL_PARTS,
            )

    def open_parts(self, key: str, attributes: Mapping[str, str]) -> "PartWriter":
        """Begin a large object under a key that no other writer uses; it exists once it is complete."""
        return PartWriter(
            obstore.open_writer(
                self._store,
                self._path(key),
                attributes=cast("Any", dict(attributes)),
                buffer_size=PART,
                max_concurrency=_STREAMED_PARTS,
            )
        )

    def download(self, key: str, path: Path) -> None:
        """Write an object to a new file of this machine, a part at a time."""
        with _reading(), path.open("xb") as file:
            for piece in obstore.get(self._store, self._path(key)).stream(min_chunk_size=PART):
                file.write(piece)

    def remove(self, key: str) -> None:
        """Remove an object, if there is one."""
        with _writing():
            try:
                obstore.delete(self._store, self._path(key))
            except FileNotFoundError:
                return

    def sign(self, key: str, seconds: float) -> str:
        """Return a URL that anybody may fetch an object from for so long."""
        with _reading():
            return str(obstore.sign(cast("Any", self._store), "GET", self._path(key), timedelta(seconds=seconds)))

    async def stream(self, key: str, start: int, end: int, piece: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of an object from ``start`` to ``end``, about ``piece`` of them at a time."""
        with _reading():
            found = await obstore.get_async(self._store, self._path(key), options={"range": (start, end)})
            async for part in found.stream(min_chunk_size=piece):
                yield bytes(part)

    def _write(self, key: str, data: bytes, mode: "PutMode") -> Stat:
        """Write an object on a condition; look whose it is where the answer does not say."""
        token = uuid.uuid4().hex
        path = self._path(key)
        try:
            with _writing():
                result = obstore.put(self._store, path, data, mode=mode, attributes=cast("Any", {_WRITER: token}))
        except (ExistsError, ChangedError) as error:  # maybe by our own request, sent again after its answer was lost
            found = self._own(key, token)
            if found is None:
                raise ChangedError from error
            return found
        except StorageUnavailableError:
            found = self._own(key, token)
            if found is None:
                raise
            return found
        return Stat(len(data), time.time_ns(), self._version(result["e_tag"], result["version"]))

    def _own(self, key: str, token: str) -> Stat | None:
        """Return an object that a token's writer has written, None for another's."""
        with _reading():
            try:
                found = obstore.get(self._store, self._path(key), options={"head": True})
            except FileNotFoundError:
                return None
            return self._stat(found.meta) if dict(found.attributes).get(_WRITER) == token else None

    def _path(self, key: str) -> str:
        return f"{self._folder}{key}"

    def _stat(self, meta: "ObjectMeta") -> Stat:
        modified = int(meta["last_modified"].timestamp() * 1e9)
        return Stat(meta["size"], modified, self._version(meta["e_tag"], meta["version"]))

    def _version(self, e_tag: str | None, generation: str | None) -> str:
        """Return the text by which a writer names the version it has read; Google's store wants its generation too."""
        return f"{e_tag} {generation}" if self._has_generations and generation else str(e_tag)


class PartWriter:
    """A large object whose parts are sent as its bytes are written; every method raises StorageUnavailableError."""

    def __init__(self, file: "WritableFile") -> None:
        self._file = file

    def write(self, data: bytes) -> None:
        """Take the next bytes; wait while too many parts are on their way."""
        with _sending():
            self._file.write(data)

    def complete(self) -> None:
        """Make an object of all parts; it may exist even when this fails."""
        with _sending():
            self._file.close()

    def abort(self) -> None:
        """Have the store remove the parts."""
        with _sending(), suppress(_AbortedError), self._file:
            raise _AbortedError


class _AbortedError(Exception):
    """Ends a writer without an object: it has no method for that."""


def open_bucket(url: str) -> Objects:
    """
    Return the objects at ``s3://BUCKET/PREFIX`` (or ``gs://``, ``az://``); credentials come from the environment.

    Raises ConfigurationError for a URL, or variables, that obstore does not accept.
    """
    try:
        return Objects(from_url(url, retry_config=_RETRIES))
    except (BaseError, ValueError, TypeError) as error:
        raise ConfigurationError(
            f"The bucket {url} can't be opened: {str(error).splitlines()[0]}",
            hint="Endpoint, region and credentials come from the variables AWS_*, GOOGLE_* or AZURE_*.",
        ) from error


def e_tag_of(version: str) -> str:
    """Return the ETag in a version, the only part of it that a listing has."""
    return version.partition(" ")[0]


def _condition(version: str) -> "PutMode":
    e_tag, _, generation = version.partition(" ")
    return {"e_tag": e_tag, "version": generation} if generation else {"e_tag": e_tag}


@contextmanager
def _reading() -> Iterator[None]:
    """Distinguish an absent object from one whose state could not be found out."""
    try:
        yield
    except FileNotFoundError as error:
        raise AbsentError(str(error).splitlines()[0]) from error
    except BaseError as error:
        _log.warning("the bucket can't be read: %s", _reason(error))
        raise StorageUnavailableError from error


@contextmanager
def _writing() -> Iterator[None]:
    """Distinguish a refusal, after which nothing was written, from an unknown outcome."""
    try:
        yield
    except AlreadyExistsError as error:
        raise ExistsError from error
    except (PreconditionError, FileNotFoundError) as error:  # replacing an absent object, or in an absent bucket
        raise ChangedError from error
    except (PermissionDeniedError, UnauthenticatedError) as error:
        _log.error("the bucket refuses writes: %s", _reason(error))
        raise StorageWriteError(
            "The index is not allowed to write to its bucket; nothing was stored. Ask its administrator to allow it."
        ) from error
    except BaseError as error:
        _log.warning("the bucket can't be written: %s", _reason(error))
        raise StorageUnavailableError(
            "The bucket did not answer; the change may or may not have been made. Send it again."
        ) from error


@contextmanager
def _sending() -> Iterator[None]:
    """Report that parts can't be stored, for which obstore's writer has an error of the system's, too."""
    try:
        yield
    except (BaseError, OSError) as error:
        _log.warning("the parts of an upload can't be stored: %s", _reason(error))
        raise StorageUnavailableError from error


def _reason(error: BaseException) -> str:
    """Return the first line of a failure, with the store's own code where it sent one."""
    text = str(error)
    code = re.search(r"<Code>(\w+)</Code>", text)
    return f"{code[1]}: {text.splitlines()[0]}" if code else text.splitlines()[0]
