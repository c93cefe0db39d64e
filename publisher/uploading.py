"""Sending one file to an index with the legacy upload form, until the index has answered."""

import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from publisher import http
from publisher.credentials import Credentials
from publisher.dists import Distribution
from publisher.errors import (
    CheckFailedError,
    ConflictError,
    IndexUnavailableError,
    InvalidDistributionError,
)
from publisher.index import error_text, expect_success
from publisher.progress import Observer
from publisher.urls import IndexUrl

if TYPE_CHECKING:
    from twine.package import PackageFile  # noqa: TID251 - the only door to twine

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


@dataclass(frozen=True)
class Upload:
    """A distribution with what the upload form says of it, digests included."""

    distribution: Distribution
    package: "PackageFile" = field(repr=False)
    size: int

    @property
    def sha256(self) -> str:
        """The file's SHA-256 digest in hexadecimal."""
        return str(self.package.sha2_digest)


def prepare(distribution: Distribution) -> Upload:
    """
    Read a file's metadata and digests for the upload form.

    Raises InvalidDistributionError when twine does not accept the file.
    """
    from twine.exceptions import TwineException  # noqa: PLC0415, TID251 - imported when it is needed: it takes its time
    from twine.package import PackageFile  # noqa: PLC0415, TID251

    try:
        package = PackageFile.from_filename(str(distribution.path), None)
    except TwineException as error:
        raise InvalidDistributionError(f"{distribution.filename}: {error}") from error
    return Upload(distribution, package, distribution.path.stat().st_size)


class Uploader:
    """A connection to one index over which files go up."""

    def __init__(
        self, index: IndexUrl, credentials: Credentials, observer: Observer, pauses: Sequence[float] = PAUSES
    ) -> None:
        import rich  # noqa: PLC0415, TID251 - twine prints through rich's own console, which is shared and not ours
        from twine.repository import Repository  # noqa: PLC0415, TID251

        rich.reconfigure(quiet=True)
        logging.getLogger("twine").addHandler(logging.NullHandler())
        self._index = index
        self._credentials = credentials
        self._observer = observer
        self._pauses = pauses
        self._on_bytes: Callable[[int], None] = lambda _sent: None
        self._repository = Repository(index.root, None, None, disable_progress_bar=True)
        session = self._repository.session
        session.auth = http.BasicAuth(credentials.username, credentials.password)
        session.headers["User-Agent"] = http.USER_AGENT
        for scheme in ("http://", "https://"):
            session.mount(scheme, http.SendHook(self._watch))

    def close(self) -> None:
        """Close the connection."""
        self._repository.close()

    def send(self, upload: Upload) -> None:
        """
        Send a file until it is stored, again after a growing pause while the index can't be reached or fails.

        Raises ConflictError when the index has the name with other contents, CredentialsError on 401 and 403,
        CheckFailedError when the index refuses the file, IndexUnavailableError when no attempt succeeded.
        """
        self._on_bytes = self._observer.sending(upload.distribution.filename, upload.size)
        for pause in self._pauses:
            try:
                response = self._attempt(upload)
            except IndexUnavailableError as error:
                self._wait(upload, error.message, pause)
                continue
            if response.status_code not in _WORTH_ANOTHER_TRY:
                break
            self._wait(upload, f"the index answered {response.status_code}", _retry_after(response) or pause)
        else:
            response = self._attempt(upload)
        self._expect_stored(upload, response)
        self._observer.sent(upload.distribution.filename)

    def _attempt(self, upload: Upload) -> http.Response:
        with http.reaching(self._index.root):
            return self._repository.upload(upload.package, max_redirects=1)  # one attempt: twine's own have no pause

    def _wait(self, upload: Upload, reason: str, pause: float) -> None:
        pause *= random.uniform(1.0, 1.25)  # noqa: S311 - nothing secret
        self._observer.retrying(upload.distribution.filename, reason, pause)
        time.sleep(pause)

    def _watch(self, body: Any) -> None:
        """Have the multipart body tell how much of it was read."""
        if hasattr(body, "bytes_read"):
            body.callback = lambda monitor: self._on_bytes(monitor.bytes_read)

    def _expect_stored(self, upload: Upload, response: http.Response) -> None:
        filename = upload.distribution.filename
        text = error_text(response)
        if response.status_code == HTTPStatus.CONFLICT or (
            response.status_code == HTTPStatus.BAD_REQUEST and "already exist" in text.lower()
        ):
            raise ConflictError(f"{filename}: {text}")
        if response.status_code in _REFUSES_THE_FILE:
            raise CheckFailedError(f"{self._index} refused {filename}: {text}")
        if response.status_code == HTTPStatus.SEE_OTHER:
            raise IndexUnavailableError(
                f"{self._index} took longer over {filename} than its platform lets a request take.",
                hint="It may have been stored all the same: run the same command again, which finds out.",
            )
        expect_success(response, self._index, self._credentials)


def _retry_after(response: http.Response) -> float | None:
    """Return the seconds that the index asks to wait (RFC 9110, 10.2.3), or None when it names none."""
    seconds = response.headers.get("Retry-After", "")
    return min(float(seconds), LONGEST_PAUSE) if seconds.isdigit() else None
