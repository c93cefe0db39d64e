"""The kinds of password hash that an htpasswd file may hold: recognized, verified, and made (bcrypt only)."""

import enum
import hmac
import re
from typing import Any

from publisher.limits import LIMITS

COST = 12
"""Logarithm of the rounds of new bcrypt hashes."""


class Scheme(enum.StrEnum):
    """The kind of an entry; all but the known kinds are locked accounts."""

    BCRYPT = "bcrypt"
    APR1 = "apr1"
    SHA256 = "sha256-crypt"
    SHA512 = "sha512-crypt"
    SHA1 = "{SHA}"
    DES = "DES crypt"
    PLAINTEXT = "clear text"
    LOCKED = "locked"


WEAK = frozenset({Scheme.SHA1, Scheme.DES, Scheme.PLAINTEXT})
"""Kinds from which a stolen file gives the passwords away."""

_SALTED = "[./0-9A-Za-z]"
_SCHEMES = {
    Scheme.BCRYPT: re.compile(rf"\$2[aby]\$(0[4-9]|[12]\d|3[01])\${_SALTED}{{53}}"),
    Scheme.APR1: re.compile(rf"\$apr1\${_SALTED}{{0,8}}\${_SALTED}{{22}}"),
    Scheme.SHA256: re.compile(rf"\$5\$(rounds=[1-9]\d{{3,8}}\$)?{_SALTED}{{0,16}}\${_SALTED}{{43}}"),
    Scheme.SHA512: re.compile(rf"\$6\$(rounds=[1-9]\d{{3,8}}\$)?{_SALTED}{{0,16}}\${_SALTED}{{86}}"),
    Scheme.SHA1: re.compile(r"\{SHA\}[A-Za-z0-9+/]{27}="),
    Scheme.DES: re.compile(rf"{_SALTED}{{13}}"),
}
_ROUNDS = re.compile(r"\$[56]\$rounds=(\d+)\$")
_NO_PLAINTEXT = ("$", "{", "!", "*")
"""First characters of hashes of other kinds and of locked accounts."""


def scheme_of(entry: str, *, allow_plaintext: bool = False) -> Scheme:
    """Return the kind of an entry; anything unknown or too costly is locked, unless clear text is allowed."""
    found = next((scheme for scheme, pattern in _SCHEMES.items() if pattern.fullmatch(entry)), Scheme.LOCKED)
    if _cost(entry, found) > (LIMITS.hash_cost if found is Scheme.BCRYPT else LIMITS.hash_rounds):
        return Scheme.LOCKED
    if found is Scheme.LOCKED and allow_plaintext and entry and not entry.startswith(_NO_PLAINTEXT):
        return Scheme.PLAINTEXT
    return found


def verify(entry: str, scheme: Scheme, password: str) -> bool:
    """
    Return whether a password matches an entry; this always costs exactly one hash.

    A password that the scheme does not support (too long, or with a NUL) is wrong, after the same work.
    """
    data = password.encode("utf-8", "surrogatepass")
    limit = LIMITS.password if scheme is Scheme.BCRYPT else LIMITS.other_password
    possible = 0 < len(data) <= limit and b"\0" not in data
    return _matches(entry, scheme, data[:limit].replace(b"\0", b"?")) and possible


def make(password: str) -> str:
    """Return a new hash of a password, which must be valid."""
    import bcrypt  # noqa: PLC0415, TID251 - the door to bcrypt; opened by the first password

    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(COST)).decode()


STAND_IN = "$2b$12$0K4yUwrHpAcyWLVQmT02/OkgJ6KfdWe/pqfO8SfrCFpO612u9vUmC"
"""An entry to spend a hash on where there is no account at all."""


def _cost(entry: str, scheme: Scheme) -> int:
    """Return the cost that an entry names, 0 for one that names none."""
    if scheme is Scheme.BCRYPT:
        return int(entry[4:6])
    named = _ROUNDS.match(entry) if scheme in {Scheme.SHA256, Scheme.SHA512} else None
    return int(named[1]) if named else 0


def _matches(entry: str, scheme: Scheme, password: bytes) -> bool:
    if scheme is Scheme.PLAINTEXT:
        return hmac.compare_digest(entry.encode(), password)
    if scheme is Scheme.BCRYPT:
        import bcrypt  # noqa: PLC0415, TID251 - see above

        return bcrypt.checkpw(password, entry.encode())
    from passlib import hash as kinds  # noqa: PLC0415, TID251 - the door to passlib; most files never need it

    handlers: dict[Scheme, Any] = {
        Scheme.APR1: kinds.apr_md5_crypt,
        Scheme.SHA256: kinds.sha256_crypt,
        Scheme.SHA512: kinds.sha512_crypt,
        Scheme.SHA1: kinds.ldap_sha1,
        Scheme.DES: kinds.des_crypt,
    }
    return bool(handlers[scheme].verify(password, entry))
