"""netrc files: the credentials of hosts, as curl, pip and uv read them, and entries as texts."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from publisher.errors import ConfigurationError
from publisher.secret import FROM_NETRC, Credentials, Secret, trimmed

DEFAULT = "default"
"""The name of the entry for every host without one."""

_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|((?:[^\s\\]|\\.)+)', re.DOTALL)
_MACRO = re.compile(r"^[ \t]*macdef\b.*?(?:\n[ \t]*\r?\n|\Z)", re.MULTILINE | re.DOTALL)


def netrc_file() -> Path | None:
    """Return the netrc file that is in force, or None."""
    candidates = [Path(named)] if (named := os.environ.get("NETRC")) else [Path("~/.netrc"), Path("~/_netrc")]
    with suppress(RuntimeError):  # there is no home to look in
        return next((path for place in candidates if (path := place.expanduser()).is_file()), None)
    return None


def netrc_entry(host: str, credentials: Credentials) -> str:
    """
    Return the lines that hold a host's credentials.

    Raises ConfigurationError for a line break in them, which no netrc file can hold.
    """
    login, password = _quote(credentials.username), _quote(credentials.password.reveal())
    return f"machine {host}\nlogin {login}\npassword {password}\n"


def netrc_hosts(text: str) -> set[str]:
    """
    Return the hosts that a netrc file has entries for.

    Raises ConfigurationError when the text is not a valid netrc file.
    """
    return set(parse_netrc(text))


def parse_netrc(text: str) -> Mapping[str, Credentials | None]:
    """
    Return the credentials of each host, and those of `DEFAULT`; None for an entry without a login or password.

    Words that are none of the file's own (``port 21``) are skipped, as curl does. The first entry of a host counts.

    Raises ConfigurationError when a value is missing.
    """
    found: dict[str, Credentials | None] = {}
    entry: dict[str, str] = {}
    host: str | None = None
    words = _words(_MACRO.sub("\n", trimmed(text)))
    for word, line in words:
        if word in {"machine", DEFAULT}:
            _add(found, host, entry)
            host, entry = (DEFAULT if word == DEFAULT else _value(words, word, line)), {}
        elif word in {"login", "user", "password", "account"}:
            entry.setdefault("login" if word == "user" else word, _value(words, word, line))
    _add(found, host, entry)
    return found


def _words(text: str) -> Iterator[tuple[str, int]]:
    """Yield each word, without its quotes, and its line, counted from 1; a ``#`` before a keyword begins a comment."""
    position = 0
    expects_value = False
    while match := _TOKEN.search(text, position):
        word = match[1] if match[1] is not None else match[2]
        if not expects_value and match[0].startswith("#"):
            end = text.find("\n", match.start())
            position = len(text) if end < 0 else end
            continue
        position = match.end()
        expects_value = not expects_value and word in {"machine", "login", "user", "password", "account"}
        yield re.sub(r"\\(.)", r"\1", word, flags=re.DOTALL), text.count("\n", 0, match.start()) + 1


def _value(words: Iterator[tuple[str, int]], keyword: str, line: int) -> str:
    value, _ = next(words, (None, 0))
    if value is None:
        raise ConfigurationError(
            f"Not a valid netrc file: line {line} has no value for {keyword!r}.", hint="Complete the entry."
        )
    return value


def _add(found: dict[str, Credentials | None], host: str | None, entry: Mapping[str, str]) -> None:
    if host is None or host in found:
        return
    login, password = entry.get("login"), entry.get("password")
    found[host] = Credentials(login, Secret(password), FROM_NETRC) if login and password else None


def _quote(token: str) -> str:
    if any(character in token for character in "\r\n"):
        raise ConfigurationError("A user name or password with a line break can't be passed to pip, uv, poetry or pdm.")
    escaped = token.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
