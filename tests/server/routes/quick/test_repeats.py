"""Reused answers are the same as new ones, on every connection."""

import base64
import re
import time
from collections.abc import Hashable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from publisher.server.app import IndexApp
from publisher.server.http.messages import Response
from publisher.server.routes.quick import repeats
from publisher.server.routes.quick.repeats import Repeat, Repeats
from publisher.server.settings import Activity
from tests.helpers.clock import set_monotonic
from tests.helpers.dists import make_wheel
from tests.helpers.inside import serving_app
from tests.helpers.waiting import eventually

HEADERS = {
    "Authorization": "Basic " + base64.b64encode(b"ada:correct horse").decode(),
    "Accept": "application/vnd.pypi.simple.v1+json",
}
PAGE, LIST, FILE = "/simple/acme/", "/simple/", "/packages/acme-1.0-py3-none-any.whl"


class Proof:
    """A proof that counts how often it is asked for."""

    def __init__(self, *, holds: bool = True) -> None:
        self.holds = holds
        self.asked = 0

    def __call__(self) -> bool:
        self.asked += 1
        return self.holds


def repeat(size: int = 10) -> Repeat:
    return Repeat(Response(200, b"x" * size), Proof(), Proof(), "")


def test_an_answer_needs_both_proofs_each_time() -> None:
    kept, may_read, is_right = Repeats(10**6), Proof(), Proof()
    one = Repeat(Response(200, b"x"), may_read, is_right, "")
    kept.keep("key", one)
    assert kept.recall("other") is None
    for proof in (may_read, is_right):
        proof.asked = 0
        assert kept.recall("key") is one
        proof.holds = False
        assert kept.recall("key") is None
        proof.holds = True
        assert kept.recall("key") is one
        assert proof.asked == 3


def test_answers_are_kept_within_a_number_of_bytes() -> None:
    kept = Repeats(100_000)
    for number in range(1000):
        kept.keep(number, repeat(5000))
        assert kept.recall(number) is not None
    held = [number for number in range(1000) if kept.recall(number) is not None]
    assert 1 <= len(held) <= 20


def test_small_answers_count_too() -> None:
    kept = Repeats(100_000)
    for number in range(1000):
        kept.keep(number, repeat(0))
    assert sum(kept.recall(number) is not None for number in range(1000)) <= 50


def test_a_large_answer_is_not_kept_and_displaces_none() -> None:
    kept = Repeats(100_000)
    kept.keep("small", repeat())
    kept.keep("large", repeat(repeats.LARGEST_KEPT))
    assert kept.recall("small") is not None
    assert kept.recall("large") is None


def test_an_answer_that_is_larger_than_all_may_be_is_not_kept() -> None:
    kept = Repeats(5000)
    kept.keep("key", repeat(4000))
    assert kept.recall("key") is None


def test_answers_are_let_go_after_some_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, now = Repeats(10**6), time.monotonic()
    set_monotonic(monkeypatch, lambda: now, repeats)
    kept.keep("first", repeat())
    set_monotonic(monkeypatch, lambda: now + 5, repeats)
    kept.keep("second", repeat())
    assert kept.recall("first") is not None
    set_monotonic(monkeypatch, lambda: now + 5.1, repeats)
    kept.keep("third", repeat())
    assert [kept.recall(key) is not None for key in ("first", "second", "third")] == [False, False, True]


@dataclass
class Served:
    """An index, and how many of its answers were given again."""

    url: str
    app: IndexApp
    folder: Path
    again: int = 0

    def connection(self) -> HTTPConnection:
        return HTTPConnection(urlsplit(self.url).netloc, timeout=20)

    def make_warm(self, *paths: str) -> None:
        """Ask until each answer is given again on a connection that has not asked for it."""
        with closing(self.connection()) as first, closing(self.connection()) as second:
            ask(second, "/simple/other/")

            def is_warm(path: str) -> bool:
                ask(first, path)
                before = self.again
                ask(second, path)
                return self.again == before + 1

            for path in paths:
                assert eventually(partial(is_warm, path)), path


