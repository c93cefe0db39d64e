"""Client of one index: its projects and files, changes to them, and the account behind the credentials."""

import threading
from collections.abc import Mapping
from contextlib import closing
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name
from packaging.version import Version

from publisher.client.answers import error_text, expect_success
from publisher.client.models import Account, RemoteFile
from publisher.client.pages import SIMPLE_ACCEPT, is_web_page, parse_files, parse_projects
from publisher.client.plain.session import Body, PlainSession
from publisher.client.response import IndexResponse, parse_json, redirect_target
from publisher.client.url import IndexUrl
from publisher.errors import (
    HOW_TO_LOG_IN,
    ConfigurationError,
    CredentialsError,
    IndexUnavailableError,
    InvalidDistributionError,
    NotOfferedError,
    PublishError,
)
from publisher.project.distributions import parse_filename, parse_metadata
from publisher.project.kinds import Kind
from publisher.secret import Credentials, Secret

if TYPE_CHECKING:
    from publisher.client.http import IndexSession

_PUBLISHED_HERE = {"Accept": SIMPLE_ACCEPT, "Cache-Control": "no-cache", "Prefer": "own-packages"}
"""Asks for the index's own packages, now: a new name must not be sent on to a public index."""


class IndexClient:
    """The connections to one index, with the credentials of one user or none; several threads may use them."""

    def __init__(self, url: IndexUrl, credentials: Credentials | None) -> None:
        self.url = url
        self.credentials = credentials
        self._plain = PlainSession(url.root, credentials)
        self._opened: IndexSession | None = None
        self._opening = threading.Lock()

    @property
    def _session(self) -> "IndexSession":
        """The connections, opened when they are first needed."""
        from publisher.client.http import BasicAuth, IndexSession  # noqa: PLC0415 - imports requests

        with self._opening:
            if self._opened is None:
                own = self.credentials
                self._opened = IndexSession(self.url.root, BasicAuth(own.username, own.password) if own else None)
            return self._opened

    def close(self) -> None:
        """Close the connections."""
        self._plain.close()
        if self._opened is not None:
            self._opened.close()

    def abort(self) -> None:
        """Break the connections, so that requests of other threads fail at once."""
        self._plain.abort()
        if self._opened is not None:
            self._opened.abort()

    def files(self, project: str) -> dict[str, RemoteFile]:
        """
        Return the files of a project (its normalized name), by file name; nothing for an unknown project.

        Raises CredentialsError when the index refuses the credentials, IndexUnavailableError when it fails or when
        something else answers in its place.
        """
        response = self._get(self.url.project_api(project), _PUBLISHED_HERE)
        if response.status_code == HTTPStatus.NOT_FOUND or _is_passed_on(response, project):
            return {}
        expect_success(response, self.url, self.credentials)
        return {file.filename: file for file in parse_files(response)}

    def requirements(self, project: str) -> list[str]:
        """
        Return the requirements of a project's newest wheels (PEP 508); nothing where the index has none (PEP 658).

        Files on other hosts are asked for without credentials. Raises CredentialsError and IndexUnavailableError.
        """
        wheels = [(version, file) for file in self.files(project).values() if (version := _wheel_version(file))]
        newest = max((version for version, _ in wheels), default=None)
        found: dict[str, None] = {}
        for version, file in wheels:
            if version == newest:
                response = self._session.get(f"{file.url}.metadata")
                if response.status_code != HTTPStatus.NOT_FOUND:
                    expect_success(response, self.url, self.credentials)
                    fields, _ = parse_metadata(response.content)
                    found |= dict.fromkeys(fields.get("requires_dist", []))
        return list(found)

    def projects(self) -> list[str]:
        """Return the names of all projects; raises CredentialsError and IndexUnavailableError."""
        response = self._get(self.url.simple, {"Accept": SIMPLE_ACCEPT})
        expect_success(response, self.url, self.credentials)
        return parse_projects(response)

    def _get(self, url: str, headers: Mapping[str, str]) -> IndexResponse:
        return self._plain.get(url, headers) or self._session.get(url, headers)

    def post(self, form: Body, content_type: str) -> IndexResponse:
        """
        Send an upload form to the index's root and return the answer, whatever its status.

        Raises IndexUnavailableError without an answer.
        """
        headers = {"Content-Type": content_type}
        plain = self._plain.post(self.url.root, headers, form)
        return plain or self._session.request("POST", self.url.root, headers=headers, body=form)

    def change(self, method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        """
        Send a change of a release and return the index's JSON answer.

        Raises ConfigurationError when there is nothing of that name, CredentialsError, IndexUnavailableError.
        """
        response = self._session.request(method, self.url.endpoint(path), json=body)
        found = parse_json(response)
        if response.status_code in {HTTPStatus.NOT_FOUND, 422} and not is_web_page(response):
            raise ConfigurationError(error_text(response), hint="`pypi-publish list PROJECT` lists releases and files.")
        if response.status_code not in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
            expect_success(response, self.url, self.credentials)
            if isinstance(found, dict):
                return found
        raise NotOfferedError(
            f"{self.url} can't do this: {error_text(response)}", hint="It needs an index of pypi-publish."
        )

    def change_password(self, new: Secret) -> None:
        """
        Change the password of the user whose credentials the connection has.

        Raises ConfigurationError when the new one breaks the index's rules, CredentialsError when the credentials are
        refused, NotOfferedError when the index has no way to change one, IndexUnavailableError when it fails.
        """
        response = self._session.request("POST", self.url.endpoint("password"), json={"password": new.reveal()})
        if response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY:
            raise ConfigurationError(f"{self.url} refuses the new password: {error_text(response)}")
        if response.status_code in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
            raise NotOfferedError(
                f"{self.url} does not support changing passwords.",
                hint="Ask its administrator to change it; then run `pypi-publish login` with the new one.",
            )
        expect_success(response, self.url, self.credentials)

    def whoami(self) -> Account:
        """
        Check the credentials with the index and return the account that they belong to.

        Raises CredentialsError when it refuses them, or when it asks for no password and so can't check any;
        IndexUnavailableError when it fails, or when something else answers in its place.
        """
        response, found = self._ask_whoami()
        match found:
            case {"username": str(username), "rights": list(rights), **more}:
                version = str(more["version"]) if "version" in more else None
                seconds = more.get("cooldown")
                cooldown = float(seconds) if isinstance(seconds, int | float) else None
                grants = tuple(each for each in _list(more.get("grants")) if isinstance(each, dict))
                passes_on = more.get("passes-on") is True
                return Account(username, tuple(map(str, rights)), version, passes_on, cooldown, grants)
        if response.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN} or response.status_code >= 500:
            expect_success(response, self.url, self.credentials)
        return self._whoami_of_another_index()

    def passes_on(self) -> bool:
        """Return whether the index says that it serves public packages too; False where it can't be asked."""
        try:
            _, found = self._ask_whoami()
        except PublishError:
            return False
        return isinstance(found, dict) and found.get("passes-on") is True

    def _ask_whoami(self) -> tuple[IndexResponse, object]:
        response = self._get(self.url.endpoint("whoami"), {"Accept": "application/json"})
        return response, parse_json(response) if response.ok else None

    def _whoami_of_another_index(self) -> Account:
        """Check the credentials against the list of projects, the page that every index protects if it protects any."""
        from publisher.client.http import IndexSession  # noqa: PLC0415 - imports requests

        with closing(IndexSession(self.url.root)) as anonymous:
            open_to_all = anonymous.get(self.url.simple, {"Accept": SIMPLE_ACCEPT})
        if open_to_all.status_code == HTTPStatus.OK:
            parse_projects(open_to_all)
            raise CredentialsError(f"{self.url} can be read without an account, so it can't check a password.")
        response = self._get(self.url.simple, {"Accept": SIMPLE_ACCEPT})
        if response.status_code == HTTPStatus.NOT_FOUND:
            raise IndexUnavailableError(
                f"{self.url} is not the root of a package index: there is nothing at {self.url.simple}.",
                hint="Check the index URL: it is the root above simple/.",
            )
        expect_success(response, self.url, self.credentials)
        parse_projects(response)
        if self.credentials is None:
            raise CredentialsError(f"No credentials for {self.url}.", hint=HOW_TO_LOG_IN)
        return Account(self.credentials.username, None)


def _is_passed_on(response: IndexResponse, project: str) -> bool:
    """Return whether an index sends to another one for a project that it does not have (pypiserver's fallback)."""
    target = redirect_target(response)
    if target is None or urlsplit(target).hostname == urlsplit(response.url).hostname:
        return False
    return canonicalize_name(urlsplit(target).path.rstrip("/").rpartition("/")[2]) == project


def _wheel_version(file: RemoteFile) -> Version | None:
    """Return the version of a wheel that installers choose by themselves; None for other files."""
    try:
        parsed = parse_filename(file.filename)
    except InvalidDistributionError:
        return None
    return parsed.version if parsed.kind is Kind.WHEEL and not file.yanked else None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
