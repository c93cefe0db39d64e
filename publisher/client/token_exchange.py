"""An index's exchange of ID tokens for upload tokens, at the root of its host (``/_/oidc/...``)."""

from contextlib import closing
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from publisher.client.answers import error_text
from publisher.client.http import BearerAuth, IndexSession
from publisher.client.pages import is_web_page
from publisher.client.response import IndexResponse, parse_json
from publisher.client.url import IndexUrl
from publisher.errors import IndexUnavailableError, NoPublisherError, NotOfferedError, TrustedPublishingError
from publisher.project.display import without_control_characters
from publisher.secret import Secret

_NOT_OFFERED = {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.UNAUTHORIZED}
_NO_PUBLISHER = {"invalid-publisher", "invalid-pending-publisher"}


def require_own_audience(url: IndexUrl) -> str:
    """
    Return the audience of an index, after confirming it with the index.

    Raises NotOfferedError when it has no trusted publishing, CredentialsError when it expects another
    audience, IndexUnavailableError when it does not answer.
    """
    with closing(IndexSession(_root(url))) as session:
        response = session.get(f"{_root(url)}_/oidc/audience", {"Accept": "application/json"})
    if response.status_code in _NOT_OFFERED or (response.ok and is_web_page(response)):
        raise NotOfferedError(f"{url} has no trusted publishing.")
    found = _require_object(url, response, "its audience").get("audience")
    if found != url.audience:
        raise TrustedPublishingError(
            f"{url} asks for an ID token for {without_control_characters(str(found))[:200]!r}, which is not its own "
            f"host name ({url.audience}): no token was requested.",
            hint="The index's --public-url (on Modal PYPI_DEPLOY_DOMAIN) and the URL that you publish to must have the "
            "same host. A token for another host could be used there in your name.",
        )
    return url.audience


def request_github_token(request_url: str, request_token: Secret, audience: str) -> Secret:
    """Return an ID token of GitHub's for an audience; raise CredentialsError or IndexUnavailableError."""
    separator = "&" if urlsplit(request_url).query else "?"
    with closing(IndexSession(request_url, BearerAuth(request_token))) as session:
        response = session.get(f"{request_url}{separator}audience={audience}", {"Accept": "application/json"})
    found = parse_json(response) if response.ok else None
    if not isinstance(found, dict) or not isinstance(found.get("value"), str):
        raise TrustedPublishingError(
            f"GitHub issued no ID token: {error_text(response)}.", hint="Run the job again in a minute."
        )
    return Secret(found["value"])


def exchange(url: IndexUrl, id_token: Secret) -> Secret:
    """
    Return an upload token for an ID token.

    Raises NoPublisherError when no publisher of the index has its claims, CredentialsError when the index refuses it
    otherwise, IndexUnavailableError when it fails.
    """
    with closing(IndexSession(_root(url))) as session:
        response = session.request("POST", f"{_root(url)}_/oidc/mint-token", json={"token": id_token.reveal()})
    if response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY:
        code, text = _refusal(response)
        if code in _NO_PUBLISHER:
            raise NoPublisherError(f"{url} has no matching publisher: {text}")
        raise TrustedPublishingError(f"{url} refused the ID token: {text}", hint="Run the job again.")
    token = _require_object(url, response, "a token").get("token")
    if not isinstance(token, str) or not token:
        raise IndexUnavailableError(f"{url} answered without a token.")
    return Secret(token)


def burn(url: IndexUrl, token: Secret) -> None:
    """End an upload token; raise IndexUnavailableError when that fails."""
    with closing(IndexSession(_root(url))) as session:
        response = session.request("POST", f"{_root(url)}_/oidc/burn-token", json={"token": token.reveal()})
    if not response.ok:
        raise IndexUnavailableError(f"{url} did not revoke the upload token: {error_text(response)}")


def _root(url: IndexUrl) -> str:
    """Return the root of an index's host, where every client looks."""
    parts = urlsplit(url.root)
    return f"{parts.scheme}://{parts.netloc}/"


def _require_object(url: IndexUrl, response: IndexResponse, what: str) -> dict[str, Any]:
    found = parse_json(response)
    if not response.ok or response.is_redirect or not isinstance(found, dict):
        reason = _refusal(response)[1] if isinstance(found, dict) and "errors" in found else error_text(response)
        raise IndexUnavailableError(
            f"{url} did not answer with {what}: {response.status_code} {reason}", hint="Run the job again in a minute."
        )
    return found


def _refusal(response: IndexResponse) -> tuple[str, str]:
    """Return the code and the sentences of a refusal."""
    found = parse_json(response)
    errors = found.get("errors") if isinstance(found, dict) else None
    known = [each for each in errors if isinstance(each, dict)] if isinstance(errors, list) else []
    if not known:
        return "", error_text(response)
    text = " ".join(str(each.get("description", "")) for each in known)
    return str(known[0].get("code", "")), without_control_characters(text)[:2000]
