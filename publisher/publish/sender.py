"""Sending one file to an index with the legacy upload form, until the index has answered."""

import random
import threading
from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus

from publisher.client import http
from publisher.client.client import IndexClient, error_text, expect_success
from publisher.client.upload_form import UploadForm
from publisher.errors import CheckFailedError, ConflictError, IndexUnavailableError, StoppedError
from publisher.publish.events import Observer
from publisher.publish.plan import Upload

PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each further attempt; a little chance is added, so that many publishers don't come back together."""

LONGEST_PAUSE = 60.0
"""Seconds that an index's Retry-After is obeyed for at the most."""

_WORTH_ANOTHER_TRY = {
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}
_REFUSES_THE_FILE = {400, 410, 413, 415, 422}


class FileSender:
    """Sends files over the connections of one index; several threads may use it."""

    def __init__(self, index: IndexClient, observer: Observer, pauses: Sequence[float] = PAUSES) -> None:
        self.index = index
        self._observer = observer
        self._pauses = pauses
        self._is_stopped = threading.Event()

    def stop(self) -> None:
        """Let every file that is going up fail with StoppedError, unless the index has it in whole already."""
        self._is_stopped.set()

    def send(self, upload: Upload) -> None:
        """
        Send a file until it is stored, again after a growing pause while the index can't be reached or fails.

        Raises ConflictError when the index has the name with other contents, CredentialsError on 401 and 403,
        CheckFailedError when the index refuses the file, IndexUnavailableError when no attempt succeeded.
        """
        filename = upload.distribution.filename
        on_bytes = self._observer.sending(filename, upload.size)

        def on_sent(count: int) -> None:
            self._expect_not_stopped()
            on_bytes(count)

        self._expect_stored(upload, self._answer(upload, on_sent))
        self._observer.sent(filename)

    def _answer(self, upload: Upload, on_sent: Callable[[int], None]) -> http.Response:
        """Return the index's answer to a file, the first that is worth no other attempt, else the last."""
        attempt = partial(self._attempt, upload, on_sent)
        for pause in self._pauses:
            try:
                response = attempt()
            except IndexUnavailableError as error:
                self._wait(upload, error.message, pause)
                continue
            if response.status_code not in _WORTH_ANOTHER_TRY:
                return response
            self._wait(upload, f"the index answered {response.status_code}", _retry_after(response) or pause)
        return attempt()

    def _attempt(self, upload: Upload, on_sent: Callable[[int], None]) -> http.Response:
        self._expect_not_stopped()
        form = UploadForm(upload.distribution, on_sent)
        response = self.index.post(form, form.content_type)
        if form.sha256:
            upload.set_sent_sha256(form.sha256)
        return response

    def _wait(self, upload: Upload, reason: str, pause: float) -> None:
        pause *= random.uniform(1.0, 1.25)  # noqa: S311 - nothing secret
        self._observer.retrying(upload.distribution.filename, reason, pause)
        self._is_stopped.wait(pause)

    def _expect_not_stopped(self) -> None:
        if self._is_stopped.is_set():
            raise StoppedError("The upload was stopped.")

    def _expect_stored(self, upload: Upload, response: http.Response) -> None:
        filename = upload.distribution.filename
        text = error_text(response)
        if response.status_code == HTTPStatus.CONFLICT or (
            response.status_code == HTTPStatus.BAD_REQUEST and "already exist" in text.lower()
        ):
            raise ConflictError(f"{filename}: {text}")
        if response.status_code in _REFUSES_THE_FILE:
            raise CheckFailedError(f"{self.index.url} refused {filename}: {text}")
        if response.status_code == HTTPStatus.SEE_OTHER:
            raise IndexUnavailableError(
                f"{self.index.url} took longer over {filename} than its platform lets a request take.",
                hint="It may have been stored all the same: run the same command again, which finds out.",
            )
        expect_success(response, self.index.url, self.index.credentials)


def _retry_after(response: http.Response) -> float | None:
    """Return the seconds that the index asks to wait (RFC 9110, 10.2.3), or None when it names none."""
    seconds = response.headers.get("Retry-After", "")
    return min(float(seconds), LONGEST_PAUSE) if seconds.isdigit() else None
