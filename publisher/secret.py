"""Secrets that are never printed, and masking of passwords in other texts."""

import re
from dataclasses import dataclass, field
from typing import final

_HIDDEN = "****"
_URL_PASSWORD = re.compile(r"(?<=://)([^\s/:@]*):(?:[^\s/]*@|(?!\d*/)[^\s@]*@)")
"""User name and password of a URL, even of one whose password has a ``/`` or ``@`` that should have been quoted."""


@final
class Secret:
    """
    A password or token: `reveal` is the only way to its text, which is `trimmed`.

    It does not show in ``repr``, ``str``, format strings, tracebacks with locals or pickles.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = trimmed(text)

    def reveal(self) -> str:
        """Return the text, for the one call that sends or stores it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret('**********')"

    def __str__(self) -> str:
        return "**********"

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a secret is not pickled")


FROM_OPTIONS = "options and environment"
FROM_NETRC = "netrc"
"""Places that credentials come from, as messages name them."""


@dataclass(frozen=True)
class Credentials:
    """A user name and password for one index, and the words for where they come from."""

    username: str
    password: Secret = field(repr=False)
    source: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "username", trimmed(self.username))


def trimmed(text: str) -> str:
    """
    Return a text without the line breaks and byte order mark around it, which belong to its file and not to it.

    Editors, ``echo`` and secret stores add them; no password, token or name of an index has any.
    """
    return text.strip("\r\n\ufeff")


def is_unicode(text: str) -> bool:
    """Return whether a text is valid Unicode: Python stores invalid bytes of arguments and variables as surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def mask_urls(text: str) -> str:
    """Return a URL, or a text that holds some, without their passwords."""
    return _URL_PASSWORD.sub(rf"\1:{_HIDDEN}@", text)
