"""Translation of an index's responses to success or errors, with the index's message."""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from publisher.client.pages import is_json, is_web_page, title
from publisher.client.response import IndexResponse, parse_json, redirect_target
from publisher.client.url import IndexUrl
from publisher.errors import (
    HOW_TO_LOG_IN,
    CheckFailedError,
    ConflictError,
    CredentialsError,
    ForbiddenError,
    IndexUnavailableError,
    RefusedCredentialsError,
)
from publisher.project.display import without_control_characters
from publisher.secret import FROM_NETRC, FROM_OPTIONS, Credentials, mask_urls

DIGEST_HEADER = "X-Checksum-Sha256"
"""Holds the SHA-256 digest of the file that our index has stored, in hexadecimal."""

_LONGEST_TEXT = 2000
_REFUSES_THE_FILE = {400, 410, 411, 413, 415, 422}
_ABOUT_CREDENTIALS = re.compile(
    r"authentication|(invalid|bad|wrong|expired|missing) (credential|token|password|api[ -]?key)"
    r"|(token|password) (has |is )?(expired|invalid|revoked)",
    re.IGNORECASE,
)
"""Words with which an index that answers 403 refuses a password or token (Warehouse, Artifactory, CodeArtifact)."""

_NO_INDEX = {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}
_EXISTS: Mapping[int, Sequence[str]] = {
    HTTPStatus.BAD_REQUEST: (
        "already exist",  # Warehouse, Google Artifact Registry
        "already been taken",  # GitLab
        "updating asset",  # Nexus up to 3.70
        "cannot be updated",  # Nexus
    ),
    HTTPStatus.FORBIDDEN: ("/overwrite", "overwrite artifact"),  # Artifactory, with and without "delete/"
    HTTPStatus.UNPROCESSABLE_ENTITY: ("already exist", "already been taken"),
}
"""
Signs of a name that the index has; Azure Artifacts, CodeArtifact, devpi, pypiserver and ours answer 409.

A mistake costs one request: whether the file is there, and the same, is read from the project's page.
"""


def expect_success(response: IndexResponse, url: IndexUrl, credentials: Credentials | None) -> None:
    """
    Return when a request succeeded.

    Raises CredentialsError on 401 and 403, IndexUnavailableError on everything else that is not 2xx.
    """
    status = response.status_code
    if status == HTTPStatus.UNAUTHORIZED:
        if credentials is None:
            raise CredentialsError(f"{url} asks for a password.", hint=HOW_TO_LOG_IN)
        raise RefusedCredentialsError(
            f"{url} refused the password of {credentials.username!r} (from {credentials.source}).",
            hint=_remedy(credentials),
        )
    if status == HTTPStatus.FORBIDDEN:
        raise _forbidden(response, url, credentials)
    if (target := redirect_target(response)) is not None:
        raise IndexUnavailableError(
            f"{url} redirects to {mask_urls(target)}.",
            hint="If the index has moved there, use that as the index URL. Behind a sign-in page of your network, "
            "sign in first.",
        )
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        pause = retry_after(response)
        when = f"in {pause:.0f} s, as the index asks" if pause else "in a minute"
        raise IndexUnavailableError(
            f"{url} answered {status}: {error_text(response)}",
            hint=f"Try again {when}; if it still fails, run `pypi-publish doctor`, and look at the index's log.",
        )


def _remedy(credentials: Credentials) -> str:
    """Return where to correct credentials that were refused: a password that `login` saves counts last."""
    if credentials.source == FROM_OPTIONS:
        return "Correct or unset PYPI_PUBLISH_PASSWORD (or the password in the index URL), or ask for a new password."
    if credentials.source == FROM_NETRC:
        return "Correct the index's entry in your netrc file, or ask the index's administrator for a new password."
    return "Run `pypi-publish login` to save the right ones, or ask the index's administrator for an account."


def _forbidden(response: IndexResponse, url: IndexUrl, credentials: Credentials | None) -> CredentialsError:
    """Return the error for a 403: some indexes send it instead of a 401, and firewalls before an index do too."""
    text = error_text(response)
    if credentials is None:
        return CredentialsError(f"{url} does not allow this without credentials: {text}", hint=HOW_TO_LOG_IN)
    if _ABOUT_CREDENTIALS.search(f"{response.reason} {text}"):
        return RefusedCredentialsError(
            f"{url} refused the credentials of {credentials.username!r} (from {credentials.source}): {text}",
            hint=_remedy(credentials),
        )
    hint = "Ask the index's administrator for the right. The credentials were accepted, so another password won't help."
    if is_web_page(response):
        hint = "Ask the index's administrator for the right; a firewall in front of the index may have refused it, too."
    return ForbiddenError(f"{url} does not allow {credentials.username!r} to do this: {text}", hint=hint)


def expect_stored(
    response: IndexResponse, filename: str, sha256: str, url: IndexUrl, credentials: Credentials | None
) -> bool:
    """
    Return whether an answer proves that a file is stored; False for a success that may be another server's.

    Raises ConflictError when the index has the name with other contents, CheckFailedError when it refuses the file, and
    the exceptions of `expect_success`.
    """
    status, text = response.status_code, error_text(response)
    words = f"{response.reason} {response.text[:_LONGEST_TEXT]}".lower()
    if status == HTTPStatus.CONFLICT or any(sign in words for sign in _EXISTS.get(status, ())):
        raise ConflictError(f"{filename}: PP601 {text}")
    if status in _REFUSES_THE_FILE:
        raise CheckFailedError(f"{url} refused {filename}: {text}")
    if status == HTTPStatus.SEE_OTHER:
        raise IndexUnavailableError(
            f"{url} took longer over {filename} than its platform allows.",
            hint="It may be stored anyway: run the same command again to find out.",
        )
    if status in _NO_INDEX:
        raise IndexUnavailableError(
            f"{url} does not accept uploads: {text}",
            hint="Check the index URL. For an index of another kind, it is the URL that twine takes as "
            "--repository-url.",
        )
    expect_success(response, url, credentials)
    stored = response.headers.get(DIGEST_HEADER)
    if stored is not None:
        return stored.lower() == sha256
    return status != HTTPStatus.ACCEPTED and not is_web_page(response)


def retry_after(response: IndexResponse) -> float | None:
    """Return the seconds that an answer asks to wait, given as a number or a date (RFC 9110, 10.2.3), or None."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    when = _parse_date(text)
    if when is None:
        return None
    now = _parse_date(response.headers.get("Date", "")) or dt.datetime.now(dt.UTC)
    return max(0.0, (when - now).total_seconds())


def _parse_date(text: str) -> dt.datetime | None:
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - only for answers that ask for a pause

    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


def error_text(response: IndexResponse) -> str:
    """Return an index's words about a failure: the message of its JSON, its plain text, or the HTTP reason."""
    return without_control_characters(_error_text(response))[:_LONGEST_TEXT]


def _error_text(response: IndexResponse) -> str:
    kind = response.headers.get("Content-Type", "")
    if is_json(response):
        found = parse_json(response)
        if isinstance(found, dict):
            text = found.get("message") or found.get("detail") or found.get("title") or found.get("error")
            if isinstance(text, str) and text.strip():
                return text.strip()
            if isinstance(text, dict | list):
                return str(text)
    if kind.startswith("text/plain") and (text := response.text.strip()):
        return text
    if is_web_page(response) and (text := title(response)):
        return text
    return f"{response.status_code} {response.reason}"
