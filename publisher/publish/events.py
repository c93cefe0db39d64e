"""Events of building and publishing, for display."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publisher.client.url import IndexUrl
    from publisher.project.distributions import Distribution
    from publisher.secret import Credentials


class Observer:
    """
    Receiver of every event of a run; this one ignores them, subclasses override the events that they show.

    Several projects may be built and several files uploaded at the same time, but calls come one at a time.
    """

    def building(self, project: Path) -> None:
        """Handle the start of a project's build."""

    def output(self, project: Path, text: bytes) -> None:
        """Handle output of a project's backend; all of it comes right before `built` when several are built at once."""

    def built(self, project: Path, files: Sequence[Path]) -> None:
        """Handle the end of a project's build."""

    def checked(self, distributions: "Sequence[Distribution]", warnings: Sequence[str]) -> None:
        """Handle files that passed every check, perhaps with warnings."""

    def connected(self, url: "IndexUrl", credentials: "Credentials") -> None:
        """Handle the credentials that were found, once the index has answered."""

    def sending(self, filename: str, size: int) -> Callable[[int], None]:  # noqa: ARG002 - for subclasses
        """Handle the start of an upload, and return a function that is called with the number of bytes sent so far."""
        return lambda _sent: None

    def attempting(self, filename: str) -> AbstractContextManager[None]:  # noqa: ARG002 - for subclasses
        """Return a context around one attempt to upload a file, from its first byte to the index's answer."""
        return nullcontext()

    def sent(self, filename: str) -> None:
        """Handle the end of an upload: the index has stored the file."""

    def retrying(self, filename: str, reason: str, pause: float) -> None:
        """Handle an upload that is repeated after ``pause`` seconds."""

    def warned(self, message: str) -> None:
        """Handle a problem that does not stop the run."""

    def close(self) -> None:
        """Handle the end of the run, whether it succeeded or failed."""


class SerializedObserver(Observer):
    """Forward the events of several threads to another observer, one call at a time."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._lock = threading.RLock()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Keep the events of other threads out from between those of this one."""
        with self._lock:
            yield

    def building(self, project: Path) -> None:
        """Forward the event."""
        with self._lock:
            self._observer.building(project)

    def output(self, project: Path, text: bytes) -> None:
        """Forward the event."""
        with self._lock:
            self._observer.output(project, text)

    def built(self, project: Path, files: Sequence[Path]) -> None:
        """Forward the event."""
        with self._lock:
            self._observer.built(project, files)

    def checked(self, distributions: "Sequence[Distribution]", warnings: Sequence[str]) -> None:
        """Forward the event."""
        with self._lock:
            self._observer.checked(distributions, warnings)

    def connected(self, url: "IndexUrl", credentials: "Credentials") -> None:
        """Forward the event."""
        with self._lock:
            self._observer.connected(url, credentials)

    def sending(self, filename: str, size: int) -> Callable[[int], None]:
        """Forward the event, and later the progress of the upload."""
        with self._lock:
            report_progress = self._observer.sending(filename, size)

        def report_serialized(sent: int) -> None:
            with self._lock:
                report_progress(sent)

        return report_serialized

    def attempting(self, filename: str) -> AbstractContextManager[None]:
        """Forward the event."""
        with self._lock:
            return self._observer.attempting(filename)

    def sent(self, filename: str) -> None:
        """Forward the event."""
        with self._lock:
            self._observer.sent(filename)

    def retrying(self, filename: str, reason: str, pause: float) -> None:
        """Forward the event."""
        with self._lock:
            self._observer.retrying(filename, reason, pause)

    def warned(self, message: str) -> None:
        """Forward the event."""
        with self._lock:
            self._observer.warned(message)
