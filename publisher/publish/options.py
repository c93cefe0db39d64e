"""Options of one publishing run."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from publisher.credentials.chain import Target
from publisher.project.kinds import Kind
from publisher.project.tags import Tag

if TYPE_CHECKING:
    from publisher.building.builder import Builder, BuildOptions

DEFAULT_CONNECTIONS = 6
"""Concurrent uploads: enough to cover the wait for each answer, few enough for any index."""


class PublishOptions(NamedTuple):
    """
    Destination and conditions of a run.

    ``skip_existing`` skips files whose names are on the index, even if contents differ; ``dry_run`` does everything
    except upload; ``locate`` asks the index for the URLs of the files at the end; ``connections`` is the number of
    concurrent uploads; ``allow_dirty`` releases a tag although tracked files have uncommitted changes.
    """

    target: Target
    tag: Tag | None = None
    skip_existing: bool = False
    dry_run: bool = False
    locate: bool = False
    connections: int = DEFAULT_CONNECTIONS
    allow_dirty: bool = False


class BuildRequest(NamedTuple):
    """
    Kinds of files to build, and the folder for them, None for each project's own.

    ``resolve`` returns how to build, and is called only if something has to be built. ``begun`` is a builder that was
    opened with these options, and may have started already.
    """

    kinds: frozenset[Kind]
    out_dir: Path | None
    resolve: Callable[[], "BuildOptions"]
    begun: "Builder | None" = None
