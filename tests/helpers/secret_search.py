"""Searches the output of programs under test for every secret that the tests have used."""

import base64
import json
import logging
import re
from binascii import Error as NoBase64
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
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
"""Commands that print a secret to stdout; only their stderr is searched."""

MASKED = re.compile(rb"::add-mask::[^\n]*")
"""By these lines a workflow's log learns what to hide; GitHub shows none of them."""


QUIET = 20
"""Looks after which a log, or a folder of the audit trail, that stays as it is waits for the look at the end."""


@dataclass
class _Watched:
    """How much of a log was searched, or which files of a folder, and the number of scans without new text."""

    searched: int = 0
    files: set[Path] = field(default_factory=set)
    quiet: int = 0


class SecretSearch:
    """
    The secrets of a test run, each in the forms that it travels in, and the texts written since the last look.

    Most indexes of a run have ended long ago, so that a look after each test must not read the logs of all of them.
    """

    def __init__(self) -> None:
        self._forms: dict[bytes, str] = {}
        self._logs: dict[Path, _Watched] = {}
        self._audits: dict[Path, _Watched] = {}
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
        """Remember a program's secrets and its output."""
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
        self._logs.setdefault(path, _Watched(path.stat().st_size if path.exists() else 0)).quiet = 0
        self._audits.setdefault(path.parent / "audit", _Watched()).quiet = 0

    def note_text(self, source: str, text: bytes) -> None:
        """Search a text."""
        self._written.append((source, text))

    def leaks(self, *, all_quiet: bool = False) -> list[str]:
        """Return the place and kind of each secret written since the last call; never the secret."""
        found = []
        for source, text in [*self._new_text(all_quiet=all_quiet), *self._audit_text(all_quiet=all_quiet)]:
            shown = MASKED.sub(b"", text)
            found += [f"{source} has {kind}" for form, kind in self._forms.items() if form in shown]
        return sorted(set(found))

    def _new_text(self, *, all_quiet: bool) -> list[tuple[str, bytes]]:
        texts, self._written = self._written, []
        for path, log in self._logs.items():
            if log.quiet < QUIET or all_quiet:
                data = _read_from(path, log.searched)
                texts.append((str(path), data))
                log.searched += len(data)
                log.quiet = 0 if data else log.quiet + 1
        return texts

    def _audit_text(self, *, all_quiet: bool) -> Iterator[tuple[str, bytes]]:
        for folder, trail in self._audits.items():
            if trail.quiet < QUIET or all_quiet:
                new = {*folder.rglob("*")} - trail.files
                for path in new:
                    yield str(path), _read_from(path, 0)
                trail.files |= new
                trail.quiet = 0 if new else trail.quiet + 1

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


def _read_from(path: Path, offset: int) -> bytes:
    try:
        if path.stat().st_size == offset:
            return b""
        with path.open("rb") as file:
            file.seek(offset)
            return file.read()
    except OSError:
        return b""


SEARCH = SecretSearch()
"""The secrets and logs of this process's tests."""


class _Records(logging.Handler):
    """Collects the log of servers in the tests' own process."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("publisher"):
            with suppress(Exception):  # a record that can't be formatted is its test's matter
                SEARCH.note_text(f"the log of {record.name}", record.getMessage().encode("utf-8", "replace"))


@pytest.fixture(scope="session", autouse=True)
def _secrets_are_known() -> Iterator[None]:
    """Learn the secrets of every request that tests make, and keep the log of their process."""
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
    _expect_none(SEARCH.leaks(all_quiet=True))


@pytest.fixture(autouse=True)
def _secrets_stay_secret(_secrets_are_known: None) -> Iterator[None]:
    """Fail a test after which a log, a program's output or an audit trail has a secret."""
    yield
    _expect_none(SEARCH.leaks())


def _expect_none(leaks: Sequence[str]) -> None:
    if leaks:
        pytest.fail("a secret was written where anybody can read it:\n" + "\n".join(leaks), pytrace=False)


__all__ = ["SEARCH", "SecretSearch", "_secrets_are_known", "_secrets_stay_secret"]
