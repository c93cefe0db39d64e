"""Connections without `requests`: which are used again, how uploads end that fail, and how another thread ends them."""

import gzip
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from socket import create_server, socket
from urllib.parse import urlsplit
from weakref import WeakSet

import pytest

from publisher.client.client import IndexClient
from publisher.client.http import IndexSession
from publisher.client.plain import session as plain
from publisher.client.plain.connection import Connection
from publisher.client.plain.session import PlainSession
from publisher.client.url import parse_index_url
from publisher.errors import IndexUnavailableError, StoppedError
from publisher.secret import Credentials, Secret
from tests.helpers.answering import Answer, Request, answering, of_json, of_text
from tests.helpers.bodies import Pieces
from tests.helpers.waiting import eventually

ADA = Credentials("ada", Secret("correct horse"), "a test")
LARGE = Pieces(*[bytes(2**20)] * 32)
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Server:
    """Accepts connections and leaves each to a function of the test, in a thread of its own."""

    def __init__(self, serve: Callable[[socket], None], tls: ssl.SSLContext | None) -> None:
        self.accepted = 0
        self._serve = serve
        self._tls = tls
        self._listening = create_server(("127.0.0.1", 0))
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._listening.getsockname()[1]}/"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        self._listening.shutdown(2)
        self._listening.close()
        for thread in self._threads:
            thread.join(20)

    def _accept(self) -> None:
        with suppress(OSError):  # when it is closed
            while True:
                connection, _ = self._listening.accept()
                self.accepted += 1
                thread = threading.Thread(target=self._run, args=[connection])
                self._threads.append(thread)
                thread.start()

    def _run(self, connection: socket) -> None:
        with suppress(ConnectionError, ssl.SSLError):
            connection.settimeout(20)
            with self._tls.wrap_socket(connection, server_side=True) if self._tls else connection as used:
                self._serve(used)
        connection.close()


