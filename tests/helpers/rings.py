"""Keyrings in memory for tests in one process, and an index that knows accounts."""

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import keyring
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError, PasswordSetError

from publisher.client.url import IndexUrl, parse_index_url
from tests.helpers.answering import Answer, Request, answering, of_json, of_text


class MemoryRing(KeyringBackend):
    """A keyring in memory, which can be made to refuse what it is given."""

    priority = 1.0
    name = "a ring in memory"

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.entries: dict[tuple[str, str], str] = {}
        self.refuses: str | None = None
        """The password that it can't hold."""

    def get_password(self, service: str, username: str) -> str | None:
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if password == self.refuses:
            raise PasswordSetError("it is full")
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.entries.pop((service, username), None) is None:
            raise PasswordDeleteError

    def users(self) -> set[tuple[str, str]]:
        """Return the user names and passwords that it has under any name."""
        return {(username, password) for (_, username), password in self.entries.items()}


@contextmanager
def ring_in_use() -> Iterator[MemoryRing]:
    """Have keyring use a ring in memory."""
    before = keyring.get_keyring()
    ring = MemoryRing()
    keyring.set_keyring(ring)
    try:
        yield ring
    finally:
        keyring.set_keyring(before)


class AccountIndex:
    """An index on loopback with passwords and tokens; ``answers`` come in place of its own, by path."""

    def __init__(self) -> None:
        self.passwords = {"ada": "correct horse"}
        self.answers: dict[str, Answer] = {}
        self.loses_answers = False
        """Whether passwords are changed with an answer that says nothing."""
        self.asked: list[tuple[str, str, object]] = []
        self.url: IndexUrl

    def __call__(self, request: Request) -> Answer:
        body: Mapping[str, object] = json.loads(request.body) if request.body else {}
        path = request.path.lstrip("/")
        self.asked.append((request.method, path, body))
        if path in self.answers:
            return self.answers[path]
        scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
        username, _, password = base64.b64decode(encoded).decode().partition(":")
        if scheme != "Basic" or self.passwords.get(username) != password:
            return of_text(401, "The user name or the password is wrong.")
        if path == "password":
            self.passwords[username] = str(body["password"])
        if path == "-/tokens":
            self.passwords["__token__"] = "a-new-token"
        found = {
            "whoami": of_json({"username": username, "rights": ["download"]}),
            "password": of_text(501) if self.loses_answers else of_json({"status": "changed"}),
            "-/tokens": of_json({"token": "a-new-token"}),
            "-/sessions": of_json({"username": username}),
        }
        return found.get(path, of_text(404))

    @property
    def paths(self) -> list[str]:
        """The paths that were asked for, in order."""
        return [path for _, path, _ in self.asked]


@contextmanager
def account_index() -> Iterator[AccountIndex]:
    """Serve an index with accounts on a free port."""
    index = AccountIndex()
    with answering(index) as url:
        index.url = parse_index_url(url)
        yield index
