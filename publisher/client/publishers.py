"""Administering the trusted publishers of an index."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from publisher.client.accounts import PATIENCE, TOKEN_VARIABLE
from publisher.client.answers import error_text
from publisher.client.http import BasicAuth, BearerAuth, IndexSession, Response, parse_json
from publisher.client.url import IndexUrl
from publisher.errors import ConfigurationError, CredentialsError, IndexUnavailableError, NotOfferedError, PublishError


class PublisherAdmin:
    """
    A connection to one index's list of trusted publishers, as its administrator or with an account.

    Every method raises CredentialsError when the index refuses that, NotOfferedError when it has no trusted publishing,
    and IndexUnavailableError when it fails.
    """

    def __init__(self, url: IndexUrl, auth: BasicAuth | BearerAuth) -> None:
        self._url = url
        self._session = IndexSession(url.root, auth, patience=PATIENCE)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def add(self, described: Mapping[str, Any]) -> dict[str, Any]:
        """Register a publisher; raise ConfigurationError when its description is not valid."""
        return self._ask("POST", "-/trust", described)["publisher"]  # type: ignore[no-any-return]

    def list(self) -> list[dict[str, Any]]:
        """Return the publishers of the projects that the account manages."""
        return self._ask("GET", "-/trust")["publishers"]  # type: ignore[no-any-return]

    def remove(self, name: str) -> dict[str, Any]:
        """Remove a publisher and its tokens; raise PublishError when there is none of that name."""
        return self._ask("DELETE", f"-/trust/{quote(name, safe='')}")["publisher"]  # type: ignore[no-any-return]

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        headers = {"Accept": "application/json"}
        response = self._session.request(method, self._url.endpoint(path), json=body, headers=headers)
        self._expect_success(response)
        found = parse_json(response)
        if not isinstance(found, dict):
            raise NotOfferedError(f"{self._url} has no trusted publishing.")
        return found

    def _expect_success(self, response: Response) -> None:
        status, text = response.status_code, error_text(response)
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise CredentialsError(
                f"{self._url} refused: {text}",
                hint=f"Use an account that manages the project, or the index's AUTH_TOKEN in {TOKEN_VARIABLE}.",
            )
        if status == HTTPStatus.UNPROCESSABLE_ENTITY:
            raise ConfigurationError(f"{self._url} refused the publisher: {text}")
        if status == HTTPStatus.NOT_FOUND and text.startswith("There is no publisher"):
            raise PublishError(text, hint="`pypi-publish trust list` shows the names.")
        if status in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
            raise NotOfferedError(f"{self._url}: {text}", hint="It needs an index of pypi-publish with --public-url.")
        if not response.ok or response.is_redirect:
            raise IndexUnavailableError(f"{self._url} answered {status}: {text}")
