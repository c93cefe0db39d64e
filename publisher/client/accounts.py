"""Administering the accounts of an index through its account API, with the admin token."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from publisher.client.answers import error_text
from publisher.client.http import BearerAuth, IndexSession
from publisher.client.response import IndexResponse, parse_json
from publisher.client.url import IndexUrl, parse_index_url
from publisher.errors import ConfigurationError, CredentialsError, IndexUnavailableError, PublishError
from publisher.secret import Secret

TOKEN_VARIABLE = "PYPI_PUBLISH_ADMIN_TOKEN"  # noqa: S105 - the variable's name

_REGISTRATION, _SERVER = "-register-user.modal.run/", "-server.modal.run/"

PATIENCE = 150.0
"""Seconds that an index may take for a change: waiting for another container's, a reload, and a slow commit."""


def admin_url(text: str) -> IndexUrl:
    """
    Return the index whose accounts a URL administers: its root, or the registration endpoint of a deployment on Modal.

    Raises ConfigurationError when the text is not an http or https URL.
    """
    index = parse_index_url(text)
    if index.root.endswith(_REGISTRATION):
        return parse_index_url(index.root.removesuffix(_REGISTRATION) + _SERVER)
    return index


def admin_token_hint(refusal: str) -> str:
    """Return the next step after an index refused the admin token, by the index's words."""
    if "has no admin token" in refusal:
        return (
            "Start the index with AUTH_TOKEN in its environment (`openssl rand -hex 32` makes one), and set "
            f"{TOKEN_VARIABLE} to the same value here; on the index's own machine, --htpasswd FILE or --root DIR need "
            "no token."
        )
    return f"{TOKEN_VARIABLE} must be the same as the index's AUTH_TOKEN."


class AccountAdmin:
    """
    A connection to one index's account API.

    Every method raises CredentialsError when the index refuses the token, IndexUnavailableError when it fails or has no
    such API.
    """

    def __init__(self, url: IndexUrl, token: Secret) -> None:
        self._url = url
        self._session = IndexSession(url.root, BearerAuth(token), patience=PATIENCE)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def add(self, username: str, password: Secret) -> str:
        """
        Create an account or change its password, and return which: created, changed or unchanged.

        Raises ConfigurationError when the name or the password breaks the index's rules.
        """
        found = self._ask("POST", "register", {"username": username, "password": password.reveal()})
        return str(found["status"])

    def add_service(self, username: str) -> str:
        """Create a service account, and return whether it is new; raise ConfigurationError for an invalid name."""
        return str(self._ask("POST", "register", {"username": username, "service": True})["status"])

    def remove(self, username: str) -> Mapping[str, list[str]]:
        """Remove an account and return everything that ended with it; raise PublishError for an unknown name."""
        found = self._ask("DELETE", f"users/{quote(username, safe='')}").get("ended", {})
        return {str(kind): list(map(str, names)) for kind, names in found.items()}

    def names(self) -> list[str]:
        """Return the names of all accounts, sorted."""
        return sorted(self._ask("GET", "users")["users"])

    def confirm_loss(self) -> tuple[int, bool]:
        """Confirm that packages of the index are lost; return how many names it owns, and whether any were lost."""
        found = self._ask("POST", "-/storage/confirm-loss")
        return int(found["names"]), found["status"] == "confirmed"

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        url = self._url.endpoint(path)
        response = self._session.request(method, url, json=body, headers={"Accept": "application/json"})
        self._expect_success(response)
        found = parse_json(response)
        if not isinstance(found, dict):
            raise IndexUnavailableError(f"{self._url} has no account API.", hint=_NO_API)
        return found

    def _expect_success(self, response: IndexResponse) -> None:
        status, text = response.status_code, error_text(response)
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise CredentialsError(
                f"{self._url} refused the admin token: {text}",
                hint=admin_token_hint(text),
            )
        if status == HTTPStatus.UNPROCESSABLE_ENTITY:
            raise ConfigurationError(f"{self._url} refused the account: {text}")
        if status == HTTPStatus.NOT_FOUND and text.startswith("Unknown user"):
            raise PublishError(text, hint="`pypi-publish users list` shows the names.")
        if status in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
            raise IndexUnavailableError(f"{self._url} has no account API: {text}", hint=_NO_API)
        if not response.ok or response.is_redirect:
            raise IndexUnavailableError(f"{self._url} answered {status}: {text}", hint=_AGAIN)


_AGAIN = "Run the same command again: it is safe to repeat."
_NO_API = (
    "Give the root URL of an index that runs pypi-publish; for any other index, change its htpasswd file "
    "(--htpasswd FILE)."
)
