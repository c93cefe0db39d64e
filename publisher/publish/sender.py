"""Sending one file to an index with the legacy upload form, until the index has answered."""

import random
import threading
from collections.abc import Callable, Sequence

from publisher.client.answers import expect_stored, retry_after
from publisher.client.client import IndexClient
from publisher.client.response import WORTH_ANOTHER_TRY, IndexResponse
from publisher.client.upload_form import UploadForm
from publisher.errors import IndexUnavailableError, StoppedError
from publisher.publish.events import Observer
from publisher.publish.plan import Upload

PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each further attempt; a little chance is added, so that many publishers don't come back together."""

PAUSES_TOGETHER = 120.0
"""Seconds that one file waits between its attempts, all in all: a Retry-After that asks for more ends the attempts."""


class FileSender:
    """Sends files over the connections of one index; several threads may use it."""

    def __init__(self, index: IndexClient, observer: Observer, pauses: Sequence[float] = PAUSES) -> None:
        self.index = index
        self.unanswered: list[str] = []
        """Files that were sent in whole when the person interrupted, without an answer."""
        self._observer = observer
        self._pauses = pauses
        self._is_stopped = threading.Event()

    def stop(self) -> None:
        """Let every file that is going up fail with StoppedError, unless the index has it in whole already."""
        self._is_stopped.set()

    def abort(self) -> None:
        """End the uploads that wait for the index, by breaking their connections."""
        self.index.abort()

    def send(self, upload: Upload) -> bool:
        """
        Send a file, again after a growing pause while the index can't be reached or fails.

        Return whether the answer proves that it is stored; False where something else may have answered.

        Raises ConflictError when the index has the name with other contents, CredentialsError on 401 and 403,
        CheckFailedError when the index refuses the file, IndexUnavailableError when no attempt succeeded.
        """
        filename = upload.distribution.filename
        on_bytes = self._observer.sending(filename, upload.size)

        def on_sent(count: int) -> None:
            self._expect_not_stopped()
            on_bytes(count)

        response = self._answer(upload, on_sent)
        is_proven = expect_stored(response, filename, upload.sha256, self.index.url, self.index.credentials)
        if is_proven:
            self._observer.sent(filename)
        return is_proven

    def accept(self, upload: Upload, warning: str | None = None) -> None:
        """Count a file as stored, with a warning where that could not be proven."""
        if warning:
            self._observer.warned(warning)
        self._observer.sent(upload.distribution.filename)

    def _answer(self, upload: Upload, on_sent: Callable[[int], None]) -> IndexResponse:
        """Return the index's answer to a file, the first that is worth no other attempt, else the last."""
        left = PAUSES_TOGETHER
        for pause in self._pauses:
            try:
                response = self._attempt(upload, on_sent)
            except IndexUnavailableError as error:
                reason, wanted = error.message, pause
            else:
                reason, wanted = f"the index answered {response.status_code}", retry_after(response) or pause
                if response.status_code not in WORTH_ANOTHER_TRY or wanted > left:
                    return response
            left -= wanted
            self._wait(upload, reason, wanted)
        return self._attempt(upload, on_sent)

    def _attempt(self, upload: Upload, on_sent: Callable[[int], None]) -> IndexResponse:
        self._expect_not_stopped()
        form = UploadForm(upload.distribution, on_sent)
        with self._observer.attempting(upload.distribution.filename):
            try:
                response = self.index.post(form, form.content_type)
            except IndexUnavailableError:
                if self._is_stopped.is_set() and form.sha256:
                    self.unanswered.append(upload.distribution.filename)
                raise
        if form.sha256:
            upload.set_sent_sha256(form.sha256)
        return response

    def _wait(self, upload: Upload, reason: str, pause: float) -> None:
        self._expect_not_stopped()  # a connection that we broke ourselves is no reason to try again
        pause *= random.uniform(1.0, 1.25)  # noqa: S311 - nothing secret
        self._observer.retrying(upload.distribution.filename, reason, pause)
        self._is_stopped.wait(pause)

    def _expect_not_stopped(self) -> None:
        if self._is_stopped.is_set():
            raise StoppedError("The upload was stopped.")
