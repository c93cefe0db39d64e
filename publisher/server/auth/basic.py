"""Reading Basic credentials (RFC 7617) and Bearer tokens (RFC 6750) out of an Authorization header."""

import base64
import binascii
import unicodedata

from publisher.limits import LIMITS
from publisher.server.auth.errors import CredentialsRefusedError


def parse_basic(header: bytes) -> tuple[str, str]:
    """Return user name and password; raise CredentialsRefusedError for a header that has none."""
    scheme, _, encoded = header.partition(b" ")
    if len(encoded) > LIMITS.credentials:  # comparing letters takes the square of how many marks one of them has
        raise CredentialsRefusedError("The user name or the password is too long.")
    try:
        text = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        text = b""
    if scheme.lower() != b"basic" or b":" not in text:
        raise CredentialsRefusedError("The Authorization header has no Basic credentials.")
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError:
        decoded = text.decode("latin-1")  # as clients sent it before RFC 7617
    username, _, password = decoded.partition(":")
    return username, password


def parse_bearer(header: bytes) -> bytes | None:
    """Return a bearer token, None for a header that has none."""
    scheme, _, token = header.partition(b" ")
    return token.strip() or None if scheme.lower() == b"bearer" else None


def spellings(password: str) -> list[str]:
    """Return a password as it was sent, then as other systems compose its letters."""
    return list(dict.fromkeys([password, *(unicodedata.normalize(form, password) for form in ("NFC", "NFD"))]))
