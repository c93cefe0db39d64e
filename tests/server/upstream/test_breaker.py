"""The breakers of all origins: one for each, and an error that is no new failure."""

import pytest

from publisher.limits import UpstreamLimits
from publisher.server.upstream.breaker import CircuitBreaker, CircuitBreakers, NotAskedError

URL = "https://up.example/simple/"


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ("https://up.example/packages/x", True),
        ("https://ada:secret@up.example/simple/", True),
        ("https://ada:p%40ss@up.example/simple/", True),
        ("http://up.example/simple/", False),
        ("https://up.example:8443/simple/", False),
        ("https://files.up.example/simple/", False),
    ],
)
def test_an_origin_has_one_breaker(other: str, *, same: bool) -> None:
    breakers = CircuitBreakers(UpstreamLimits())
    assert (breakers.of(URL) is breakers.of(other)) == same


def test_an_origin_that_failed_too_often_is_not_asked() -> None:
    breakers = CircuitBreakers(UpstreamLimits(breaker_failures=2, breaker_pause=1000.0))
    for _ in range(2):
        breakers.require(URL).failed("it is down")
    with pytest.raises(NotAskedError) as caught:
        breakers.require(URL)
    assert caught.value.message == "Upstream is paused after failures: it is down"
    assert breakers.require("https://other.example/") is breakers.of("https://other.example/")
    breakers.of(URL).succeeded()
    assert breakers.require(URL) is breakers.of(URL)
    assert breakers.of(URL).last_failure == ""


def test_a_pause_ends_at_its_time_and_begins_anew_with_a_failure() -> None:
    now = 1000.0
    breaker = CircuitBreaker(1, 30.0, lambda: now)
    assert (breaker.is_open, breaker.allows(), breaker.last_failure) == (False, True, "")
    breaker.failed("first")
    now += 29.5
    assert (breaker.is_open, breaker.allows()) == (True, False)
    now += 0.5
    assert not breaker.is_open
    assert breaker.allows()
    now += 10
    breaker.failed("second")
    assert breaker.last_failure == "second"
    now += 29.5
    assert not breaker.allows()
    now += 0.5
    assert breaker.allows()


def test_failures_count_in_a_row() -> None:
    breaker = CircuitBreaker(2, 30.0, lambda: 0.0)
    for _ in range(3):
        breaker.failed("now and then")
        assert breaker.allows()
        breaker.succeeded()
