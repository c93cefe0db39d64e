"""Searches what programs under test have written for every secret that the tests have used."""

import base64
import json
import logging
import re
from binascii import Error as NoBase64
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus

import pytest
import requests

SHORTEST, LONGEST = 8, 4096
"""Characters of a secret; shorter ones are words that logs have anyway, longer ones are attacks."""

VARIABLES = re.compile(r"^(AUTH_TOKEN|ACTIONS_ID_TOKEN_REQUEST_TOKEN|\w+_(PASSWORD|TOKEN|SECRET)|\w*ADMIN_TOKEN)$")
"""The variables that hand secrets to programs."""

FIELDS = {"password", "token", "new", "again"}
"""The fields of forms and JSON objects that hold secrets."""

NO_SECRETS = {
    "a new password": "words of a sentence that `users add` prints",
    "none-of-these": "names no token",
}
"""Texts that tests send as secrets and that programs print for another reason."""

PRINTING = {
    ("token", "create"): "prints the token, once and alone on stdout",
    ("users", "add"): "with --generate prints the password, once and alone on stdout",
    ("users", "rotate"): "with --generate prints the password, once and alone on stdout",
    ("demo",): "prints the password of its own index, which ends with it",
    ("keyring",): "prints a password: that is what the command of keyring is for",
    ("config",): "prints a tool's configuration, which may hold a password",
}
"""Commands whose point is a secret on stdout; their stderr is searched as everybody's."""

MASKED = re.compile(rb"::add-mask::[^\n]*")
"""By these lines a workflow's log learns what to hide; GitHub shows none of them."""


class SecretSearch:
    """The secrets of a test run, each in the forms that it travels in, and the texts written since the last look."""

    def __init__(self) -> None:
        self._forms: dict[bytes, str] = {}
        self._logs: dict[Path, int] = {}
        self._audits: set[Path] = set()
        self._written: list[tuple[str, bytes]] = []

    def note(self, secret: object, source: str = "a test") -> None:
        """Remember a secret in clear, percent-encoded, escaped and base64."""
        if not isinstance(secret, str) or not SHORTEST <= len(secret) <= LONGEST or secret in NO_SECRETS:
            return
        if len(set(secret)) < 3:  # a long text of one letter, which other tests send as names
            return
        data = secret.encode("utf-8", "surrogatepass")
        encoded = base64.b64encode(data).rstrip(b"=")
        forms = {data, encoded, json.dumps(secret)[1:-1].encode()}
        with suppress(UnicodeEncodeError):
            forms |= {quote(secret, safe="").encode(), quote_plus(secret).encode()}
        self._forms.update(dict.fromkeys(forms, source))

    def note_request(self, request: requests.PreparedRequest) -> None:
        """Remember the secrets of a request."""
        scheme, _, value = str(request.headers.get("Authorization", "")).partition(" ")
        if scheme.lower() == "basic":
            self.note(value.rstrip("="), "a header")
            with suppress(NoBase64, ValueError):
                self.note(base64.b64decode(value).decode().partition(":")[2], "a password")
        elif scheme:
            self.note(value, "a bearer token")
        self._note_cookies(str(request.headers.get("Cookie", "")).split(";"))
        body = request.body
        text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body if isinstance(body, str) else ""
        if text.startswith("{"):
            self._note_json(text)
        elif "urlencoded" in str(request.headers.get("Content-Type", "")):
            with suppress(ValueError):
                self._note_fields(dict(parse_qsl(text)))

    def note_response(self, response: requests.Response) -> None:
        """Remember the secrets of an answer."""
        self._note_cookies(response.headers.get("Set-Cookie", "").split(";")[:1])
        if response.headers.get("Content-Type", "").startswith("application/json") and len(response.content) < 10_000:
            self._note_json(response.text)

    def note_program(self, words: Sequence[str], env: Mapping[str, str], given: str, out: bytes, err: bytes) -> None:
        """Remember the secrets that a program was given, and what it wrote."""
        for name, value in env.items():
            if VARIABLES.fullmatch(name):
                self.note(value, name)
        if "--password-stdin" in words:
            self.note(given.strip(), "--password-stdin")
        names = [word for word in words if not word.startswith("-")]
        asks = "-c" in words  # a script of the test's own, which may ask keyring for a password
        if not asks and not any(
            tuple(names[at : at + len(each)]) == each for each in PRINTING for at in range(len(names))
        ):
            self.note_text(f"stdout of {' '.join(names[-3:])}", out)
        self.note_text(f"stderr of {' '.join(names[-3:])}", err)

    def note_log(self, path: Path) -> None:
        """Search a log from its end on."""
        self._logs.setdefault(path, path.stat().st_size if path.exists() else 0)
        self._audits.add(path.parent / "audit")

    def note_text(self, source: str, text: bytes) -> None:
        """Search a text."""
        self._written.append((source, text))

    def leaks(self) -> list[str]:
        """Return where a secret was written since the last call, and what kind; never the secret."""
        found = []
        for source, text in [*self._new_text(), *self._audit_text()]:
            shown = MASKED.sub(b"", text)
            found += [f"{source} has {kind}" for form, kind in self._forms.items() if form in shown]
        return sorted(set(found))

    def _new_text(self) -> list[tuple[str, bytes]]:
        texts, self._written = self._written, []
        for path, offset in self._logs.items():
            with suppress(OSError), path.open("rb") as log:
                log.seek(offset)
                data = log.read()
                texts.append((str(path), data))
                self._logs[path] = offset + len(data)
        return texts

    def _audit_text(self) -> Iterator[tuple[str, bytes]]:
        for path in (path for folder in self._audits for path in folder.rglob("*")):
            with suppress(OSError):
                yield str(path), path.read_bytes()
        self._audits = {folder for folder in self._audits if folder.parent.exists()}

    def _note_json(self, text: str) -> None:
        with suppress(ValueError, RecursionError):
            found = json.loads(text)
            if isinstance(found, dict):
                self._note_fields(found)

    def _note_fields(self, fields: Mapping[str, Any]) -> None:
        for name in FIELDS & set(fields):
            self.note(fields[name], f"the field {name}")

    def _note_cookies(self, pairs: Sequence[str]) -> None:
        for pair in pairs:
            self.note(pair.partition("=")[2].strip(), "a cookie")


SEARCH = SecretSearch()
"""The secrets and logs of this process's tests."""


class _Records(logging.Handler):
    """Hands on what servers in the tests' own process log."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("publisher"):
            with suppress(Exception):  # a record that can't be formatted is its test's matter
                SEARCH.note_text(f"the log of {record.name}", record.getMessage().encode("utf-8", "replace"))


@pytest.fixture(scope="session", autouse=True)
def _secrets_are_known() -> Iterator[None]:
    """Learn the secrets of every request that tests make, and keep what is logged in their process."""
    send = requests.Session.send

    def watched(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        SEARCH.note_request(request)
        response = send(session, request, **options)
        if not options.get("stream"):
            SEARCH.note_response(response)
        return response

    handler = _Records()
    logging.getLogger().addHandler(handler)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests.Session, "send", watched)
        yield
    logging.getLogger().removeHandler(handler)


@pytest.fixture(autouse=True)
def _secrets_stay_secret(_secrets_are_known: None) -> Iterator[None]:
    """Fail a test after which a log, a program's output or an audit trail has a secret."""
    yield
    leaks = SEARCH.leaks()
    if leaks:
        pytest.fail("a secret was written where anybody can read it:\n" + "\n".join(leaks), pytrace=False)


__all__ = ["SEARCH", "SecretSearch", "_secrets_are_known", "_secrets_stay_secret"]
