"""A connection that waits for the other side fails at once when another thread breaks it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from publisher.client.abort import AbortableAdapter
from tests.helpers.answering import Answer, Request, answering


class Silent:
    """A server that answers when a test lets it, and says when it was asked."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.answers = threading.Event()

    def __call__(self, request: Request) -> Answer:
        self.asked.set()
        self.answers.wait(20)
        return Answer(200, request.path.encode())


@contextmanager
def silent_server() -> Iterator[tuple[Silent, str]]:
    server = Silent()
    with answering(server) as url:
        try:
            yield server, url
        finally:
            server.answers.set()


def session_with(adapter: AbortableAdapter) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", adapter)
    return session


@pytest.mark.parametrize("through_proxy", [False, True])
def test_a_request_that_waits_fails_when_it_is_broken_off(*, through_proxy: bool) -> None:
    adapter = AbortableAdapter(0)
    failures: list[requests.RequestException] = []

    def ask(session: requests.Session, url: str) -> None:
        try:
            session.get("http://acme.invalid/" if through_proxy else url, timeout=20)
        except requests.RequestException as error:
            failures.append(error)

    with silent_server() as (server, url), session_with(adapter) as session:
        if through_proxy:
            session.proxies = {"http": url}
        thread = threading.Thread(target=ask, args=(session, url))
        thread.start()
        assert server.asked.wait(20)
        adapter.abort()
        thread.join(10)
        assert not thread.is_alive()
    assert [isinstance(failure, requests.ConnectionError) for failure in failures] == [True]


def test_a_session_goes_on_after_its_connections_were_broken() -> None:
    adapter = AbortableAdapter(0)
    adapter.abort()
    with answering(lambda request: Answer(200, request.path.encode())) as url, session_with(adapter) as session:
        for path in ("one", "two"):
            assert session.get(f"{url}{path}", timeout=20).text == f"/{path}"
        adapter.abort()
        assert session.get(f"{url}three", timeout=20).text == "/three"
