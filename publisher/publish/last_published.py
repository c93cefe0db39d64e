"""Records of the contents that this machine last published from each project folder."""

import hashlib
import json
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from publisher.files.cache import open_cache
from publisher.project.git import begin_tree_hash, tree_hash
from publisher.project.kinds import Kind
from publisher.project.pyproject import Source, declared_version

if TYPE_CHECKING:
    from publisher.client.url import IndexUrl

_LIMIT = 1_000
"""Number of folders that are remembered."""


@dataclass(frozen=True)
class PublishRecord:
    """A published version: its index, its kinds of files, and the git tree that they were built from."""

    index: str
    version: str
    kinds: list[str]
    tree: str


def describe(source: Source, url: "IndexUrl", kinds: Collection[Kind]) -> PublishRecord | None:
    """Return the record of a project as it is now; None when its version or its git tree is unknown."""
    if source.version is None or (tree := tree_hash(source.folder)) is None:
        return None
    return PublishRecord(url.root, str(source.version), sorted(kinds), tree)


def record(source: Source, published: PublishRecord) -> None:
    """Remember a publication as the last one of its folder."""
    cache = open_cache("published", _LIMIT)
    cache.write(_name(source.folder), _serialize(published))
    cache.trim()


def begin_comparison(source: Source, url: "IndexUrl", kinds: Collection[Kind]) -> Callable[[], bool] | None:
    """
    Start to compare a project with the last publication from its folder; None when it is known to differ.

    The returned function has to be called: it waits for git, and returns whether the contents are exactly the same.
    """
    known = _read(source.folder)
    if known is None or (known.index, known.version, known.kinds) != (url.root, str(source.version), sorted(kinds)):
        return None  # nothing to compare, so git need not run
    finish = begin_tree_hash(source.folder)
    return lambda: finish() == known.tree


def is_new(folder: Path) -> bool:
    """Return whether a project's version is not the last one that was published from its folder, at a first look."""
    known = _read(folder)
    return known is None or known.version != declared_version(folder)


def _read(folder: Path) -> PublishRecord | None:
    content = open_cache("published", _LIMIT).read(_name(folder))
    try:
        return PublishRecord(**json.loads(content)) if content is not None else None
    except (ValueError, TypeError):  # truncated, or of another version of this program
        return None


def _serialize(published: PublishRecord) -> bytes:
    return json.dumps(asdict(published)).encode()


def _name(folder: Path) -> str:
    return hashlib.sha256(str(folder.resolve()).encode()).hexdigest()
