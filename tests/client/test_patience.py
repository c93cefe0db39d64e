"""Requests that an index works on for long are waited for as long as the index takes, where others give up."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from publisher.client import http
from publisher.client.accounts import AccountAdmin
from publisher.client.public_packages import CHANGE_PATIENCE, PublicPackagesClient
from publisher.client.url import parse_index_url
from publisher.errors import IndexUnavailableError
from publisher.limits import LIMITS
from publisher.secret import Secret
from tests.helpers.answering import Answer, answering


class _Slow(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        time.sleep(0.5)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b'{"users": ["ada"]}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        with suppress(ConnectionError):  # of a client that gave up
            self.end_headers()
            self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the name that http.server looks for

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def slow_url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Slow)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


def test_accounts_are_waited_for(slow_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "TIMEOUT", (5.0, 0.1))
    admin = AccountAdmin(parse_index_url(slow_url), Secret("token"))
    assert admin.names() == ["ada"]
    admin.close()
    session = http.IndexSession(slow_url, retries=False)
    with pytest.raises(IndexUnavailableError):
        session.request("GET", slow_url)
    session.close()


def test_an_index_that_fetches_public_packages_is_waited_for(slow_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "TIMEOUT", (5.0, 0.1))
    client = PublicPackagesClient(parse_index_url(slow_url), Secret("token"))
    with closing(client):
        assert client.change("warm", {"name": "torch"}) == {"users": ["ada"]}
        with pytest.raises(IndexUnavailableError):
            client.show("projects")


def test_the_client_waits_longer_than_the_index_works() -> None:
    assert LIMITS.upstream.admin_patience < CHANGE_PATIENCE


def test_a_platform_that_ends_the_wait_is_named_with_the_next_step() -> None:
    answer = Answer(303, headers={"Location": "/?call=1"})
    with (
        answering(lambda _: answer) as url,
        closing(PublicPackagesClient(parse_index_url(url), Secret("x"))) as client,
        pytest.raises(IndexUnavailableError, match="than its platform allows") as caught,
    ):
        client.change("warm", {"name": "torch"})
    assert caught.value.hint is not None
    assert "run the same command again" in caught.value.hint
