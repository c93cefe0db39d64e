"""Changes of projects as the processes of one index tell them to each other, so that none has to read the folder."""

import json
from dataclasses import asdict, dataclass

from publisher.server.store.metadata import FileMetadata
from publisher.server.store.scan import LeftTimes

LOOK_AT_EVERYTHING = b"*"
"""The message that a process has died, in the middle of a change perhaps."""

Place = tuple[str, str]
"""The directory and the name of a file."""


@dataclass(frozen=True)
class ProjectChange:
    """
    A change of a project: a file that was uploaded, with its metadata, or files that are gone, or its state alone.

    ``state`` is true if yanks or maintainers changed. ``left`` are the times of directories, which come alone.
    """

    project: str = ""
    uploaded: Place | None = None
    metadata: FileMetadata | None = None
    gone: tuple[Place, ...] = ()
    state: bool = False
    left: tuple[LeftTimes, ...] = ()

    def to_message(self) -> bytes:
        """Return the message about it."""
        return json.dumps(asdict(self)).encode()


def read_change(message: bytes) -> ProjectChange:
    """Return the change in a message."""
    found = json.loads(message)
    metadata = FileMetadata(**found["metadata"]) if found["metadata"] is not None else None
    return ProjectChange(
        found["project"],
        (found["uploaded"][0], found["uploaded"][1]) if found["uploaded"] is not None else None,
        metadata,
        tuple((directory, filename) for directory, filename in found["gone"]),
        found["state"],
        tuple((directory, before, after) for directory, before, after in found["left"]),
    )
