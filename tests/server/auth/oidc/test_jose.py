"""JSON web tokens and key sets: what is accepted, to the bit and the second, and how a refusal is explained."""

import base64
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from publisher.server.auth.oidc import jose
from publisher.server.auth.oidc.errors import InvalidJwtError

SECRET = b"s" * 32
ISSUER, AUDIENCE = "https://ci.example", "pypi.example"


def own(changes: dict[str, Any] | None = None, key_id: str = "one") -> str:
    """Return a token of the index's own; claims that are None are left out."""
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "nbf": now, "exp": now + 300, "jti": "7", **(changes or {})}
    return jose.sign({name: value for name, value in claims.items() if value is not None}, SECRET, key_id)


def refusal(token: str, secret: bytes = SECRET) -> str:
    with pytest.raises(InvalidJwtError) as caught:
        jose.verify_own(token, secret, issuer=ISSUER, audience=AUDIENCE)
    return str(caught.value)


def test_a_token_of_ones_own_is_verified() -> None:
    claims = jose.verify_own(own({"name": "widgets"}), SECRET, issuer=ISSUER, audience=AUDIENCE)
    assert (claims["name"], claims["jti"], claims["aud"]) == ("widgets", "7", AUDIENCE)
    assert jose.peek(own(), jose.OWN_ALGORITHMS) == jose.UnverifiedJwt("one", "HS256", ISSUER)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        *[({name: None}, f"It lacks the claim {name}.") for name in ("iat", "nbf", "exp", "jti", "iss", "aud")],
        ({"aud": "other"}, "Its audience (aud) is not 'pypi.example'."),
        ({"aud": [AUDIENCE]}, "Its audience (aud) is not 'pypi.example'."),
        ({"iss": "https://other.example"}, "Its signature or its claims are not valid."),
        ({"exp": "soon"}, "Its signature or its claims are not valid."),
        ({"jti": ""}, "Its identifier (jti) is not text."),
    ],
)
def test_each_claim_is_required_and_right(changes: dict[str, Any], says: str) -> None:
    assert refusal(own(changes)) == says


def test_another_secret_or_algorithm_proves_nothing() -> None:
    assert refusal(own(), b"t" * 32) == "Its signature or its claims are not valid."
    head, body, _ = own().split(".")
    assert refusal(f"{head}.{body}.") == "Its signature or its claims are not valid."
    claims = jwt.decode(own(), options={"verify_signature": False})
    assert refusal(jwt.encode(claims, 2 * SECRET, "HS512"), 2 * SECRET) == "Its signature or its claims are not valid."


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"exp": -10}, ""),
        ({"exp": -jose.LEEWAY - 5}, "It has expired."),
        ({"nbf": jose.LEEWAY - 10}, ""),
        ({"nbf": jose.LEEWAY + 5}, "It is not valid yet."),
        ({"iat": jose.LEEWAY - 10}, ""),
        ({"iat": jose.LEEWAY + 5}, "It is not valid yet."),
    ],
)
def test_clocks_may_differ_by_the_leeway(changes: dict[str, int], says: str) -> None:
    now = int(time.time())
    token = own({name: now + seconds for name, seconds in changes.items()})
    if says:
        assert refusal(token) == says
    else:
        assert jose.verify_own(token, SECRET, issuer=ISSUER, audience=AUDIENCE)["jti"] == "7"


