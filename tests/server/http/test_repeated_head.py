"""Requests whose headers are not parsed again get the same answers as requests that are parsed."""

import asyncio
import base64
import itertools
import random
import re
import socket
import threading
from collections.abc import Hashable, Iterator
from contextlib import closing
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import httptools
import pytest

from publisher.server.app import IndexApp
from publisher.server.http.messages import Request, Response
from publisher.server.http.repeated_head import RepeatedHead, repeated_head
from publisher.server.routes.quick.repeats import Remembered
from publisher.server.routes.table import RouteTable
from publisher.server.uvicorn_protocol import IndexProtocol
from tests.helpers.dists import make_wheel
from tests.helpers.inside import serving_app
from tests.helpers.waiting import eventually

JSON = "application/vnd.pypi.simple.v1+json"


def credentials(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"ada:{password}".encode()).decode()}


HEADERS = [
    credentials("correct horse") | {"Accept": JSON},
    credentials("correct horse") | {"Accept": "text/html"},
    credentials("correct horse") | {"Accept": JSON, "X-Forwarded-Prefix": "/pypi"},
    {"Accept": JSON},
    {"Accept": JSON, "Content-Length": "0"},
    credentials("correct horse") | {"Accept": JSON, "If-None-Match": "*"},
    credentials("correct horse") | {"If-Modified-Since": "01 Jan 0001 00:00:00 +99999999999999999999"},
    credentials("battery staple") | {"Accept": JSON},
]
"""The last one has a wrong password: the delay after each would make the long sequence slow."""

PATHS = ["/simple/acme/", "/simple/other/", "/simple/", "/packages/acme-1.0-py3-none-any.whl", "/simple/no-such/"]
LINES = [
    *(f"GET {path} HTTP/1.1" for path in PATHS),
    "GET /simple/acme/?x HTTP/1.1",
    "GET /simple/%61cme/ HTTP/1.1",
    "GET /simple/acme/ HTTP/1.0",
    "HEAD /simple/acme/ HTTP/1.1",
    "GET /simple/acme/  HTTP/1.1",
    "GET http://index/simple/acme/ HTTP/1.1",
]


