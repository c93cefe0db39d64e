"""The checks of the index: connection, speed, protocol, and identity."""

import datetime as dt
from collections.abc import Generator, Iterator
from contextlib import closing
from http import HTTPStatus
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urljoin

from publisher.client import http
from publisher.client.answers import error_text
from publisher.client.pages import SIMPLE_ACCEPT, is_project_list
from publisher.client.url import IndexUrl
from publisher.errors import IndexUnavailableError
from publisher.machine.diagnosis import Area, Diagnosis, Reporter

_INDEX = Reporter(Area.INDEX)


class Thresholds(NamedTuple):
    """Limits without a warning: seconds for an answer, seconds between two clocks, days left of a certificate."""

    slow: float = 2.0
    clock_difference: float = 60.0
    certificate_days: int = 14


class Reached(NamedTuple):
    """An index after its checks: does it answer as one, and does it ask for a password."""

    answers: bool
    is_open: bool = False


def check_index(url: IndexUrl, thresholds: Thresholds) -> Generator[Diagnosis, None, Reached]:
    """Yield findings, and return the results that later checks need."""
    yield from _check_scheme(url)
    with closing(http.IndexSession(url.root, retries=False)) as session:
        try:
            first = session.probe(url.simple, SIMPLE_ACCEPT)
            again = session.probe(url.simple, SIMPLE_ACCEPT)
        except IndexUnavailableError as error:
            yield _INDEX.problem("reachable", error.message, error.hint)
            return Reached(answers=False)
        yield from _check_speed(url, first, again, thresholds)
        yield from _check_certificate(url, again, thresholds)
        yield from _check_clock(again, thresholds)
        reached = yield from _check_answer(url, again)
        if reached.answers or again.status >= 500:
            yield from _check_health(url, session)
    return reached


def _check_scheme(url: IndexUrl) -> Iterator[Diagnosis]:
    if url.root.startswith("http:") and not _is_this_machine(url.host):
        yield _INDEX.warning(
            "encrypted",
            f"{url} is plain HTTP: anyone on the network path can read the password and change the packages.",
            f"Use {url.root.replace('http:', 'https:', 1)}, or have the index served over TLS.",
        )


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _check_speed(url: IndexUrl, first: http.Probe, again: http.Probe, thresholds: Thresholds) -> Iterator[Diagnosis]:
    words = f"{url} answers in {_shown(again.seconds)}, the first time in {_shown(first.seconds)}."
    if again.seconds > thresholds.slow:
        remedy = "Try another network or proxy; the index's access log tells how long it takes itself."
        yield _INDEX.warning("reachable", f"Slow: {words}", remedy)
    else:
        yield _INDEX.ok("reachable", words)


def _check_certificate(url: IndexUrl, probe: http.Probe, thresholds: Thresholds) -> Iterator[Diagnosis]:
    """Judge a certificate that the connection has accepted; its end is not known where the server hung up at once."""
    if not url.root.startswith("https:"):
        return
    if probe.certificate_end is None:
        yield _INDEX.ok("encrypted", "Its TLS certificate is trusted.")
        return
    days = (probe.certificate_end - _now()).days
    words = f"Its TLS certificate is trusted, for {days} more days."
    if days < thresholds.certificate_days:
        yield _INDEX.warning("encrypted", words, "The index's admin has to renew it before that.")
    else:
        yield _INDEX.ok("encrypted", words)


def _check_clock(probe: http.Probe, thresholds: Thresholds) -> Iterator[Diagnosis]:
    if probe.date is None:
        return
    ahead = (_now() - probe.date).total_seconds()
    if abs(ahead) <= thresholds.clock_difference:
        yield _INDEX.ok("clock", "This machine's clock agrees with the index's.")
        return
    where = "ahead of" if ahead > 0 else "behind"
    yield _INDEX.warning(
        "clock",
        f"This machine's clock is {dt.timedelta(seconds=round(abs(ahead)))} {where} the index's.",
        "Set the clock (on Linux: `timedatectl set-ntp true`): TLS, signatures and builds depend on it.",
    )


def _check_answer(url: IndexUrl, probe: http.Probe) -> Generator[Diagnosis, None, Reached]:
    """Judge the index's answer to an anonymous client."""
    status, response = probe.status, probe.response
    if status == HTTPStatus.UNAUTHORIZED:
        yield _INDEX.ok("is-an-index", "It asks for a password.")
        return Reached(answers=True)
    if status == HTTPStatus.OK and is_project_list(response):
        yield _INDEX.note("is-an-index", "It can be read without an account.")
        return Reached(answers=True, is_open=True)
    if response.is_redirect:
        target = urljoin(url.simple, response.headers["Location"])
        yield _INDEX.problem("is-an-index", f"{url.simple} redirects to {target}.", "Use that URL as the index URL.")
    elif status in {HTTPStatus.OK, HTTPStatus.NOT_FOUND}:
        found = "a page that lists no packages" if status == HTTPStatus.OK else "nothing"
        yield _INDEX.problem(
            "is-an-index",
            f"{url} is not the root of a package index: there is {found} at {url.simple}.",
            "Check the index URL. Behind a sign-in page of your network, sign in first.",
        )
    elif status == HTTPStatus.FORBIDDEN:
        yield _INDEX.problem(
            "is-an-index",
            f"{url} forbids access without asking for a password (403), so that pip never sends one.",
            "It has to answer 401 with WWW-Authenticate; a firewall or proxy in front of it may be what answers.",
        )
    else:
        yield _INDEX.problem(
            "is-an-index",
            f"{url} answered {status}: {error_text(response)}",
            "Try again in a minute; if it still fails, look at the index's log.",
        )
    return Reached(answers=False)


def _check_health(url: IndexUrl, session: http.IndexSession) -> Iterator[Diagnosis]:
    """Ask the index how it is, which only ours can tell."""
    try:
        health = session.probe(url.endpoint("health"), "application/json").json
    except IndexUnavailableError as error:
        yield _INDEX.problem("healthy", error.message, error.hint)
        return
    if isinstance(health, dict) and health.get("proxy") == "not trusted":
        yield _INDEX.warning(
            "proxy",
            "The index does not trust its proxy: all clients count as one address, and links may be wrong.",
            "Its administrator starts it with --trusted-proxy ADDRESS; the index's log names the address.",
        )
    match health:
        case {"status": "ok"}:
            yield _INDEX.ok("healthy", "It is an index of pypi-publish, and can read and write its packages.")
        case {"status": "unavailable"}:
            parts = [part for part in ("reading", "accounts", "uploading") if health.get(part) == "unavailable"]
            yield _INDEX.problem(
                "healthy",
                f"The index can't work: {', '.join(parts) or 'it does not say what'} failed.",
                "Ask its administrator; the cause is in its log, not on your machine.",
            )
        case _:
            yield _INDEX.note(
                "healthy", "It is not an index of pypi-publish: publishing works, `passwd` and `yank` don't."
            )


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _shown(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