def forged(header: object, claims: object) -> str:
    parts = [json.dumps(part).encode() for part in (header, claims)] + [b"x"]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@pytest.mark.parametrize(
    ("token", "says"),
    [
        ("x", "Not a JSON web token."),
        ("", "Not a JSON web token."),
        (forged([], {}), "Not a JSON web token."),
        (forged({"alg": "RS256", "kid": "a"}, []), "Not a JSON web token."),
        (forged({"kid": "a"}, {"iss": ISSUER}), "Its algorithm is not one of ES256, RS256."),
        (forged({"alg": "HS256", "kid": "a"}, {"iss": ISSUER}), "Its algorithm is not one of ES256, RS256."),
        (forged({"alg": "RS256"}, {"iss": ISSUER}), "Its header names no key (kid)."),
        (forged({"alg": "RS256", "kid": ""}, {"iss": ISSUER}), "Its header names no key (kid)."),
        (forged({"alg": "RS256", "kid": "a"}, {}), "It names no issuer (iss)."),
        (forged({"alg": "RS256", "kid": "a"}, {"iss": [ISSUER]}), "It names no issuer (iss)."),
        (forged({"alg": "RS256", "kid": "a", "crit": ["b64"], "b64": True}, {"iss": ISSUER}), "critical extensions"),
    ],
)
def test_a_malformed_token_is_refused_with_its_reason(token: str, says: str) -> None:
    with pytest.raises(InvalidJwtError) as caught:
        jose.peek(token, jose.ISSUER_ALGORITHMS)
    assert says in str(caught.value)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_a_token_of_an_issuer_names_its_key(algorithm: str) -> None:
    found = jose.peek(forged({"alg": algorithm, "kid": "a"}, {"iss": ISSUER}), jose.ISSUER_ALGORITHMS)
    assert (found.key_id, found.algorithm, found.issuer) == ("a", algorithm, ISSUER)


@pytest.mark.parametrize("missing", ["iss", "aud", "iat", "exp", "jti", "nbf"])
def test_an_issuer_may_leave_out_only_when_a_token_begins(missing: str) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    key = jose.PublicKey(private.public_key(), "ES256")
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 300, "jti": "7", "nbf": now}
    del claims[missing]
    token = jwt.encode(claims, private, "ES256")
    if missing == "nbf":
        assert jose.verify(token, key, issuer=ISSUER, audience=AUDIENCE)["jti"] == "7"
        return
    with pytest.raises(InvalidJwtError, match=f"It lacks the claim {missing}"):
        jose.verify(token, key, issuer=ISSUER, audience=AUDIENCE)


# key sets


def number(value: int) -> str:
    return base64.urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8)).rstrip(b"=").decode()


def rsa_key(bits: int = 2048, **changes: Any) -> dict[str, Any]:
    return {"kty": "RSA", "kid": "one", "n": number(2 ** (bits - 1) + 1), "e": "AQAB", **changes}


def curve_key(curve: ec.EllipticCurve) -> dict[str, Any]:
    key = ec.generate_private_key(curve).public_key()
    return {**jwt.algorithms.ECAlgorithm.to_jwk(key, as_dict=True), "kid": "one"}


def algorithms(*entries: object) -> list[str]:
    return [key.algorithm for key in jose.parse_keys(json.dumps({"keys": entries}).encode()).values()]


@pytest.mark.parametrize(("bits", "counts"), [(2047, False), (2048, True), (8192, True), (8193, False)])
def test_a_key_is_neither_too_short_nor_too_long(bits: int, *, counts: bool) -> None:
    assert algorithms(rsa_key(bits)) == (["RS256"] if counts else [])


@pytest.mark.parametrize(
    ("curve", "counts"), [(ec.SECP256R1(), True), (ec.SECP384R1(), False), (ec.SECP256K1(), False)]
)
def test_only_the_curve_of_the_algorithm_counts(curve: ec.EllipticCurve, *, counts: bool) -> None:
    assert algorithms(curve_key(curve)) == (["ES256"] if counts else [])


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({"alg": "RS256", "use": "sig"}, True),
        ({"alg": "RS256"}, True),
        ({"use": "sig"}, True),
        ({"alg": "RS512"}, False),
        ({"alg": "ES256"}, False),
        ({"use": "enc"}, False),
        ({"d": "AQ"}, False),
        ({"kty": "EC"}, False),
        ({"kty": "OKP"}, False),
        ({"kid": ""}, True),
    ],
)
def test_a_key_is_for_signatures_of_its_algorithm(changes: dict[str, Any], *, counts: bool) -> None:
    assert algorithms(rsa_key(**changes)) == (["RS256"] if counts else [])


def test_a_set_has_up_to_a_hundred_keys() -> None:
    keys = [rsa_key(kid=str(each)) for each in range(101)]
    assert len(algorithms(*keys[:100])) == 100
    with pytest.raises(InvalidJwtError, match="Not a JSON web key set"):
        algorithms(*keys)
