"""A circuit breaker for each origin: one that fails is left alone for a while, so that it costs its time-out once."""

import time
from collections.abc import Callable
from urllib.parse import urlsplit

from publisher.limits import UpstreamLimits
from publisher.server.upstream.errors import UpstreamUnavailableError


class CircuitBreaker:
    """Counts failures in a row; after ``failures`` of them nothing is asked for ``pause`` seconds, then one probe."""

    def __init__(self, failures: int, pause: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._allowed_failures = failures
        self._pause = pause
        self._clock = clock
        self._failures = 0
        self._closed_until = 0.0
        self.last_failure = ""

    @property
    def is_open(self) -> bool:
        """Whether upstream failed so often that it is not asked now."""
        return self._failures >= self._allowed_failures and self._clock() < self._closed_until

    def allows(self) -> bool:
        """Return whether upstream may be asked; after the pause, one caller may, and others wait for its outcome."""
        if self._failures < self._allowed_failures:
            return True
        if self._clock() < self._closed_until:
            return False
        self._closed_until = self._clock() + self._pause
        return True

    def succeeded(self) -> None:
        """Note an answer."""
        self._failures = 0
        self.last_failure = ""

    def failed(self, reason: str) -> None:
        """Note a failure."""
        self._failures += 1
        self.last_failure = reason
        if self._failures >= self._allowed_failures:
            self._closed_until = self._clock() + self._pause


class CircuitBreakers:
    """The breakers of all origins that were asked."""

    def __init__(self, limits: UpstreamLimits) -> None:
        self._limits = limits
        self._breakers: dict[str, CircuitBreaker] = {}

    def of(self, url: str) -> CircuitBreaker:
        """Return the breaker of a URL's origin."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        found = self._breakers.get(origin)
        if found is None:
            found = CircuitBreaker(self._limits.breaker_failures, self._limits.breaker_pause)
            self._breakers[origin] = found
        return found

    def require(self, url: str) -> CircuitBreaker:
        """Return the breaker of a URL that may be asked; raise NotAskedError for one that may not."""
        breaker = self.of(url)
        if not breaker.allows():
            raise NotAskedError(f"Upstream is paused after failures: {breaker.last_failure}")
        return breaker


class NotAskedError(UpstreamUnavailableError):
    """The circuit breaker is open: no new failure."""
