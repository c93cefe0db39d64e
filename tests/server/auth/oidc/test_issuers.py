"""The keys of issuers: how often an issuer is asked, and which keys count meanwhile; no issuer is really asked."""

import asyncio
import base64
import json
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from publisher.server.auth.oidc import issuers
from publisher.server.auth.oidc.errors import InvalidJwtError, IssuerUnavailableError
from publisher.server.auth.oidc.fetching import FetchLimits
from publisher.server.auth.oidc.issuers import IssuerKeys

ISSUER = "https://ci.acme.example/oidc"
CONFIGURATION = f"{ISSUER}/.well-known/openid-configuration"
KEYS = "https://keys.acme.example/jwks"
_PUBLIC = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key(), as_dict=True)


class Remote:
    """An issuer whose documents a test changes, with the times at which it was asked."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.names = ["first"]
        self.configuration: object = {"issuer": ISSUER, "jwks_uri": KEYS}
        self.down = False
        self.asked: list[tuple[float, str]] = []
        self.keys = IssuerKeys(clock=lambda: self.now)

    async def fetch(self, url: str, limits: FetchLimits) -> bytes:
        assert limits == FetchLimits(2.0, 256 * 1024)
        self.asked.append((self.now, url))
        await asyncio.sleep(0)
        if self.down:
            raise IssuerUnavailableError("it answered 503.")
        if url == CONFIGURATION:
            found = self.configuration
            return found if isinstance(found, bytes) else json.dumps(found).encode()
        return json.dumps({"keys": [{**_PUBLIC, "kid": name} for name in self.names]}).encode()

    def key(self, name: str, at: float) -> str:
        """Ask for a key at a time, and return its algorithm, or the kind of the failure."""
        self.now = at
        try:
            return asyncio.run(self.keys.key(ISSUER, name)).algorithm
        except (InvalidJwtError, IssuerUnavailableError) as error:
            return type(error).__name__

    @property
    def times(self) -> list[float]:
        """The times at which the configuration was asked for, each before the keys."""
        return [at for at, url in self.asked if url == CONFIGURATION]


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> Remote:
    found = Remote()
    monkeypatch.setattr(issuers, "fetch", found.fetch)
    return found


def test_keys_come_from_the_place_that_the_configuration_names(remote: Remote) -> None:
    assert remote.key("first", 1000) == "ES256"
    assert [url for _, url in remote.asked] == [CONFIGURATION, KEYS]


def test_known_keys_are_used_for_an_hour(remote: Remote) -> None:
    assert [remote.key("first", at) for at in (1000, 1001, 4600, 4600.5)] == ["ES256"] * 4
    assert remote.times == [1000, 4600.5]


def test_an_unknown_key_is_asked_for_after_a_minute_and_not_before(remote: Remote) -> None:
    assert remote.key("first", 1000) == "ES256"
    remote.names.append("second")
    assert [remote.key("second", at) for at in (1001, 1030, 1059.9)] == ["InvalidJwtError"] * 3
    assert remote.times == [1000]
    assert remote.key("second", 1060) == "ES256"
    assert [remote.key("third", at) for at in (1061, 1119, 1120, 1121)] == ["InvalidJwtError"] * 4
    assert remote.times == [1000, 1060, 1120]


def test_an_issuer_that_was_never_heard_is_asked_every_five_seconds(remote: Remote) -> None:
    remote.down = True
    assert [remote.key("first", at) for at in (1000, 1004.9, 1005, 1009.9)] == ["IssuerUnavailableError"] * 4
    assert remote.times == [1000, 1005]
    remote.down = False
    assert remote.key("first", 1010) == "ES256"


def test_old_keys_stay_in_use_while_their_issuer_is_down_and_others_are_no_fault_of_the_token(remote: Remote) -> None:
    assert remote.key("first", 1000) == "ES256"
    remote.down = True
    assert [remote.key("first", at) for at in (4601, 10_000, 100_000)] == ["ES256"] * 3
    assert remote.key("second", 100_001) == "IssuerUnavailableError"
    remote.down = False
    assert remote.key("second", 100_002) == "IssuerUnavailableError", "it was asked a moment ago"
    assert remote.key("second", 100_060) == "InvalidJwtError"


def test_keys_that_their_issuer_takes_back_count_no_longer(remote: Remote) -> None:
    assert remote.key("first", 1000) == "ES256"
    remote.names = ["second"]
    assert remote.key("second", 1060) == "ES256"
    assert remote.key("first", 1061) == "InvalidJwtError"


def test_many_that_ask_share_one_attempt(remote: Remote) -> None:
    async def work() -> None:
        await asyncio.gather(*(remote.keys.key(ISSUER, "first") for _ in range(20)))

    asyncio.run(work())
    assert remote.times == [1000]


def test_a_request_that_goes_away_ends_no_attempt_of_others(remote: Remote) -> None:
    async def work() -> None:
        gone = asyncio.create_task(remote.keys.key(ISSUER, "first"))
        await asyncio.sleep(0)
        gone.cancel()
        assert (await remote.keys.key(ISSUER, "first")).algorithm == "ES256"

    asyncio.run(work())
    assert remote.times == [1000]


def test_warming_fetches_only_keys_that_are_not_known(remote: Remote) -> None:
    asyncio.run(remote.keys.warm(frozenset({ISSUER})))
    assert remote.times == [1000]
    remote.now = 100_000
    asyncio.run(remote.keys.warm(frozenset({ISSUER})))
    asyncio.run(remote.keys.warm(frozenset()))
    assert remote.times == [1000]
    assert remote.key("first", 1001) == "ES256"


def test_a_slash_at_the_end_of_an_issuer_is_part_of_its_name_only(remote: Remote) -> None:
    remote.configuration = {"issuer": f"{ISSUER}/", "jwks_uri": KEYS}
    asyncio.run(remote.keys.key(f"{ISSUER}/", "first"))
    assert remote.asked[0][1] == CONFIGURATION


@pytest.mark.parametrize(
    "configuration",
    [
        b"",
        b"<html>",
        b"[" * 50_000,
        [],
        {"issuer": ISSUER},
        {"jwks_uri": KEYS},
        {"issuer": f"{ISSUER}/", "jwks_uri": KEYS},
        {"issuer": "https://mallory.example", "jwks_uri": KEYS},
        {"issuer": ISSUER, "jwks_uri": "http://keys.acme.example/jwks"},
        {"issuer": ISSUER, "jwks_uri": "http://127.0.0.1/jwks"},
        {"issuer": ISSUER, "jwks_uri": "https://127.0.0.1/jwks"},
        {"issuer": ISSUER, "jwks_uri": "https://localhost:8443/jwks"},
        {"issuer": ISSUER, "jwks_uri": "file:///etc/passwd"},
        {"issuer": ISSUER, "jwks_uri": None},
        {"issuer": ISSUER, "jwks_uri": ["https://keys.acme.example/jwks"]},
    ],
    ids=lambda value: repr(value)[:60],
)
def test_configurations_that_say_something_else_give_no_keys(remote: Remote, configuration: object) -> None:
    remote.configuration = configuration
    assert remote.key("first", 1000) == "IssuerUnavailableError"
    assert [url for _, url in remote.asked] == [CONFIGURATION]


def test_a_failure_names_the_issuer_and_the_cause(remote: Remote, caplog: pytest.LogCaptureFixture) -> None:
    remote.down = True
    with pytest.raises(IssuerUnavailableError, match=rf"{ISSUER} can't be read: it answered 503\."):
        asyncio.run(remote.keys.key(ISSUER, "first"))
    assert ISSUER in caplog.text


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("change", "sound"),
    [
        (lambda key: key, True),
        (lambda key: {**key, "use": "sig", "alg": "ES256"}, True),
        (lambda key: {**key, "alg": "ES384"}, False),
        (lambda key: {**key, "alg": "RS256"}, False),
        (lambda key: {**key, "kty": "RSA"}, False),
        (lambda key: {**key, "crv": "P-384"}, False),
        (lambda key: {**key, "x": _base64(b"\1" * 32)}, False),
        (lambda key: {**key, "y": ""}, False),
        (lambda key: {**key, "d": _base64(b"\1" * 32)}, False),
        (lambda key: {name: value for name, value in key.items() if name != "kty"}, False),
    ],
)
def test_curve_keys_prove_something_only_as_they_should_be(
    remote: Remote, monkeypatch: pytest.MonkeyPatch, change: Callable[[dict[str, object]], object], *, sound: bool
) -> None:
    entry = change({**_PUBLIC, "kid": "first"})

    async def fetch(url: str, _limits: FetchLimits) -> bytes:
        found = remote.configuration if url == CONFIGURATION else {"keys": [entry]}
        return json.dumps(found).encode()

    monkeypatch.setattr(issuers, "fetch", fetch)
    assert remote.key("first", 1000) == ("ES256" if sound else "InvalidJwtError")