def ask(connection: HTTPConnection, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    connection.request("GET", path, headers=HEADERS if headers is None else headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    with serving_app(tmp_path) as (url, app):
        for name in ("acme", "other"):
            make_wheel(tmp_path / "packages", name)
        found = Served(url, app, tmp_path)
        recall = app.quick._repeats.recall

        def counted(key: Hashable) -> Repeat | None:
            answer = recall(key)
            found.again += answer is not None
            return answer

        monkeypatch.setattr(app.quick._repeats, "recall", counted)
        yield found


def test_pages_lists_and_files_are_given_again_on_any_connection(served: Served) -> None:
    served.make_warm(PAGE, LIST, FILE, "/simple/other/")
    with closing(served.connection()) as alone:
        expected = {path: ask(alone, path, {**HEADERS, "X-Other": "headers"}) for path in (PAGE, LIST, FILE)}
    with closing(served.connection()) as connection:
        for _ in range(2):
            assert {path: ask(connection, path) for path in expected} == expected


def test_another_version_is_on_the_page_and_stays_there(served: Served) -> None:
    served.make_warm(PAGE)
    make_wheel(served.folder / "packages", "acme", "2.0")
    with closing(served.connection()) as connection:
        assert eventually(lambda: b"acme-2.0" in ask(connection, PAGE)[1])
        assert all(b"acme-2.0" in ask(connection, PAGE)[1] for _ in range(50))


def test_another_project_is_in_the_list_and_stays_there(served: Served) -> None:
    served.make_warm(LIST)
    make_wheel(served.folder / "packages", "third")
    with closing(served.connection()) as connection:
        assert eventually(lambda: b"third" in ask(connection, LIST)[1])
        assert all(b"third" in ask(connection, LIST)[1] for _ in range(50))


def test_a_file_that_was_replaced_or_removed_is_never_given_again(served: Served) -> None:
    served.make_warm(FILE)
    wheel = served.folder / "packages" / FILE.rpartition("/")[2]
    wheel.write_bytes(b"other bytes")
    with closing(served.connection()) as connection:
        for _ in range(3):
            assert ask(connection, FILE) == (200, b"other bytes")
        wheel.unlink()
        assert [ask(connection, FILE)[0] for _ in range(3)] == [404] * 3


def test_a_project_without_files_is_no_longer_there(served: Served) -> None:
    served.make_warm(PAGE)
    (served.folder / "packages" / FILE.rpartition("/")[2]).unlink()
    with closing(served.connection()) as connection:
        assert eventually(lambda: ask(connection, PAGE)[0] == 404)
        assert [ask(connection, PAGE)[0] for _ in range(3)] == [404] * 3


def test_a_path_without_a_name_is_no_list(served: Served) -> None:
    served.make_warm(LIST, PAGE)
    with closing(served.connection()) as connection:
        assert [ask(connection, path)[0] for path in ("/simple//", LIST, "/simple//", "/simple//")] == [
            404,
            200,
            404,
            404,
        ]


@pytest.mark.parametrize("path", [PAGE, LIST, FILE])
def test_other_credentials_get_their_own_answer(served: Served, path: str) -> None:
    served.make_warm(path)
    with closing(served.connection()) as connection:
        for headers, status in ((HEADERS, 200), ({"Accept": HEADERS["Accept"]}, 401), (HEADERS, 200)):
            assert [ask(connection, path, headers)[0] for _ in range(3)] == [status] * 3


@pytest.mark.parametrize("path", [PAGE, LIST, FILE])
def test_an_account_that_is_gone_gets_nothing(served: Served, path: str) -> None:
    served.make_warm(path)
    (served.folder / "htpasswd").write_text("ben:$apr1$x$xxxxxxxxxxxxxxxxxxxxxx\n")
    with closing(served.connection()) as connection:
        assert eventually(lambda: ask(connection, path)[0] == 401)
        assert [ask(connection, path)[0] for _ in range(2)] == [401] * 2


@pytest.mark.parametrize("form", ["text", "json"])
def test_each_answer_is_logged_with_its_own_sender_and_path(
    served: Served, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    lines: list[str] = []
    sizes: list[int] = []
    monkeypatch.setattr(served.app._access_log, "_form", form)
    monkeypatch.setattr(served.app.log_writer, "write_soon", lines.append)
    asked = [PAGE, "/simple/other/"] * 2

    def are_given_again() -> bool:
        """Return whether all were given again but the first two: those of each connection are parsed."""
        lines.clear()
        before = served.again
        with closing(served.connection()) as connection:
            sizes[:] = [len(ask(connection, path)[1]) for path in asked]
        assert eventually(lambda: len(lines) == len(asked), step=0.001)
        return served.again == before + 2

    assert eventually(are_given_again)
    for line, path, size in zip(lines, asked, sizes, strict=True):
        shape = (
            rf'127\.0\.0\.1 ada "GET {path}" 200 {size} \d+\.\dms'
            if form == "text"
            else rf'.*"client": "127\.0\.0\.1", "user": "ada", "method": "GET", "path": "{path}", "status": 200, '
            rf'"bytes": {size}, "ms": .*'
        )
        assert re.fullmatch(shape, line), line


def test_on_an_open_index_the_log_names_only_proven_senders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    with serving_app(tmp_path, {"authenticate": frozenset({Activity.UPDATE})}) as (url, app):
        make_wheel(tmp_path / "packages", "acme")
        monkeypatch.setattr(app._access_log, "_form", "text")
        monkeypatch.setattr(app.log_writer, "write_soon", lines.append)

        def name(path: str = PAGE) -> str:
            lines.clear()
            ask(connection, path)
            assert eventually(lambda: bool(lines), step=0.001)
            return lines[0].split()[1]

        with closing(HTTPConnection(urlsplit(url).netloc, timeout=20)) as connection:
            assert name("/whoami") == "ada"
            for _ in range(20):
                assert name() == "ada"
            (tmp_path / "htpasswd").write_text("ben:$apr1$x$xxxxxxxxxxxxxxxxxxxxxx\n")
            assert eventually(lambda: name() == "-", step=0.001, patience=3)
            assert {name() for _ in range(50)} == {"-"}


def test_a_failure_is_logged_and_costs_no_request(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    served.make_warm(PAGE)

    def fail(_key: Hashable) -> Repeat | None:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(served.app.quick._repeats, "recall", fail)
    message = "an answer can't be given again: RuntimeError('unforeseen')"
    with closing(served.connection()) as connection:
        assert eventually(lambda: ask(connection, PAGE)[0] == 200 and message in caplog.messages)