@contextmanager
def serving(serve: Callable[[socket], None], tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    with closing(Server(serve, tls)) as server:
        yield server


def read_request(connection: socket) -> bytes:
    """Return a request whose body is ``form`` if it is a POST; nothing at the connection's end."""
    received = b""
    while not received.endswith(b"form" if received.startswith(b"POST") else b"\r\n\r\n"):
        more = connection.recv(65536)
        if not more:
            return b""
        received += more
    return received


def post(session: PlainSession, url: str) -> int:
    response = session.post(url, {"Content-Type": "text/plain"}, Pieces(b"fo", b"rm"))
    assert response is not None
    return response.status_code


def test_requests_go_over_the_same_connection_as_long_as_it_is_open() -> None:
    def serve(connection: socket) -> None:
        while read_request(connection):
            connection.sendall(OK)

    with serving(serve) as server, closing(PlainSession(server.url, ADA)) as session:
        for _ in range(3):
            assert post(session, server.url) == 200
            assert session.get(server.url, {}) is not None
        assert server.accepted == 1


@pytest.mark.parametrize("end", ["closed", "said to close"])
def test_a_connection_that_the_other_side_has_ended_is_not_used_again(end: str) -> None:
    closed = threading.Event()

    def serve(connection: socket) -> None:
        read_request(connection)
        connection.sendall(OK.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n") if end == "said to close" else OK)
        if end == "closed":
            connection.close()
            closed.set()

    with serving(serve) as server, closing(PlainSession(server.url, ADA)) as session:
        for number in range(1, 4):
            assert post(session, server.url) == 200
            assert end == "said to close" or closed.wait(20)
            closed.clear()
            assert server.accepted == number


@pytest.mark.parametrize("status", [200, 202, 303, 307, 400, 401, 403, 409, 413, 429, 500, 503])
def test_an_upload_is_sent_once_and_its_answer_returned(status: int) -> None:
    asked: list[Request] = []

    def answer(request: Request) -> Answer:
        asked.append(request)
        return of_text(status, "why ✓", Location="/elsewhere/", **{"Content-Type": "text/plain; charset=utf-8"})

    with answering(answer) as url, closing(IndexClient(parse_index_url(url), ADA)) as client:
        found = client.post(Pieces(b"form"), "text/plain")
    assert (found.status_code, found.text, found.is_redirect) == (status, "why ✓", status in {303, 307})
    assert [request.body for request in asked] == [b"form"]


def test_an_answer_before_the_end_of_the_body_is_returned() -> None:
    def serve(connection: socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
        connection.shutdown(1)
        while connection.recv(2**20):
            pass

    with serving(serve) as server, closing(PlainSession(server.url, ADA)) as session:
        found = session.post(server.url, {}, LARGE)
    assert found is not None
    assert (found.status_code, found.content) == (413, b"no")


@pytest.mark.parametrize("error", [BrokenPipeError, ConnectionResetError, ssl.SSLEOFError, ssl.SSLZeroReturnError])
def test_an_answer_is_read_although_the_body_could_not_be_sent(error: type[OSError]) -> None:
    class Failing(Pieces):
        def __iter__(self) -> Iterator[bytes | memoryview]:
            yield b"fo"
            raise error

    def serve(connection: socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        while connection.recv(2**20):
            pass

    with serving(serve) as server, closing(PlainSession(server.url, ADA)) as session:
        for number in (1, 2):
            found = session.post(server.url, {}, Failing(b"form"))
            assert found is not None
            assert (found.status_code, found.content, server.accepted) == (413, b"no", number)


def test_a_server_that_ends_the_connection_before_the_body_does_not_answer() -> None:
    with (
        serving(lambda _: None) as server,
        closing(PlainSession(server.url, ADA)) as session,
        pytest.raises(IndexUnavailableError),
    ):
        session.post(server.url, {}, LARGE)


@pytest.mark.parametrize(
    "sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", b"nonsense", b"HTTP/1.1 200 OK\r\n" * 200]
)
def test_an_upload_without_a_whole_answer_fails_and_is_not_sent_again(sent: bytes) -> None:
    def serve(connection: socket) -> None:
        read_request(connection)
        connection.sendall(sent)

    with (
        serving(serve) as server,
        closing(IndexClient(parse_index_url(server.url), ADA)) as client,
        pytest.raises(IndexUnavailableError, match="the connection broke off"),
    ):
        client.post(Pieces(b"form"), "text/plain")
    assert server.accepted == 1


@pytest.mark.parametrize("coding", ["gzip", "GZIP ", "x-gzip", "deflate", "gzip, gzip", "br"])
@pytest.mark.parametrize("status", [200, 204, 409])
def test_an_upload_with_an_answer_in_any_coding_has_been_answered(coding: str, status: int) -> None:
    asked: list[Request] = []
    body = {200: b"", 204: b"", 409: gzip.compress("exists ✓".encode())}[status]

    def answer(request: Request) -> Answer:
        asked.append(request)
        return Answer(status, body, {"Content-Type": "text/plain", "Content-Encoding": coding})

    with answering(answer) as url, closing(PlainSession(url, ADA)) as session:
        found = session.post(url, {}, Pieces(b"form"))
    assert found is not None
    assert (found.status_code, len(asked)) == (status, 1)
    assert asked[0].headers["Accept-Encoding"] == "identity"
    if "gzip" in coding and "," not in coding and body:
        assert found.text == "exists ✓"


def test_an_index_that_answers_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain, "_POST_PATIENCE", 0.1)
    is_over = threading.Event()

    def serve(_: socket) -> None:
        is_over.wait(20)

    with serving(serve) as server, closing(PlainSession(server.url, ADA)) as session:
        with pytest.raises(IndexUnavailableError, match="took too long"):
            post(session, server.url)
        is_over.set()


def test_a_body_that_fails_ends_its_connection() -> None:
    ends: list[bytes] = []

    def serve(connection: socket) -> None:
        while more := connection.recv(65536):
            ends.append(more)
        ends.append(b"")

    class Stopping(Pieces):
        def __iter__(self) -> Iterator[bytes | memoryview]:
            yield b"fo"
            raise StoppedError("The upload was stopped.")

    with serving(serve) as server, closing(PlainSession(server.url, ADA)) as session:
        with pytest.raises(StoppedError):
            session.post(server.url, {}, Stopping(b"form"))
        assert eventually(lambda: ends[-1:] == [b""])
    assert b"".join(ends).endswith(b"\r\n\r\nfo")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_that_waits_fails_when_it_is_broken_off(method: str) -> None:
    is_asked, is_over = threading.Event(), threading.Event()
    found: list[object] = []

    def serve(connection: socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{}")  # until the connection ends
        is_asked.set()
        is_over.wait(20)

    with serving(serve) as server, closing(PlainSession(server.url, ADA)) as session:

        def ask() -> None:
            try:
                found.append(session.get(server.url, {}) if method == "GET" else post(session, server.url))
            except IndexUnavailableError as error:
                found.append(error.message)

        thread = threading.Thread(target=ask)
        thread.start()
        assert is_asked.wait(20)
        session.abort()
        thread.join(20)
        is_over.set()
    assert found == [None] if method == "GET" else "the connection broke off" in str(found)


def test_a_session_goes_on_after_its_connections_were_broken() -> None:
    with answering(lambda _: of_json({})) as url, closing(PlainSession(url, ADA)) as session:
        for _ in range(2):
            session.abort()
            assert post(session, url) == 200


def test_a_connection_whose_answer_comes_after_the_end_is_closed() -> None:
    is_asked, is_over = threading.Event(), threading.Event()
    ends: list[bytes] = []

    def serve(connection: socket) -> None:
        read_request(connection)
        is_asked.set()
        is_over.wait(20)
        connection.sendall(OK)
        ends.append(read_request(connection))

    with serving(serve) as server:
        session = PlainSession(server.url, ADA)
        thread = threading.Thread(target=post, args=[session, server.url])
        thread.start()
        assert is_asked.wait(20)
        session.close()
        is_over.set()
        thread.join(20)
        assert eventually(lambda: ends == [b""])


def test_threads_have_connections_of_their_own() -> None:
    together = threading.Barrier(4, timeout=20)

    def answer(request: Request) -> Answer:
        together.wait()
        return of_text(200, request.path)

    with answering(answer) as url, closing(PlainSession(url, ADA)) as session:
        found: list[str] = []

        def ask(number: int) -> None:
            response = session.get(f"{url}{number}", {})
            assert response is not None
            found.append(response.text)

        threads = [threading.Thread(target=ask, args=[number]) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert sorted(found) == ["/0", "/1", "/2", "/3"]


def test_another_origin_gets_nothing() -> None:
    asked: list[Request] = []

    def answer(request: Request) -> Answer:
        asked.append(request)
        return of_json({})

    with answering(answer) as url, answering(answer) as elsewhere, closing(PlainSession(url, ADA)) as session:
        assert session.get(elsewhere, {}) is None
        assert session.post(elsewhere, {}, Pieces(b"form")) is None
        assert session.get(url.replace("http:", "https:"), {}) is None
    assert asked == []


def test_an_upload_is_not_redirected_to_a_connection_without_tls(tls: ssl.SSLContext) -> None:
    with (
        answering(lambda _: Answer(307, headers={"Location": "http://127.0.0.1:1/"}), tls) as url,
        closing(PlainSession(url, ADA)) as session,
        pytest.raises(IndexUnavailableError, match="not encrypted"),
    ):
        post(session, url)


def test_an_answer_that_asks_for_a_proxys_password_is_explained() -> None:
    with (
        answering(lambda _: of_text(407)) as url,
        closing(PlainSession(url, ADA)) as session,
        pytest.raises(IndexUnavailableError, match="user name and password"),
    ):
        post(session, url)


def test_breaking_a_connection_off_never_ends_its_encryption(
    tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    shut = ssl.SSLSocket.shutdown

    def shutdown(connection: ssl.SSLSocket, how: int) -> None:
        assert connection.server_side, "a thread that sends at this moment would send clear text"
        shut(connection, how)

    monkeypatch.setattr(ssl.SSLSocket, "shutdown", shutdown)
    with answering(lambda _: of_json({}), tls) as url:
        with closing(PlainSession(url, ADA)) as session:
            assert post(session, url) == 200
            session.abort()
            assert post(session, url) == 200
        with closing(IndexSession(url)) as usual:
            usual.get(url)
            usual.abort()


class Watched(WeakSet[Connection]):
    """Notices a connection that is added while the others are listed, at which Python's own set would fail."""

    def __init__(self) -> None:
        super().__init__()
        self.is_listed, self.was_added, self.is_over = threading.Event(), threading.Event(), False

    def __iter__(self) -> Iterator[Connection]:
        found = list(super().__iter__())
        self.is_listed.set()
        self.was_added.wait(0.1)
        self.is_over = True
        return iter(found)

    def add(self, item: Connection) -> None:
        if self.is_listed.is_set() and not self.is_over:
            self.was_added.set()
        super().add(item)


def test_connections_may_be_made_while_others_are_broken_off() -> None:
    with answering(lambda _: of_json({})) as url, closing(PlainSession(url, ADA)) as session:
        assert session.get(url, {}) is not None
        session._connections = watched = Watched()

        def connect() -> None:
            watched.is_listed.wait(20)
            session.close()  # the connection that waits
            session.get(url, {})

        thread = threading.Thread(target=connect)
        thread.start()
        session.abort()
        thread.join(20)
        assert len(list(watched)) == 1
    assert not watched.was_added.is_set()


def test_a_connection_that_was_broken_off_before_it_was_made_sends_nothing() -> None:
    asked: list[Request] = []

    def answer(request: Request) -> Answer:
        asked.append(request)
        return of_json({})

    with answering(answer) as url:
        for step in ("before", "after"):
            connection = Connection(urlsplit(url).netloc, timeout=20)
            with closing(connection):
                if step == "after":
                    connection.connect()
                connection.abort()
                with pytest.raises(ConnectionAbortedError):
                    connection.connect() if step == "before" else connection.exchange("POST", url, {}, None, 20)
    assert asked == []


@pytest.mark.parametrize("more", ["early", "surplus"])
def test_an_answer_to_another_request_is_never_taken_for_ones_own(tls: ssl.SSLContext, more: str) -> None:
    length = 2**13  # which is read at once
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {length - 50}\r\nX: ".encode()
    whole_read = head.ljust(46, b"x") + b"\r\n\r\n" + bytes(length - 50)
    early, late = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"

    def serve(connection: socket) -> None:
        read_request(connection)
        connection.sendall(early if more == "early" else whole_read + late)
        if more == "early":
            connection.sendall(OK)
        read_request(connection)

    with serving(serve, tls) as server, closing(PlainSession(server.url, ADA)) as session:
        for number in range(1, 4):
            assert post(session, server.url) == (103 if more == "early" else 200)
            assert server.accepted == number
        if more == "early":
            assert session.get(server.url, {}) is None