def head(line: str, headers: dict[str, str]) -> bytes:
    fields = {"Host": "index", **headers}
    lines = [line, *(f"{name}: {value}" for name, value in fields.items()), ""]
    return "".join(f"{each}\r\n" for each in lines).encode()


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The data that servers receive, read by read."""
    found: list[bytes] = []
    receive = IndexProtocol.data_received

    def watched(protocol: IndexProtocol, data: bytes) -> None:
        receive(protocol, data)
        found.append(data)

    monkeypatch.setattr(IndexProtocol, "data_received", watched)
    return found


@pytest.fixture
def served(tmp_path: Path, received: list[bytes]) -> Iterator[tuple[tuple[str, int], IndexApp]]:  # noqa: ARG001 - first
    with serving_app(tmp_path, {"trusted_proxies": ("127.0.0.1",)}) as (url, app):
        for name in ("acme", "other"):
            make_wheel(tmp_path / "packages", name)
        host, _, port = url.removeprefix("http://").strip("/").partition(":")
        yield (host, int(port)), app


class Connection:
    """One connection that stays open as long as the server keeps it."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._socket: socket.socket | None = None

    def ask(self, data: bytes) -> tuple[int, dict[str, str], bytes]:
        """Send one request, and return status, headers and body of its answer."""
        self.send(data)
        return self.answer(data.split(b" ", 1)[0].decode())

    def send(self, data: bytes) -> None:
        """Send a part of a request."""
        if self._socket is None:
            self._socket = socket.create_connection(self._address, timeout=20)
        self._socket.sendall(data)

    def answer(self, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body of the next answer."""
        assert self._socket is not None
        with closing(HTTPResponse(self._socket, method=method)) as answer:
            answer.begin()
            headers = {name.lower(): value for name, value in answer.getheaders() if name.lower() != "date"}
            body = answer.read()
        if headers.pop("connection", "") == "close" or answer.version == 10:
            self.close()
        return answer.status, headers, body

    def statuses(self, count: int) -> list[str]:
        """Return the statuses of answers whose requests were sent one after the other."""
        assert self._socket is not None
        received = b""
        while len(found := re.findall(rb"HTTP/1\.1 (\d+) ", received)) < count:
            received += self._socket.recv(65536)
        return [each.decode() for each in found]

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None


def test_answers_do_not_depend_on_what_the_connection_asked_before(served: tuple[tuple[str, int], IndexApp]) -> None:
    address, _ = served
    requests = [head(line, headers) for line in LINES for headers in HEADERS[:-1]]
    expected = {}
    for data in requests:
        with closing(Connection(address)) as alone:
            expected[data] = alone.ask(data)
    assert len({status for status, _, _ in expected.values()}) >= 4
    choose = random.Random(1)
    with closing(Connection(address)) as connection:
        for _ in range(1500):
            data = choose.choice(requests)
            for each in (data, data) if choose.random() < 0.5 else (data,):
                assert connection.ask(each) == expected[each], each


def test_other_credentials_are_never_those_of_the_request_before(
    served: tuple[tuple[str, int], IndexApp],
) -> None:
    address, _ = served
    right, missing, wrong = (head(LINES[0], HEADERS[number]) for number in (0, 3, -1))
    slow = head("GET /health HTTP/1.1", HEADERS[0])
    with closing(Connection(address)) as connection:
        for order in itertools.permutations([(right, 200), (missing, 401), (slow, 200)]):
            for _ in range(3):
                for data, status in order:
                    assert [connection.ask(data)[0] for _ in range(2)] == [status, status]
        assert [connection.ask(data)[0] for data in (right, right, right, wrong, right)] == [200, 200, 200, 401, 200]


def warm(connection: Connection, app: IndexApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask until both pages are answered from memory: after a change, the index reads the folder a few more times."""
    answers: list[Response | None] = []
    from_memory, again = app.quick.from_memory, app.quick.again

    def watched(request: Request, key: Hashable = None) -> Response | None:
        answers.append(from_memory(request, key))
        return answers[-1]

    def watched_again(key: Hashable, request: Request) -> Response | None:
        answers.extend(filter(None, [found := again(key, request)]))
        return found

    def is_warm() -> bool:
        answers.clear()
        for line in LINES[:2]:
            connection.ask(head(line, HEADERS[0]))
        return len(answers) == 2 and None not in answers

    with monkeypatch.context() as patch:
        patch.setattr(app.quick, "from_memory", watched)
        patch.setattr(app.quick, "again", watched_again)
        assert eventually(is_warm)


def send_alone(connection: Connection, data: bytes, received: list[bytes]) -> None:
    """Send a part of a request, and wait until the server has received it, without anything that follows."""
    received.clear()
    connection.send(data)
    assert eventually(lambda: received == [data], step=0.005)


def test_a_request_waits_for_the_answer_to_the_one_before(
    served: tuple[tuple[str, int], IndexApp], received: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, app = served
    answer = app._answer

    may_answer = threading.Event()

    async def slow(request: Request) -> Any:
        while not may_answer.is_set():  # noqa: ASYNC110 - the test sets it, in another thread
            await asyncio.sleep(0.005)
        return await answer(request)

    with closing(Connection(address)) as connection:
        warm(connection, app, monkeypatch)
        monkeypatch.setattr(app, "_answer", slow)
        for line in ("GET /simple/no-such/ HTTP/1.1", LINES[0]):
            send_alone(connection, head(line, HEADERS[0]), received)
        may_answer.set()
        assert connection.statuses(2) == ["404", "200"]


def test_a_body_is_no_request(
    served: tuple[tuple[str, int], IndexApp], received: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, app = served
    known = head(LINES[0], HEADERS[0])
    form = {"Content-Type": "multipart/form-data; boundary=x", "Content-Length": str(len(known))}
    with closing(Connection(address)) as connection:
        warm(connection, app, monkeypatch)
        send_alone(connection, head("POST / HTTP/1.1", credentials("correct horse") | form), received)
        connection.send(known)
        assert connection.answer("POST")[0] == 400


def test_the_end_of_a_head_is_no_head(
    served: tuple[tuple[str, int], IndexApp], received: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise, it would later be answered with the credentials that came before it."""
    address, app = served
    end = b"GET /simple/other/ HTTP/1.1\r\nHost: index\r\n\r\n"
    with closing(Connection(address)) as connection:
        warm(connection, app, monkeypatch)
        for _ in range(2):
            begin = head(LINES[0], HEADERS[0])[: -len("\r\n")].replace(b"Host: index\r\n", b"") + b"X: "
            send_alone(connection, begin, received)
            connection.send(end)
            assert connection.answer()[0] == 200
            assert connection.ask(end)[0] == 401


def test_the_same_headers_are_parsed_once(
    served: tuple[tuple[str, int], IndexApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, app = served
    begun: list[str] = []
    begin = app.quick.begin

    def counted(scope: dict[str, Any]) -> Request:
        begun.append(scope["path"])
        return begin(scope)

    monkeypatch.setattr(app.quick, "begin", counted)
    data = [head(LINES[number], HEADERS[0]) for number in (0, 1)]

    def are_recognized() -> bool:
        """Return whether no headers were parsed; after a change, the index reads the folder a few more times."""
        begun.clear()
        for each in (data[0], data[0], data[0], data[1]):
            connection.ask(each)
        return not begun

    with closing(Connection(address)) as connection:
        connection.ask(data[1])
        assert eventually(are_recognized)


def test_a_changed_password_counts_at_once(tmp_path: Path) -> None:
    with serving_app(tmp_path) as (url, _):
        make_wheel(tmp_path / "packages", "acme")
        host, _, port = url.removeprefix("http://").strip("/").partition(":")
        data = head(LINES[0], HEADERS[0])
        with closing(Connection((host, int(port)))) as connection:
            assert [connection.ask(data)[0] for _ in range(5)] == [200] * 5
            (tmp_path / "htpasswd").write_text("ben:$apr1$x$xxxxxxxxxxxxxxxxxxxxxx\n")
            assert eventually(lambda: connection.ask(data)[0] == 401)


def request() -> Request:
    async def receive() -> dict[str, Any]:
        raise AssertionError

    return Request({"method": "GET", "path": "/", "headers": []}, receive)


GET = b"GET /simple/acme/ HTTP/1.1\r\nHost: index\r\n\r\n"


@pytest.mark.parametrize(
    "data",
    [
        GET[:-2],
        GET + GET,
        GET + b"GET /",
        b"\r\n" + GET,
        GET + b"body",
        GET.replace(b"GET", b"get"),
        GET.replace(b"GET", b"HEAD"),
        GET.replace(b"/simple", b"/simple?x"),
        GET.replace(b"/simple", b"http://index/simple"),
        GET.replace(b"acme/", b"%61cme/"),
        GET.replace(b"acme/", b"acme/#x"),
        GET.replace(b"/simple", b"\xc3\xa4"),
        GET.replace(b"1.1", b"1.0"),
        GET.replace(b"acme/ ", b"acme/  "),
        GET.replace(b"acme/ ", b"acme/\t"),
        GET.replace(b"/simple/acme/", b""),
    ],
)
def test_an_unusual_head_is_never_recognized(data: bytes) -> None:
    assert repeated_head(data, request()) is None
    known = repeated_head(GET, request())
    assert known is not None
    assert known.again(data) is None


def test_a_recognized_request_has_the_new_path_and_no_sender() -> None:
    first = request()
    first.principal = type("Sender", (), {"username": "ada"})()
    known = repeated_head(GET, first)
    assert known is not None
    again = known.again(GET.replace(b"acme", b"Other.name+x~1"))
    assert again is first
    assert (again.path, again.scope["path"]) == ("/simple/Other.name+x~1/",) * 2
    assert again.principal is None


def test_a_prefix_applies_to_the_new_path() -> None:
    first = request()
    first.scope["root_path"] = "/pypi"
    known = repeated_head(GET, first)
    assert known is not None
    again = known.again(GET.replace(b"/simple", b"/pypi/simple"))
    assert again is not None
    assert again.path == "/simple/acme/"


def test_everything_that_is_recognized_is_parsed_to_the_same() -> None:
    """Changes of single bytes: what is recognized as the known headers is what the parser makes of it."""
    known = repeated_head(GET, request())
    assert known is not None
    recognized = 0
    for place, byte in itertools.product(range(len(GET)), range(256)):
        data = GET[:place] + bytes([byte]) + GET[place + 1 :]
        recognized += _agrees(known, data)
    assert recognized > 500


def test_the_same_request_has_the_same_key_on_every_connection() -> None:
    one, two, other = (repeated_head(data, request()) for data in (GET, GET, GET.replace(b"index", b"other")))
    assert one is not None
    assert two is not None
    assert other is not None
    assert one.key(GET) == two.key(GET) is not None
    assert one.key(GET) == one.key(GET)
    assert one.key(GET) != one.key(GET.replace(b"acme", b"other")) is not None
    assert other.key(GET) is None
    assert one.key(GET) != other.key(GET.replace(b"index", b"other"))


@pytest.mark.parametrize("name", [b"X-Forwarded-For", b"x-forwarded-prefix"])
def test_a_proxy_s_request_has_the_same_key_only_on_its_connection(name: bytes) -> None:
    """Which of these headers count depends on the address of the peer."""
    data = GET[:-2] + name + b": 192.0.2.1\r\n\r\n"
    one, two = (repeated_head(data, request()) for _ in range(2))
    assert one is not None
    assert two is not None
    assert one.key(data) == one.key(data) is not None
    assert one.key(data) != two.key(data) is not None


def test_no_credentials_can_be_read_from_a_key() -> None:
    data = head(LINES[0], HEADERS[0])
    known = repeated_head(data, request())
    assert known is not None
    assert HEADERS[0]["Authorization"].encode() not in repr(known.key(data)).encode()


def _agrees(known: RepeatedHead, data: bytes) -> bool:
    again = known.again(data)
    if again is None:
        return False
    parsed: list[Any] = []

    class Callbacks:
        def on_url(self, url: bytes) -> None:
            parsed.append(url)

        def on_header(self, name: bytes, value: bytes) -> None:
            parsed.append((name, value))

        def on_message_complete(self) -> None:
            parsed.append("end")

    parser = httptools.HttpRequestParser(Callbacks())
    parser.feed_data(data)
    assert parsed == [again.path.encode(), (b"Host", b"index"), "end"]
    assert (parser.get_method(), parser.get_http_version(), parser.should_keep_alive()) == (b"GET", "1.1", True)
    return True


def test_a_failure_of_the_quick_answer_is_logged_and_costs_no_request(
    served: tuple[tuple[str, int], IndexApp], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    address, app = served

    def fail(_request: Request, _rest: str) -> Remembered | None:
        raise RuntimeError("unforeseen")

    with closing(Connection(address)) as connection:
        warm(connection, app, monkeypatch)
        failing = [route._replace(from_memory=fail) if route.from_memory else route for route in app.table.routes]
        monkeypatch.setattr(app.quick, "table", RouteTable(failing))
        assert [connection.ask(head(line, HEADERS[1]))[0] for line in (*LINES[:2], *LINES[:2])] == [200] * 4
    assert "'/simple/acme/' can't be answered from memory: RuntimeError('unforeseen')" in caplog.messages
