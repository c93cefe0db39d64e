"""Client of an index's tokens, roles, owners, trusted publishers and audit trail."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from publisher.client.accounts import PATIENCE, TOKEN_VARIABLE, admin_token_hint
from publisher.client.answers import error_text
from publisher.client.http import BasicAuth, BearerAuth, IndexSession
from publisher.client.response import IndexResponse, parse_json
from publisher.client.url import IndexUrl
from publisher.errors import ConfigurationError, CredentialsError, IndexUnavailableError, NotOfferedError, PublishError


class AccessHints(NamedTuple):
    """
    The next step when an index refuses an account, lacks a right, does not know a name, or has nothing of the kind.

    The last is empty where every index has it.
    """

    refused: str = f"Use your account's password (--username), or the index's AUTH_TOKEN in {TOKEN_VARIABLE}."
    lacks_right: str = f"Ask an admin of the index, or use its AUTH_TOKEN in {TOKEN_VARIABLE}."
    not_offered: str = ""
    unknown: str | None = None


class AccessClient:
    """
    A connection with an account's password, or with the admin token.

    `ask` raises CredentialsError when the index refuses that, ConfigurationError for values that are not valid,
    PublishError for something unknown, NotOfferedError where the index has nothing of the kind, and
    IndexUnavailableError when the index fails.
    """

    def __init__(self, url: IndexUrl, auth: BasicAuth | BearerAuth, hints: AccessHints | None = None) -> None:
        self._url = url
        self._hints = hints or AccessHints()
        self._is_account = isinstance(auth, BasicAuth)
        self._session = IndexSession(url.root, auth, patience=PATIENCE)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the JSON of an answer."""
        headers = {"Accept": "application/json"}
        response = self._session.request(method, self._url.endpoint(path), json=body, headers=headers)
        self._expect_success(response)
        found = parse_json(response)
        if not isinstance(found, dict):
            raise NotOfferedError(f"{self._url} is not an index of pypi-publish with tokens and roles.")
        return found

    def _expect_success(self, response: IndexResponse) -> None:
        status, text = response.status_code, error_text(response)
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise CredentialsError(f"{self._url} refused: {text}", hint=self._remedy(text))
        if status == HTTPStatus.UNPROCESSABLE_ENTITY:
            raise ConfigurationError(f"{self._url} refused: {text}")
        if status in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
            if self._hints.not_offered and not text.startswith("Unknown publisher"):
                raise NotOfferedError(f"{self._url}: {text}", hint=self._hints.not_offered)
            raise PublishError(f"{self._url}: {text}", hint=self._hints.unknown)
        if not response.ok or response.is_redirect:
            raise IndexUnavailableError(f"{self._url} answered {status}: {text}", hint="Run the same command again.")

    def _remedy(self, refusal: str) -> str:
        """Return the next step after a 401 or 403, by the index's words."""
        lacks_right = "lacks the right" in refusal or refusal.startswith("Only an admin")
        if self._is_account:
            return self._hints.lacks_right if lacks_right else self._hints.refused
        if lacks_right:
            return f"Pass --username NAME to act as an account that has it; without that, {TOKEN_VARIABLE} is used."
        return admin_token_hint(refusal)
