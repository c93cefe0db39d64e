"""The checks of an index, with answers made in memory: speed, certificate, clock, kind of answer, and health."""

import datetime as dt
import json
from email.utils import format_datetime
from typing import Any, Self

import pytest
from requests import Response

from publisher.client import http
from publisher.client.http import Probe
from publisher.client.url import parse_index_url
from publisher.errors import IndexUnavailableError
from publisher.machine.doctor import index
from publisher.machine.doctor.index import Reached, Thresholds, check_index
from tests.helpers.findings import run_check

NOW = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)
LIST = {"meta": {"api-version": "1.1"}, "projects": []}
LIST_TYPE = "application/vnd.pypi.simple.v1+json"

Findings = dict[str, tuple[str, str]]


def _answer(status: int = 401, body: object = b"", seconds: float = 0.1, **headers: str) -> Response:
    response = Response()
    response.status_code = status
    response._content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    response.elapsed = dt.timedelta(seconds=seconds)
    response.url = "https://acme.example/simple/"
    return response


class MadeUpSession:
    """A session whose answers are listed: the list of projects, the same again, and the health."""

    def __init__(self, answers: list[Response | Exception], certificate_end: dt.datetime | None) -> None:
        self._answers = answers
        self._certificate_end = certificate_end
        self.asked: list[str] = []
        self.closed = False
        self.given: tuple[str, dict[str, Any]] | None = None

    def connect(self, root: str, **options: Any) -> Self:
        self.given = (root, options)
        return self

    def probe(self, url: str, accept: str) -> Probe:
        self.asked.append(f"{url} {accept.partition(',')[0]}")
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Probe(answer, self._certificate_end)

    def close(self) -> None:
        self.closed = True


def _check(
    monkeypatch: pytest.MonkeyPatch,
    *answers: Response | Exception,
    url: str = "https://acme.example/",
    certificate_end: dt.datetime | None = None,
    thresholds: Thresholds | None = None,
) -> tuple[Findings, Reached, MadeUpSession]:
    monkeypatch.setattr(index, "_now", lambda: NOW)
    session = MadeUpSession(list(answers), certificate_end)
    monkeypatch.setattr(http, "IndexSession", session.connect)
    found, reached = run_check(check_index(parse_index_url(url), thresholds or Thresholds()))
    assert session.closed
    return {finding.check: (finding.verdict.value, finding.what) for finding in found}, reached, session


def test_an_index_that_asks_for_a_password_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    found, reached, session = _check(monkeypatch, _answer(), _answer(), _answer(200, {"status": "ok"}))
    assert found["is-an-index"] == ("ok", "It asks for a password.")
    assert found["healthy"][0] == "ok"
    assert found["encrypted"] == ("ok", "Its TLS certificate is trusted.")
    assert reached == Reached(answers=True)
    assert session.asked == [
        f"https://acme.example/simple/ {LIST_TYPE}",
        f"https://acme.example/simple/ {LIST_TYPE}",
        "https://acme.example/health application/json",
    ]
    assert session.given == ("https://acme.example/", {"retries": False})


def test_an_open_index_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    open_ = _answer(200, LIST, Content_Type=LIST_TYPE)
    found, reached, _ = _check(monkeypatch, open_, open_, _answer(404))
    assert found["is-an-index"] == ("note", "It can be read without an account.")
    assert reached == Reached(answers=True, is_open=True)
    assert found["healthy"][0] == "note"  # another index than ours


@pytest.mark.parametrize("answers", [[], [_answer()]])
def test_an_index_without_an_answer_is_not_asked_on(monkeypatch: pytest.MonkeyPatch, answers: list[Response]) -> None:
    error = IndexUnavailableError("No route.", hint="Go out.")
    found, reached, session = _check(monkeypatch, *answers, error)
    assert found == {"reachable": ("problem", "No route.")}
    assert reached == Reached(answers=False)
    assert len(session.asked) == len(answers) + 1


@pytest.mark.parametrize(
    ("first", "again", "level", "words"),
    [
        (0.25, 0.0124, "ok", "https://acme.example/ answers in 12 ms, the first time in 250 ms."),
        (9.0, 2.0, "ok", "https://acme.example/ answers in 2.0 s, the first time in 9.0 s."),
        (0.1, 2.01, "warning", "Slow: https://acme.example/ answers in 2.0 s, the first time in 100 ms."),
        (0.1, 0.9994, "ok", "https://acme.example/ answers in 999 ms, the first time in 100 ms."),
        (0.1, 1.0, "ok", "https://acme.example/ answers in 1.0 s, the first time in 100 ms."),
    ],
)
def test_the_second_answer_says_how_fast_it_is(
    monkeypatch: pytest.MonkeyPatch, *, first: float, again: float, level: str, words: str
) -> None:
    found, _, _ = _check(monkeypatch, _answer(seconds=first), _answer(seconds=again), _answer(404))
    assert found["reachable"] == (level, words)


@pytest.mark.parametrize(
    ("url", "is_warned"),
    [
        ("http://acme.example/", True),
        ("http://localhost.example/", True),  # a stranger's, like the next
        ("http://127.0.0.1.example/", True),
        ("http://acme.localhost/", False),
        ("http://localhost:8080/", False),
        ("http://127.0.0.1:8080/", False),
        ("http://[::1]:8080/", False),
        ("http://192.0.2.1/", True),
    ],
)
def test_plain_http_is_for_this_machine_alone(monkeypatch: pytest.MonkeyPatch, url: str, is_warned: object) -> None:
    found, _, _ = _check(monkeypatch, _answer(), _answer(), _answer(404), url=url)
    assert (found.get("encrypted", ("", ""))[0] == "warning") is is_warned
    assert ("encrypted" in found) is is_warned


