"""What happens while a deed is done, told to whoever wants to show it."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publisher.client.url import IndexUrl
    from publisher.project.distributions import Distribution
    from publisher.secret import Credentials


class Observer:
    """
    Is told of every step of building and publishing; this one shows nothing, others override what they show.

    Several projects may be built, and several files sent, at the same time; the calls come one at a time.
    """

    def building(self, project: Path) -> None:
        """A project's build begins."""

    def output(self, project: Path, text: bytes) -> None:
        """A project's backend printed something; it comes in whole, before `built`, when several are built at once."""

    def built(self, project: Path, files: Sequence[Path]) -> None:
        """A project's files are complete."""

    def checked(self, distributions: "Sequence[Distribution]", warnings: Sequence[str]) -> None:
        """Every check of the files passed; the warnings stop nothing."""

    def connected(self, url: "IndexUrl", credentials: "Credentials") -> None:
        """Credentials were found, and the index told what it has."""

    def sending(self, filename: str, size: int) -> Callable[[int], None]:  # noqa: ARG002 - for those who override it
        """A file of that many bytes begins to go up; the function that is returned is told how many have gone."""
        return lambda _sent: None

    def sent(self, filename: str) -> None:
        """The index has stored a file."""

    def retrying(self, filename: str, reason: str, pause: float) -> None:
        """A file will be sent again, after a pause in seconds, for a reason."""

    def close(self) -> None:
        """Nothing more comes, because all is done or because it failed."""


class OneAtATime(Observer):
    """Hands on to an observer what several threads tell, one call at a time."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._lock = threading.RLock()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Keep the calls of other threads from coming between those made meanwhile."""
        with self._lock:
            yield

    def building(self, project: Path) -> None:
        """Hand it on."""
        with self._lock:
            self._observer.building(project)

    def output(self, project: Path, text: bytes) -> None:
        """Hand it on."""
        with self._lock:
            self._observer.output(project, text)

    def built(self, project: Path, files: Sequence[Path]) -> None:
        """Hand it on."""
        with self._lock:
            self._observer.built(project, files)

    def checked(self, distributions: "Sequence[Distribution]", warnings: Sequence[str]) -> None:
        """Hand it on."""
        with self._lock:
            self._observer.checked(distributions, warnings)

    def connected(self, url: "IndexUrl", credentials: "Credentials") -> None:
        """Hand it on."""
        with self._lock:
            self._observer.connected(url, credentials)

    def sending(self, filename: str, size: int) -> Callable[[int], None]:
        """Hand it on, and what is told about the bytes later."""
        with self._lock:
            tell = self._observer.sending(filename, size)

        def tell_alone(sent: int) -> None:
            with self._lock:
                tell(sent)

        return tell_alone

    def sent(self, filename: str) -> None:
        """Hand it on."""
        with self._lock:
            self._observer.sent(filename)

    def retrying(self, filename: str, reason: str, pause: float) -> None:
        """Hand it on."""
        with self._lock:
            self._observer.retrying(filename, reason, pause)

    def close(self) -> None:
        """Hand it on."""
        with self._lock:
            self._observer.close()
