"""Sdists on their way to an index while their wheels are built: all but the end that publishes them."""

import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING

from publisher.errors import PublishError, StoppedError
from publisher.publish.events import Observer

if TYPE_CHECKING:
    from publisher.client.http import Response
    from publisher.project.distributions import Distribution
    from publisher.publish.prefetch import Ahead

AT_THE_SAME_TIME = 4
"""Sdists of one run that go early at the most, so that it does not fill an index's places."""

PATIENCE = 45.0
"""Seconds for which the end is kept back at the most; proxies commonly end a request that is silent for 60."""

SHARE = 0.75
"""What part of the time for which an index waits is used."""

_OPEN_FILES_CAN_BE_REMOVED = sys.platform != "win32"
"""A build removes its temporary sdist when it has ended, also one that is still being sent."""


class Early:
    """
    Uploads that began before it was known that everything is in order.

    Only with an index that says that it forgets a request whose end does not come (`Index.patience`):
    until `finish` nothing is published, and after `close` nothing ever was. What goes wrong before the end costs only
    the time: `finish` then tells that the file is still to be sent. ``spare`` is how many connections the run does not
    need for its wheels. The ``observer``, whom other threads tell things too, is told that a file goes up.
    """

    def __init__(self, ahead: "Ahead", observer: Observer, spare: int) -> None:
        self._ahead = ahead
        self._observer = observer
        self._places = min(AT_THE_SAME_TIME, spare) if _OPEN_FILES_CAN_BE_REMOVED else 0
        self._lock = threading.Lock()
        self._held: dict[str, _Held] = {}

    def begin(self, sdist: "Distribution") -> None:
        """Begin to send an sdist that was checked, in a thread, unless the index has the name or enough are held."""
        with self._lock:
            running = sum(not held.is_over for held in self._held.values())
            if running < self._places and sdist.filename not in self._held:
                self._held[sdist.filename] = _Held(self._ahead, sdist, self._observer)

    def finish(self, filename: str, on_sent: Callable[[int], None]) -> str | None:
        """
        Send what is missing of a file and return its SHA-256 digest in hexadecimal once the index has taken it.

        Returns None when the file is still to be sent, from its first byte. ``on_sent`` is told how many bytes have
        gone, and may raise to stop.
        """
        with self._lock:
            held = self._held.pop(filename, None)
        return held.finish(on_sent) if held else None

    def close(self) -> None:
        """Break off what was not finished, and begin nothing more."""
        with self._lock:
            self._places = 0
            for held in self._held.values():
                held.drop()
            self._held.clear()


class _Held:
    """One upload in a thread of its own, whose end waits for a decision."""

    def __init__(self, ahead: "Ahead", sdist: "Distribution", observer: Observer) -> None:
        self._ahead = ahead
        self._sdist = sdist
        self._observer = observer
        self._patience = 0.0
        self._decided = threading.Event()
        self._dropping = threading.Lock()
        self._is_dropped = False
        self._sent = 0
        self._show: Callable[[int], None] = lambda _: None
        self._on_sent: Callable[[int], None] | None = None
        self._done: Future[tuple[Response, str]] = Future()
        threading.Thread(target=self._run, daemon=True, name="early").start()

    @property
    def is_over(self) -> bool:
        return self._done.done()

    def finish(self, on_sent: Callable[[int], None]) -> str | None:
        self._on_sent = on_sent
        self._decided.set()
        try:
            on_sent(self._sent)
            response, sha256 = self._done.result()
        except (PublishError, OSError):
            return None
        return sha256 if response.ok else None

    def drop(self) -> None:
        with self._dropping:
            self._is_dropped = True
        self._decided.set()

    def _run(self) -> None:
        try:
            self._done.set_result(self._send())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            self._done.set_exception(error)

    def _send(self) -> "tuple[Response, str]":
        index = self._ahead.connect(None)
        if self._sdist.filename in self._ahead.files(self._sdist.name):
            raise StoppedError("The index has the file: it is compared, not sent.")
        if index.patience is None:
            raise StoppedError("The index does not say that it forgets what has no end.")
        self._patience = min(PATIENCE, SHARE * index.patience)
        from publisher.client.upload_form import Form  # noqa: PLC0415 - imported with what connects

        with self._dropping:  # who shows it is told nothing that begins after the end
            self._expect_not_dropped()
            self._show = self._observer.sending(self._sdist.filename, self._sdist.path.stat().st_size)
        form = Form(self._sdist, self._read, self._wait)
        return index.post(form, form.content_type), form.sha256

    def _read(self, sent: int) -> None:
        self._expect_not_dropped()
        self._sent = sent
        (self._on_sent or self._show)(sent)

    def _wait(self) -> None:
        if not self._decided.wait(self._patience):
            raise StoppedError("It took too long until the upload could be finished.")
        self._expect_not_dropped()

    def _expect_not_dropped(self) -> None:
        if self._is_dropped:
            raise StoppedError("The upload was broken off.")
