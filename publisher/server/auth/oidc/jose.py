"""The only door to PyJWT and cryptography: JSON web tokens and the public keys of issuers."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import jwt  # noqa: TID251 - the only door to jwt
from cryptography.exceptions import UnsupportedAlgorithm  # noqa: TID251 - the only door to cryptography
from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: TID251 - as above

from publisher.server.auth.oidc.errors import InvalidJwtError

LEEWAY = 30
"""Seconds by which the clocks of issuer and index may differ."""

_RSA_BITS = range(2048, 8192 + 1)
"""Shorter keys can be broken; longer ones only take time to verify with."""

_KEYS = 100
_OWN = "HS256"
OWN_ALGORITHMS = frozenset({_OWN})
ISSUER_ALGORITHMS = frozenset({"RS256", "ES256"})


class PublicKey(NamedTuple):
    """A public key of an issuer, and the one algorithm that it verifies."""

    key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey
    algorithm: str


class UnverifiedJwt(NamedTuple):
    """The unverified parts of a token that select the issuer and the key."""

    key_id: str
    algorithm: str
    issuer: str


def peek(token: str, algorithms: frozenset[str]) -> UnverifiedJwt:
    """
    Return key, algorithm and issuer that a token names, to choose the key; raise InvalidJwtError for a malformed one.

    A key, or the URL of one, in the header (``jwk``, ``jku``, ``x5u``) is never looked at.
    """
    try:
        found = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise InvalidJwtError("Not a JSON web token.") from error
    header, claims = found["header"], found["payload"]
    algorithm, key_id, issuer = header.get("alg"), header.get("kid"), claims.get("iss")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise InvalidJwtError(f"Its algorithm is not one of {', '.join(sorted(algorithms))}.")
    if "crit" in header:
        raise InvalidJwtError("Its header has critical extensions, which this index does not understand.")
    if not isinstance(key_id, str) or not key_id:
        raise InvalidJwtError("Its header names no key (kid).")
    if not isinstance(issuer, str):
        raise InvalidJwtError("It names no issuer (iss).")
    return UnverifiedJwt(key_id, algorithm, issuer)


def verify(token: str, key: PublicKey, *, issuer: str, audience: str) -> Mapping[str, Any]:
    """Return the claims of a token that an issuer has signed for an audience; raise InvalidJwtError otherwise."""
    return _verify(token, key.key, key.algorithm, issuer, audience, ["iss", "aud", "iat", "exp", "jti"])


def sign(claims: Mapping[str, Any], secret: bytes, key_id: str) -> str:
    """Return a token of this index's own."""
    return jwt.encode(dict(claims), secret, algorithm=_OWN, headers={"kid": key_id})


def verify_own(token: str, secret: bytes, *, issuer: str, audience: str) -> Mapping[str, Any]:
    """Return the claims of a token of this index's own; raise InvalidJwtError otherwise."""
    return _verify(token, secret, _OWN, issuer, audience, ["iss", "aud", "iat", "nbf", "exp", "jti"])


def parse_keys(text: bytes) -> dict[str, PublicKey]:
    """
    Return the keys of a JSON web key set by their names; those for other purposes or algorithms are left out.

    Raises InvalidJwtError for something else.
    """
    try:
        entries = json.loads(text)["keys"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidJwtError("Not a JSON web key set.") from error
    if not isinstance(entries, list) or len(entries) > _KEYS:
        raise InvalidJwtError("Not a JSON web key set.")
    found: dict[str, PublicKey] = {}
    for entry in entries:
        key = _parse_key(entry) if isinstance(entry, dict) else None
        if key is not None:
            found.setdefault(str(entry["kid"]), key)
    return found


def _parse_key(entry: dict[str, Any]) -> PublicKey | None:
    algorithm = {"RSA": "RS256", "EC": "ES256"}.get(str(entry.get("kty")))
    if algorithm is None or entry.get("alg", algorithm) != algorithm or entry.get("use", "sig") != "sig":
        return None
    if not isinstance(entry.get("kid"), str) or "d" in entry:  # a private key that anybody can read proves nothing
        return None
    try:
        key = jwt.PyJWK(entry, algorithm).key
    except (jwt.PyJWTError, UnsupportedAlgorithm, ValueError, TypeError, OverflowError):
        return None
    if isinstance(key, rsa.RSAPublicKey):
        return PublicKey(key, algorithm) if key.key_size in _RSA_BITS else None
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return PublicKey(key, algorithm)
    return None


def _verify(token: str, key: Any, algorithm: str, issuer: str, audience: str, required: list[str]) -> Mapping[str, Any]:  # noqa: PLR0913, PLR0917 - one argument for each thing that is proven
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            issuer=issuer,
            audience=audience,
            leeway=LEEWAY,
            options={"require": required, "strict_aud": True},
        )
    except jwt.ExpiredSignatureError:
        raise InvalidJwtError("It has expired.") from None
    except jwt.ImmatureSignatureError:
        raise InvalidJwtError("It is not valid yet.") from None
    except jwt.InvalidAudienceError:
        raise InvalidJwtError(f"Its audience (aud) is not {audience!r}.") from None
    except jwt.MissingRequiredClaimError as error:
        raise InvalidJwtError(f"It lacks the claim {error.claim}.") from None
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
        raise InvalidJwtError("Its signature or its claims are not valid.") from None
    if not isinstance(claims["jti"], str) or not claims["jti"]:
        raise InvalidJwtError("Its identifier (jti) is not text.")
    return claims
