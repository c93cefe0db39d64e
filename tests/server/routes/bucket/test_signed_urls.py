"""Signed URLs: how long each is given out, and how many are remembered."""

from urllib.parse import parse_qs, urlsplit

import pytest

from publisher.server.routes.bucket import signed_urls
from publisher.server.routes.bucket.signed_urls import SignedUrls
from publisher.server.storage.bucket.objects import open_bucket
from tests.helpers.clock import set_monotonic


class Signer:
    """A store that signs, and counts."""

    parameter = ""

    def __init__(self) -> None:
        self.signed: list[tuple[str, float]] = []

    def sign(self, key: str, seconds: float) -> str:
        self.signed.append((key, seconds))
        return f"https://store/{key}?{self.parameter}signature={len(self.signed)}"


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    clock = [1000.0]
    set_monotonic(monkeypatch, lambda: clock[0], signed_urls)
    return clock


@pytest.mark.parametrize(
    ("parameter", "kept"), [("", 600), ("X-Amz-Security-Token=x&", 240)], ids=["keys", "credentials of a role"]
)
def test_a_url_is_given_out_for_most_of_its_life(now: list[float], parameter: str, kept: int) -> None:
    signer = Signer()
    signer.parameter = parameter
    urls = SignedUrls(signer)  # type: ignore[arg-type]
    assert urls.recall("a") is None
    signed = urls.sign("a")
    assert signer.signed == [("a", 900)]
    assert urls.recall("a") is None  # before it is remembered
    urls.remember("a", signed)
    assert signed.rest == kept
    for seconds in (0, 1, kept - 1):
        now[0] = 1000.0 + seconds
        found = urls.recall("a")
        assert found is signed
        assert found.rest == kept - seconds
    for late in (kept - 0.5, kept, kept + 1000):
        now[0] = 1000.0 + late
        assert urls.recall("a") is None
        assert signed.rest == 0
    assert urls.recall("b") is None
    assert len(signer.signed) == 1


def test_the_urls_that_were_signed_longest_ago_are_forgotten_first(
    now: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signed_urls, "_REMEMBERED", 2)
    urls = SignedUrls(Signer())  # type: ignore[arg-type]
    for key in ("a", "b", "a", "c"):
        now[0] += 1
        urls.remember(key, urls.sign(key))
    assert [key for key in "abc" if urls.recall(key)] == ["a", "c"]


def test_a_url_has_its_time_limit_and_names_the_object(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"ACCESS_KEY_ID": "AK", "SECRET_ACCESS_KEY": "SK", "REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://store.invalid")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    plain = SignedUrls(open_bucket("s3://pkgs/index")).sign("files/acme/1/acme.whl")
    parts = urlsplit(plain.url)
    assert (parts.netloc, parts.path) == ("store.invalid", "/pkgs/index/files/acme/1/acme.whl")
    assert parse_qs(parts.query)["X-Amz-Expires"] == ["900"]
    assert plain.rest > 240
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-a-role")
    assert SignedUrls(open_bucket("s3://pkgs/index")).sign("a").rest <= 240
