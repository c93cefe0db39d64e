"""Trusted publishing in CI: an upload token for the ID token of a job, from the index that the job publishes to."""

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from publisher.client.url import IndexUrl
from publisher.errors import IndexUnavailableError, NoPublisherError, NotOfferedError, TrustedPublishingError
from publisher.secret import Credentials, Secret

SOURCE = "trusted publishing"
TOKEN_USER = "__token__"  # noqa: S105 - a user name
RENEWED_AFTER = 480.0
"""Seconds after which an upload begins with a new token: they live for 15 minutes, and a build may take longer."""

_BURNED_WITHIN = 2.0
"""Seconds that `burn` waits for a thread that is still requesting the token."""

REQUEST_URL, REQUEST_TOKEN = "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"

PERMISSIONS = "    permissions:\n      contents: read\n      id-token: write"
"""Requirements of a GitHub Actions job."""


class TrustedMode(StrEnum):
    """The use of trusted publishing: where it works, in any case, not at all."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


@dataclass
class TrustedLogin:
    """
    The upload token of this job, requested when it is first needed.

    ``minted`` is called with each token before anything else is done with it, to hide it in the log. ``going_on`` gets
    the reason for which other credentials are looked for.
    """

    mode: TrustedMode
    environment: Mapping[str, str]
    minted: Callable[[Secret], object] = field(default=lambda _: None)
    going_on: Callable[[str], object] = field(default=lambda _: None)
    reason: str | None = None
    """The reason for having no token, once that is known."""
    _found: Credentials | None = None
    _url: IndexUrl | None = None
    _at: float = 0.0
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def is_required(self) -> bool:
        """Whether no other credentials may be used."""
        return self.mode is TrustedMode.ALWAYS

    @property
    def explains(self) -> bool:
        """Whether the reason for the missing token helps a person without credentials: in a CI job."""
        return self.reason is not None and bool(self.environment.get("CI") or is_github(self.environment))

    @property
    def is_old(self) -> bool:
        """Whether the token may end before a long upload does."""
        return self._found is not None and time.monotonic() - self._at > RENEWED_AFTER

    def find(self, url: IndexUrl) -> Credentials | None:
        """
        Return the job's credentials for an index; None where trusted publishing does not apply and is not required.

        Raises CredentialsError when the index asks for a token that is not meant for it or refuses the job's, and
        IndexUnavailableError when it does not answer; where it is required, also when it does not apply.
        """
        with self._lock:
            if self._found is not None and not self.is_old:
                return self._found
            if self._found is None and self.reason is not None and not self.is_required:
                return None
            if not can_identify(url, self.environment):
                self.reason = _missing_token(url, self.environment)
                if self.is_required:
                    raise TrustedPublishingError(f"Trusted publishing is required. {self.reason}")
                return None
            self.burn()
            try:
                self._found, self._url, self._at = self._request(url), url, time.monotonic()
            except (NotOfferedError, NoPublisherError) as error:
                if self.is_required:
                    raise
                self.reason = " ".join(filter(None, (error.message, error.hint)))
                self.going_on(f"No trusted publishing: {error.message} Looking for other credentials.")
            return self._found

    def burn(self) -> None:
        """
        Revoke the token, if there is one. A failure is only reported, because the token expires soon.

        If another thread is still requesting the token, wait only briefly.
        """
        if not self._lock.acquire(timeout=_BURNED_WITHIN):
            return
        try:
            if self._found is None or self._url is None:
                return
            from publisher.client import token_exchange  # noqa: PLC0415 - as in `_request`

            token, self._found = self._found.password, None
            try:
                token_exchange.burn(self._url, token)
            except IndexUnavailableError as error:
                self.going_on(f"{error.message} It ends by itself within 15 minutes.")
        finally:
            self._lock.release()

    def _request(self, url: IndexUrl) -> Credentials:
        from publisher.client import token_exchange  # noqa: PLC0415 - the HTTP client, which other places do without

        audience = token_exchange.require_own_audience(url)
        variable = token_variable(audience)
        if text := self.environment.get(variable):
            id_token = Secret(text)
        else:
            request_token = Secret(self.environment[REQUEST_TOKEN])
            id_token = token_exchange.request_github_token(self.environment[REQUEST_URL], request_token, audience)
        self.minted(id_token)
        try:
            token = token_exchange.exchange(url, id_token)
        except NoPublisherError as error:
            error.hint = _how_to_register(self.environment)
            raise
        self.minted(token)
        return Credentials(TOKEN_USER, token, SOURCE)


def token_variable(audience: str) -> str:
    """Return the variable in which a CI system hands a job its ID token for an audience, as GitLab's jobs name it."""
    return re.sub(r"[^A-Z0-9]", "_", audience.upper()) + "_ID_TOKEN"


def can_identify(url: IndexUrl, environment: Mapping[str, str]) -> bool:
    """Return whether this job has, or may request, an ID token for an index."""
    variable = token_variable(url.audience)
    if environment.get(variable):
        return True
    return is_github(environment) and bool(environment.get(REQUEST_URL)) and bool(environment.get(REQUEST_TOKEN))


def is_github(environment: Mapping[str, str]) -> bool:
    """Return whether this is a job of GitHub Actions."""
    return environment.get("GITHUB_ACTIONS") == "true"


def _missing_token(url: IndexUrl, environment: Mapping[str, str]) -> str:
    if is_github(environment):
        return f"This job can't request an ID token. Add this to the job:\n{PERMISSIONS}"
    name = token_variable(url.audience)
    if environment.get("GITLAB_CI"):
        return f"This job has no ID token. Add this to it:\n  id_tokens:\n    {name}:\n      aud: {url.audience}"
    return f"No ID token: this is not a GitHub Actions job, and {name} is not set."


def _how_to_register(environment: Mapping[str, str]) -> str:
    """Return the command that an admin of the index runs, as far as the job knows it."""
    repository = environment.get("GITHUB_REPOSITORY")
    if repository:
        file = environment.get("GITHUB_WORKFLOW_REF", "").partition("@")[0].rpartition("/")[2] or "FILE.yml"
        words = f"github {repository} --workflow {file} --project NAME --environment ENVIRONMENT"
        for option, variable in (
            ("--repository-id", "GITHUB_REPOSITORY_ID"),
            ("--owner-id", "GITHUB_REPOSITORY_OWNER_ID"),
        ):
            if number := environment.get(variable):
                words += f" {option} {number}"
    elif project := environment.get("CI_PROJECT_PATH"):
        words = f"gitlab {project} --project NAME --environment ENVIRONMENT"
    else:
        words = "oidc --issuer URL --claim sub=PATTERN --project NAME"
    return f"Ask a maintainer of the project to register it: `pypi-publish trust add {words}`."
