"""An index as its clients see it: which files of a project it has, and who somebody is there."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html.parser import HTMLParser
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import unquote, urljoin, urlsplit

from packaging.metadata import parse_email
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

from publisher.client import http
from publisher.client.url import IndexUrl
from publisher.errors import HOW_TO_LOG_IN, ConfigurationError, CredentialsError, IndexUnavailableError, NotOfferedError
from publisher.secret import Credentials, Secret

SIMPLE_ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.1"


@dataclass(frozen=True)
class RemoteFile:
    """
    A file that the index has.

    ``hashes`` are its digests by algorithm, in lower-case hexadecimal; ``uploaded`` and ``size``, in bytes, are None
    where the index does not tell them (PEP 700).
    """

    filename: str
    url: str
    hashes: Mapping[str, str]
    yanked: bool = False
    uploaded: datetime | None = None
    size: int | None = None


@dataclass(frozen=True)
class Account:
    """Who the index takes somebody for: a user name and what that user may do."""

    username: str
    rights: Sequence[str] | None
    """Of download, list and update; None where the index does not tell."""
    version: str | None = None
    """Of the pypi-publish that the index runs; None where it is another index."""
    passes_on: bool = False
    """Whether the index sends installers to another one for names that it does not own."""


class IndexClient:
    """The connections to one index, with the credentials of one user or none; several threads may use them."""

    def __init__(self, url: IndexUrl, credentials: Credentials | None) -> None:
        self.url = url
        self.credentials = credentials
        auth = http.BasicAuth(credentials.username, credentials.password) if credentials else http.BasicAuth()
        self._session = http.open_session(auth)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def files(self, project: str) -> dict[str, RemoteFile]:
        """
        Return what the index has of a project (its normalised name), by file name; nothing for an unknown project.

        Reads the simple API as JSON (PEP 691) or HTML (PEP 503).

        Raises CredentialsError when the index refuses the credentials, IndexUnavailableError when it fails.
        """
        url = self.url.project_api(project)
        response = self._get(url, {"Accept": SIMPLE_ACCEPT, "Cache-Control": "no-cache"})
        if response.status_code == HTTPStatus.NOT_FOUND or _leads_elsewhere(response, url):
            return {}
        expect_success(response, self.url, self.credentials)
        try:
            if "json" in response.headers.get("Content-Type", ""):
                found = _files_of_json(response.json(), response.url)
            else:
                found = _files_of_html(response.text, response.url)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise IndexUnavailableError(
                f"{url} is not a project page of a package index: {error}.",
                hint="Give the index's root as the index URL; the pages are expected below its simple/.",
            ) from error
        return {file.filename: file for file in found}

    def requirements(self, project: str) -> list[str]:
        """
        Return what the newest wheels of a project require (PEP 508); nothing where the index does not tell (PEP 658).

        Raises CredentialsError when the index refuses the credentials, IndexUnavailableError when it fails.
        """
        wheels = [file for file in self.files(project).values() if file.filename.endswith(".whl") and not file.yanked]
        newest = max((parsed for file in wheels if (parsed := _version(file.filename))), default=None)
        found: dict[str, None] = {}
        for file in wheels:
            if newest is not None and _version(file.filename) == newest:
                response = http.get(self._session, f"{file.url}.metadata")
                if response.status_code != HTTPStatus.NOT_FOUND:
                    expect_success(response, self.url, self.credentials)
                    raw, _ = parse_email(response.content)
                    found |= dict.fromkeys(raw.get("requires_dist", []))
        return list(found)

    def projects(self) -> list[str]:
        """Return the names of all projects; raises CredentialsError and IndexUnavailableError."""
        response = self._get(self.url.simple, {"Accept": SIMPLE_ACCEPT})
        expect_success(response, self.url, self.credentials)
        if "json" in response.headers.get("Content-Type", ""):
            return [project["name"] for project in response.json()["projects"]]
        return [file.url.rstrip("/").rpartition("/")[2] for file in _files_of_html(response.text, response.url)]

    def _get(self, url: str, headers: Mapping[str, str]) -> http.Response:
        return http.get(self._session, url, headers)

    def post(self, form: Iterable[bytes | memoryview], content_type: str) -> http.Response:
        """
        Send an upload form to the index's root and return the answer, whatever its status.

        Raises IndexUnavailableError when there is no answer.
        """
        headers = {"Content-Type": content_type}
        with http.reaching(self.url.root):
            return self._session.post(
                self.url.root,
                data=cast("Iterable[bytes]", form),  # whatever a socket sends
                headers=headers,
                allow_redirects=False,
                timeout=http.TIMEOUT,
            )

    def change(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        """
        Send a change of what is published and return the index's JSON answer.

        Raises ConfigurationError when there is nothing of that name, CredentialsError, IndexUnavailableError.
        """
        url = self.url.endpoint(path)
        with http.reaching(url):
            response = self._session.request(method, url, json=body, allow_redirects=False, timeout=http.TIMEOUT)
        if response.status_code in {HTTPStatus.NOT_FOUND, 422}:
            raise ConfigurationError(error_text(response), hint="`pypi-publish list PROJECT` shows what there is.")
        expect_success(response, self.url, self.credentials)
        return response.json()

    def change_password(self, new: Secret) -> None:
        """
        Change the password of the user whose credentials the connection has.

        Raises ConfigurationError when the new one breaks the index's rules, CredentialsError when the credentials are
        refused, NotOfferedError when the index has no way to change one, IndexUnavailableError when it fails.
        """
        url = self.url.endpoint("password")
        with http.reaching(url):
            response = self._session.post(
                url, json={"password": new.reveal()}, allow_redirects=False, timeout=http.TIMEOUT
            )
        if response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY:
            raise ConfigurationError(f"{self.url} does not take the new password: {error_text(response)}")
        if response.status_code in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
            raise NotOfferedError(
                f"{self.url} lets nobody change a password over the network.",
                hint="Its administrator changes it; then run `pypi-publish login` with the new one.",
            )
        expect_success(response, self.url, self.credentials)

    def whoami(self) -> Account:
        """
        Prove the credentials to the index and return whom it takes them for.

        Raises CredentialsError when it refuses them, or when it asks nobody for a password and so can't prove any;
        IndexUnavailableError when it fails.
        """
        response = http.get(self._session, self.url.endpoint("whoami"), {"Accept": "application/json"})
        if response.status_code == HTTPStatus.OK and "json" in response.headers.get("Content-Type", ""):
            found = response.json()
            return Account(
                found["username"],
                tuple(found.get("rights", ())),
                version=found.get("version"),
                passes_on=found.get("passes-on") is True,
            )
        if response.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN} or response.status_code >= 500:
            expect_success(response, self.url, self.credentials)
        return self._whoami_of_another_index()

    def _whoami_of_another_index(self) -> Account:
        """Prove the credentials against the list of projects, the page that every index protects if it protects any."""
        anonymous = http.open_session(http.BasicAuth())
        try:
            if http.get(anonymous, self.url.simple).status_code == HTTPStatus.OK:
                raise CredentialsError(f"{self.url} shows its packages to everybody, so it can't prove a password.")
        finally:
            anonymous.close()
        expect_success(http.get(self._session, self.url.simple), self.url, self.credentials)
        if self.credentials is None:
            raise CredentialsError(f"There are no credentials for {self.url}.", hint=HOW_TO_LOG_IN)
        return Account(self.credentials.username, None)


def expect_success(response: http.Response, url: IndexUrl, credentials: Credentials | None) -> None:
    """
    Return when a request succeeded.

    Raises CredentialsError on 401 and 403, IndexUnavailableError on everything else that is not 2xx.
    """
    status = response.status_code
    if status == HTTPStatus.UNAUTHORIZED:
        if credentials is None:
            raise CredentialsError(f"{url} asks for a password.", hint=HOW_TO_LOG_IN)
        raise CredentialsError(
            f"{url} refused the password of {credentials.username!r} (from {credentials.source}).",
            hint="Run `pypi-publish login` to store the right one, or ask the index's administrator for an account.",
        )
    if status == HTTPStatus.FORBIDDEN:
        who = repr(credentials.username) if credentials else "an anonymous user"
        raise CredentialsError(
            f"{url} knows {who} but does not allow this: {error_text(response)}",
            hint="Ask the index's administrator for the right.",
        )
    if response.is_redirect:
        raise IndexUnavailableError(
            f"{url} redirects to {response.headers['Location']}.",
            hint="Use the URL that it redirects to as the index URL.",
        )
    if not response.ok:
        raise IndexUnavailableError(
            f"{url} answered {status}: {error_text(response)}",
            hint="Try again in a minute; if it stays so, the index's log says more (`pypi-publish doctor` helps).",
        )


def error_text(response: http.Response) -> str:
    """Return what an index says of a failure: the message of its JSON, its plain text, or the HTTP reason."""
    kind = response.headers.get("Content-Type", "")
    if "json" in kind:
        try:
            found = response.json()
        except ValueError:
            found = None
        if isinstance(found, dict):
            text = found.get("message") or found.get("detail") or found.get("title")
            if isinstance(text, str):
                return text.strip()
    if kind.startswith("text/plain") and (text := response.text.strip()):
        return text
    if kind.startswith("text/html") and (text := _title(response.text)):
        return text
    return f"{response.status_code} {response.reason}"


def is_project_list(response: http.Response) -> bool:
    """
    Tell whether a successful answer is an index's list of projects, in JSON (PEP 691) or HTML (PEP 503).

    An HTML list is a page of links; what asks for a sign-in or runs a script is another page in the index's place.
    """
    kind = response.headers.get("Content-Type", "")
    if "json" in kind:
        try:
            return isinstance(response.json()["projects"], list)
        except (ValueError, TypeError, KeyError):
            return False
    page = response.text.lower()
    return "html" in kind and not any(sign in page for sign in ("<form", "<script", 'http-equiv="refresh'))


def _leads_elsewhere(response: http.Response, url: str) -> bool:
    """Tell whether an index sends to another one for a project that it does not have (pypiserver's fallback)."""
    return response.is_redirect and not http.same_origin(url, urljoin(url, response.headers["Location"]))


def _version(wheel: str) -> Version | None:
    """Return the version in a wheel's name; None for a name that no wheel may have."""
    try:
        return parse_wheel_filename(wheel)[1]
    except InvalidWheelFilename:
        return None


def _files_of_json(page: Any, base: str) -> list[RemoteFile]:
    return [
        RemoteFile(
            file["filename"],
            urljoin(base, file["url"]),
            {algorithm: digest.lower() for algorithm, digest in file["hashes"].items()},
            bool(file.get("yanked", False)),
            datetime.fromisoformat(file["upload-time"]) if file.get("upload-time") else None,
            file.get("size"),
        )
        for file in page["files"]
    ]


def _files_of_html(page: str, base: str) -> list[RemoteFile]:
    parser = _Anchors()
    parser.feed(page)
    files = []
    for link, yanked in parser.links:
        parts = urlsplit(urljoin(base, link))
        algorithm, _, digest = parts.fragment.partition("=")
        files.append(
            RemoteFile(
                unquote(parts.path.rpartition("/")[2]),
                parts._replace(fragment="").geturl(),
                {algorithm: digest.lower()} if digest else {},
                yanked,
            )
        )
    return files


def _title(page: str) -> str:
    parser = _Anchors()
    parser.feed(page)
    return " ".join(parser.title.split())


class _Anchors(HTMLParser):
    """Collects the links of a page, each with whether it is yanked (PEP 592), and the page's title."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[tuple[str, bool]] = []
        self.title = ""
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "a" and (link := attributes.get("href")):
            self.links.append((link, "data-yanked" in attributes))
        self._in_title = tag == "title"

    def handle_endtag(self, tag: str) -> None:
        self._in_title = self._in_title and tag != "title"

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
