"""Requests to an index that is under test, with nothing added that the test does not ask for."""

import hashlib
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from publisher.client.http import BasicAuth
from publisher.secret import Secret

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "application/vnd.pypi.simple.v1+html"

Field = tuple[str, str]


class Client:
    """One user's requests to one index; redirects are not followed."""

    def __init__(self, url: str, auth: tuple[str, str] | None) -> None:
        self.url = url
        self._auth = BasicAuth(auth[0], Secret(auth[1])) if auth else BasicAuth()

    def get(self, path: str, headers: Mapping[str, str] | None = None, **options: Any) -> requests.Response:
        return self.request("GET", path, headers=headers, **options)

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        session = requests.Session()
        session.trust_env = False
        headers = {"Accept-Encoding": "identity", "Accept": "*/*", **(options.pop("headers", None) or {})}
        with session:
            return session.request(
                method, self.url + path, auth=self._auth, headers=headers, allow_redirects=False, timeout=30, **options
            )

    def prepare(self, request: requests.Request) -> requests.PreparedRequest:
        """Return a request as it would be sent, for a test that sends it in its own way."""
        request.auth = self._auth
        return request.prepare()

    def page(self, project: str) -> Any:
        """Return a project's page as JSON."""
        response = self.get(f"simple/{project}/", {"Accept": JSON})
        assert response.status_code == 200, response.text
        return response.json()

    def filenames(self, project: str) -> list[str]:
        return [file["filename"] for file in self.page(project)["files"]]

    def upload(
        self,
        path: Path,
        *,
        fields: Sequence[Field] | None = None,
        filename: str | None = None,
        to: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Upload a file as twine does, with the digest that it has, unless ``fields`` say otherwise."""
        if fields is None:
            fields = [(":action", "file_upload"), ("sha256_digest", sha256(path))]
        content = {"content": (filename or path.name, path.read_bytes(), "application/octet-stream")}
        return self.request("POST", to, data=list(fields), files=content, headers=headers)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def raw_request(url: str, data: bytes, *, shut_down: bool = False, timeout: float = 30) -> bytes:
    """Send bytes as they are and return everything that comes back until the server closes or falls silent."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=timeout) as connection:
        connection.sendall(data)
        if shut_down:
            connection.shutdown(socket.SHUT_WR)
        received = b""
        try:
            while chunk := connection.recv(65536):
                received += chunk
                if _is_complete(received):
                    break
        except ConnectionResetError:
            pass
        return received


def _is_complete(received: bytes) -> bool:
    head, blank, body = received.partition(b"\r\n\r\n")
    if not blank:
        return False
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return bool(lengths) and len(body) >= int(lengths[0].partition(b":")[2])
