"""Administering the public packages that an index passes on, with the admin token."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from publisher.client.accounts import admin_token_hint
from publisher.client.answers import error_text
from publisher.client.http import BearerAuth, IndexSession
from publisher.client.response import IndexResponse, parse_json
from publisher.client.url import IndexUrl
from publisher.errors import ConfigurationError, CredentialsError, IndexUnavailableError, NotOfferedError
from publisher.secret import Secret

CHANGE_PATIENCE = 1830.0
"""
Seconds without a byte after a command.

The index answers when it has fetched every file of a package, and gives up after half an hour.
"""


class PublicPackagesClient:
    """
    A connection to one index's administration of public packages.

    Every method raises CredentialsError when the index refuses the token, ConfigurationError for a request that is not
    valid, NotOfferedError when the index has no upstream, and IndexUnavailableError when it or its upstream fails.
    """

    def __init__(self, url: IndexUrl, token: Secret) -> None:
        self._url = url
        self._reads = IndexSession(url.root, BearerAuth(token))
        self._changes = IndexSession(url.root, BearerAuth(token), patience=CHANGE_PATIENCE)

    def close(self) -> None:
        """Close the connections."""
        self._reads.close()
        self._changes.close()

    def show(self, path: str) -> dict[str, Any]:
        """Return the index's answer for ``projects`` or ``why/NAME/VERSION``."""
        return self._ask(self._reads, "GET", path, None)

    def change(self, path: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Have the index run the command that the path names."""
        return self._ask(self._changes, "POST", path, values)

    def _ask(self, session: IndexSession, method: str, path: str, values: Mapping[str, Any] | None) -> dict[str, Any]:
        url = self._url.endpoint(f"-/upstream/{quote(path)}")
        response = session.request(method, url, json=values, headers={"Accept": "application/json"})
        self._expect_success(response)
        found = parse_json(response)
        if not isinstance(found, dict):
            raise NotOfferedError(f"{self._url} does not pass on public packages.")
        return found

    def _expect_success(self, response: IndexResponse) -> None:
        status, text = response.status_code, error_text(response)
        if status == HTTPStatus.UNAUTHORIZED or (status == HTTPStatus.FORBIDDEN and "AUTH_TOKEN" in text):
            raise CredentialsError(
                f"{self._url} refused the admin token: {text}",
                hint=admin_token_hint(text),
            )
        if status == HTTPStatus.UNPROCESSABLE_ENTITY:
            raise ConfigurationError(f"{self._url} refused the request: {text}")
        if status in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
            raise NotOfferedError(
                f"{self._url}: {text}", hint="`pypi-publish serve --upstream public` passes public packages on."
            )
        if status == HTTPStatus.SEE_OTHER:
            raise IndexUnavailableError(
                f"{self._url} took longer than its platform allows.",
                hint="It may have finished anyway: run the same command again, which is safe.",
            )
        if not response.ok or response.is_redirect:
            raise IndexUnavailableError(f"{self._url} answered {status}: {text}")
