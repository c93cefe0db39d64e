"""What happens while a deed is done, told to whoever wants to show it."""

from collections.abc import Callable, Sequence
from pathlib import Path

from publisher.credentials import Credentials
from publisher.dists import Distribution
from publisher.urls import IndexUrl


class Observer:
    """Is told of every step of building and publishing; this one shows nothing, others override what they show."""

    def building(self, project: Path) -> None:
        """A project's build begins."""

    def built(self, files: Sequence[Path]) -> None:
        """A project's files are complete."""

    def checked(self, distributions: Sequence[Distribution], warnings: Sequence[str]) -> None:
        """Every check of the files passed; the warnings stop nothing."""

    def connected(self, index: IndexUrl, credentials: Credentials) -> None:
        """Credentials were found, and the index is asked what it has."""

    def sending(self, filename: str, size: int) -> Callable[[int], None]:  # noqa: ARG002 - for those who override it
        """A file of that many bytes begins to go up; the function that is returned is told how many have gone."""
        return lambda _sent: None

    def sent(self, filename: str) -> None:
        """The index has stored a file."""

    def retrying(self, filename: str, reason: str, pause: float) -> None:
        """A file will be sent again, after a pause in seconds, for a reason."""

    def close(self) -> None:
        """Nothing more comes, because all is done or because it failed."""
