"""What may differ from one publishing run to another."""

from dataclasses import dataclass

from publisher.credentials.chain import Target
from publisher.project.tags import Tag

DEFAULT_CONNECTIONS = 6
"""Files that go up at the same time: enough to cover the wait for each answer, few enough for any index."""


@dataclass(frozen=True)
class PublishOptions:
    """
    Where, as whom, and on which conditions to publish.

    ``skip_existing`` leaves a file of the same name alone whatever its contents; ``dry_run`` does all but the sending;
    ``locate`` asks the index in the end where it serves the files; ``connections`` is how many files go up at the same
    time.
    """

    target: Target
    tag: Tag | None = None
    skip_existing: bool = False
    dry_run: bool = False
    locate: bool = False
    connections: int = DEFAULT_CONNECTIONS
