"""The text of API tokens: a prefix, an identifier, a secret, and a checksum by which scanners know a real one."""

import secrets
import string
import zlib
from typing import NamedTuple

PREFIX = "pypi-publish_"

IDENTIFIER, SECRET, CHECKSUM = 10, 40, 6
"""Characters of the parts after the prefix: 40 of base 62 are 238 bits."""

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase


class TokenText(NamedTuple):
    """A new token, and the part of it that is not secret."""

    identifier: str
    text: str


def new_token() -> TokenText:
    """Return a new random token."""
    identifier = "".join(secrets.choice(_ALPHABET) for _ in range(IDENTIFIER))
    body = PREFIX + identifier + "".join(secrets.choice(_ALPHABET) for _ in range(SECRET))
    return TokenText(identifier, body + _checksum(body))


def identifier_of(token: str) -> str | None:
    """Return the identifier in a token; None for a text that is not a token of this format."""
    if len(token) != len(PREFIX) + IDENTIFIER + SECRET + CHECKSUM or not token.startswith(PREFIX):
        return None
    if not token.isascii() or _checksum(token[:-CHECKSUM]) != token[-CHECKSUM:]:
        return None
    return token[len(PREFIX) : len(PREFIX) + IDENTIFIER]


def _checksum(body: str) -> str:
    """Return the CRC-32 of a text in base 62."""
    number, text = zlib.crc32(body.encode()), ""
    for _ in range(CHECKSUM):
        number, digit = divmod(number, len(_ALPHABET))
        text = _ALPHABET[digit] + text
    return text
