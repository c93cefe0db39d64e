"""What this machine published last from each project's folder, by the contents that git knows of it."""

import hashlib
import json
from collections.abc import Collection
from dataclasses import asdict, dataclass

from publisher.client.url import IndexUrl
from publisher.files.cache import open_cache
from publisher.project.distributions import Kind
from publisher.project.git import tree_of
from publisher.project.pyproject import Source

_LIMIT = 1_000
"""Folders that are remembered."""


@dataclass(frozen=True)
class Trace:
    """A version of a project, what it was built from (a tree of git), and where it went."""

    index: str
    version: str
    kinds: list[str]
    tree: str


def make_trace(source: Source, url: IndexUrl, kinds: Collection[Kind]) -> Trace | None:
    """Return what is to be remembered when a project was published; None where git or pyproject.toml can't tell."""
    if source.version is None or (tree := tree_of(source.folder)) is None:
        return None
    return Trace(url.root, str(source.version), sorted(kinds), tree)


def leave_trace(source: Source, trace: Trace) -> None:
    """Remember what was published from a folder."""
    cache = open_cache("published", _LIMIT)
    cache.write(_name(source), json.dumps(asdict(trace)).encode())
    cache.trim()


def is_traced(source: Source, url: IndexUrl, kinds: Collection[Kind]) -> bool:
    """Tell whether exactly what a folder holds now was published to an index from here, and nothing after it."""
    content = open_cache("published", _LIMIT).read(_name(source))
    if content is None:
        return False  # the usual case costs no call of git
    trace = make_trace(source, url, kinds)
    return trace is not None and content == json.dumps(asdict(trace)).encode()


def _name(source: Source) -> str:
    return hashlib.sha256(str(source.folder.resolve()).encode()).hexdigest()