@pytest.mark.parametrize(("days", "level"), [(13, "warning"), (14, "ok"), (90, "ok"), (-1, "warning")])
def test_a_certificate_has_to_last_two_weeks(monkeypatch: pytest.MonkeyPatch, days: int, level: str) -> None:
    end = NOW + dt.timedelta(days=days, hours=1)
    found, _, _ = _check(monkeypatch, _answer(), _answer(), _answer(404), certificate_end=end)
    assert found["encrypted"] == (level, f"Its TLS certificate is trusted, for {days} more days.")


@pytest.mark.parametrize(
    ("seconds", "level", "words"),
    [
        (0, "ok", "agrees"),
        (60, "ok", "agrees"),
        (-60, "ok", "agrees"),
        (61, "warning", "is 0:01:01 ahead of the index's."),
        (-3661, "warning", "is 1:01:01 behind the index's."),
    ],
)
def test_the_clocks_may_differ_by_a_minute(
    monkeypatch: pytest.MonkeyPatch, seconds: int, level: str, words: str
) -> None:
    date = format_datetime(NOW - dt.timedelta(seconds=seconds), usegmt=True)
    found, _, _ = _check(monkeypatch, _answer(), _answer(Date=date), _answer(404))
    assert found["clock"][0] == level
    assert words in found["clock"][1]


def test_without_a_valid_date_the_clock_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    for answer in (_answer(), _answer(Date="noon")):
        assert "clock" not in _check(monkeypatch, _answer(), answer, _answer(404))[0]


def test_the_limits_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    date = format_datetime(NOW - dt.timedelta(seconds=5), usegmt=True)
    found, _, _ = _check(
        monkeypatch,
        _answer(),
        _answer(Date=date, seconds=0.2),
        _answer(404),
        certificate_end=NOW + dt.timedelta(days=2),
        thresholds=Thresholds(slow=0.1, clock_difference=4.0, certificate_days=3),
    )
    assert {check: found[check][0] for check in ("reachable", "clock", "encrypted")} == dict.fromkeys(
        ("reachable", "clock", "encrypted"), "warning"
    )


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (_answer(200, b"<form>Sign in</form>", Content_Type="text/html"), "a page that lists no packages at"),
        (_answer(404), "there is nothing at https://acme.example/simple/."),
        (_answer(403), "forbids access without asking for a password (403)"),
        (_answer(302, Location="/else/"), "redirects to https://acme.example/else/."),
        (_answer(301, Location="https://b.example/simple/"), "redirects to https://b.example/simple/."),
        (_answer(418, b"no tea", Content_Type="text/plain"), "https://acme.example/ answered 418: no tea"),
    ],
)
def test_another_answer_is_no_index_and_has_no_health(
    monkeypatch: pytest.MonkeyPatch, answer: Response, words: str
) -> None:
    found, reached, session = _check(monkeypatch, answer, answer)
    assert found["is-an-index"][0] == "problem"
    assert words in found["is-an-index"][1]
    assert reached == Reached(answers=False)
    assert "healthy" not in found
    assert len(session.asked) == 2


@pytest.mark.parametrize(("status", "asked"), [(499, 2), (500, 3), (503, 3)])
def test_an_index_that_fails_is_asked_for_its_health(monkeypatch: pytest.MonkeyPatch, status: int, asked: int) -> None:
    found, reached, session = _check(monkeypatch, _answer(status), _answer(status), _answer(404))
    assert found["is-an-index"][0] == "problem"
    assert not reached.answers
    assert len(session.asked) == asked


@pytest.mark.parametrize(
    ("health", "level", "words"),
    [
        ({"status": "ok"}, "ok", "is an index of pypi-publish"),
        (
            {"status": "unavailable", "reading": "unavailable", "accounts": "ok"},
            "problem",
            "can't work: reading failed.",
        ),
        (
            {"status": "unavailable", "uploading": "unavailable", "accounts": "unavailable"},
            "problem",
            "can't work: accounts, uploading failed.",
        ),
        ({"status": "unavailable"}, "problem", "it does not say what failed."),
        ({"status": "fine"}, "note", "is not an index of pypi-publish"),
        (["ok"], "note", "is not an index of pypi-publish"),
    ],
)
def test_its_health(monkeypatch: pytest.MonkeyPatch, health: object, level: str, words: str) -> None:
    found, _, _ = _check(monkeypatch, _answer(), _answer(), _answer(200, health))
    assert found["healthy"][0] == level
    assert words in found["healthy"][1]
    assert "proxy" not in found


@pytest.mark.parametrize(("proxy", "is_warned"), [("not trusted", True), ("trusted", False)])
def test_an_untrusted_proxy_is_warned_of(monkeypatch: pytest.MonkeyPatch, proxy: str, is_warned: object) -> None:
    found, _, _ = _check(monkeypatch, _answer(), _answer(), _answer(200, {"status": "ok", "proxy": proxy}))
    assert ("proxy" in found) is is_warned
    assert found["healthy"][0] == "ok"


def test_a_health_that_breaks_off_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    found, reached, _ = _check(monkeypatch, _answer(), _answer(), IndexUnavailableError("It broke off."))
    assert found["healthy"] == ("problem", "It broke off.")
    assert reached.answers
