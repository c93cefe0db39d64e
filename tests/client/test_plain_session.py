"""Requests without `requests`: where they are made, what they bring, and where `requests` has to make them."""

import gzip
import os
import socket
import ssl
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import certifi
import pytest
import trustme
from urllib3.util.ssl_ import create_urllib3_context

from publisher.client.client import IndexClient
from publisher.client.http import BasicAuth, IndexSession
from publisher.client.plain import session as plain
from publisher.client.plain.connection import tls_context
from publisher.client.plain.response import PlainResponse
from publisher.client.plain.session import PlainSession
from publisher.client.url import parse_index_url
from publisher.errors import IndexUnavailableError, RefusedCredentialsError
from publisher.secret import Credentials, Secret
from tests.helpers.answering import Answer, Request, answering, of_json, of_text
from tests.helpers.bodies import Pieces

ADA = Credentials("ada", Secret("p\u00e4ss"), "keyring")
PAGE = {"files": [{"filename": "a-1.tar.gz", "url": "f", "hashes": {}}]}
JSON = {"Content-Type": "application/vnd.pypi.simple.v1+json"}


@pytest.fixture(autouse=True)
def _on_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")


def _get(url: str, credentials: Credentials | None = ADA) -> PlainResponse | None:
    with closing(PlainSession(url, credentials)) as session:
        return session.get(f"{url}simple/a/", {"Accept": "application/json"})


def _post(url: str, body: bytes = b"form") -> PlainResponse | None:
    with closing(PlainSession(url, ADA)) as session:
        return session.post(url, {"Content-Type": "text/plain"}, Pieces(body))


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("credentials", [ADA, None])
def test_it_sends_what_requests_sends(credentials: Credentials | None, method: str) -> None:
    asked: list[Request] = []

    def answer(request: Request) -> Answer:
        asked.append(request)
        return of_json(PAGE)

    auth = BasicAuth(credentials.username, credentials.password) if credentials else None
    headers = {"Content-Type": "text/plain"} if method == "POST" else {"Accept": "application/json"}
    body = Pieces(b"fo", b"rm") if method == "POST" else None
    with (
        answering(answer) as url,
        closing(PlainSession(url, credentials)) as plainly,
        closing(IndexSession(url, auth)) as usually,
    ):
        assert (plainly.post(url, headers, body) if body else plainly.get(url, headers)) is not None
        usually.request(method, url, headers=headers, body=body)
    own, usual = asked
    assert (
        (own.method, own.path, own.body)
        == (usual.method, usual.path, usual.body)
        == (method, "/", b"form" if body else b"")
    )
    assert set(usual.headers) - set(own.headers) == {"Connection"}
    assert set(own.headers) <= set(usual.headers)
    other = {"Accept-Encoding", "Connection"}
    assert {name: text for name, text in own.headers.items() if name not in other} == {
        name: text for name, text in usual.headers.items() if name not in other
    }


@pytest.mark.parametrize(
    "answer",
    [
        of_json(PAGE),
        of_json({"files": []}),
        Answer(200, gzip.compress(b'{"files": []}'), {**JSON, "Content-Encoding": "gzip"}),
        Answer(200, "<a href=f>\u00e4</a>".encode(), {"Content-Type": "text/html; charset=UTF-8"}),
        Answer(200, b"<a href=f>a</a>", {"Content-Type": "text/html"}),
        Answer(200, b"<a href=f>a</a>"),
        of_text(401),
        of_text(403),
        of_text(404),
        of_text(410),
        Answer(404, b"<html>\xff", {"Content-Type": "text/html"}),
    ],
)
def test_it_returns_what_requests_returns(answer: Answer) -> None:
    with answering(lambda _: answer) as url, closing(IndexSession(url)) as session:
        own, usual = _get(url), session.get(f"{url}simple/a/")
    assert own is not None
    for name in ("status_code", "reason", "url", "content", "ok", "is_redirect"):
        assert getattr(own, name) == getattr(usual, name)
    assert own.headers.get("content-TYPE") == usual.headers.get("content-TYPE")
    if own.ok:
        assert own.text == usual.text
    if own.ok and "json" in own.headers.get("Content-Type", ""):
        assert own.json() == usual.json()


@pytest.mark.parametrize(
    "answer",
    [
        *(of_text(status) for status in (302, 407, 408, 425, 429, 500, 503)),
        Answer(302, b"", {"Location": "/elsewhere/"}),
        Answer(200, "<a>\u00e4".encode(), {"Content-Type": "text/html"}),
        Answer(200, b"<a>", {"Content-Type": "text/html; charset=latin-1"}),
        Answer(200, "<a>\u00e4".encode()),
        Answer(200, b"{}", {**JSON, "Content-Encoding": "zstd"}),
        Answer(200, b"{}", {**JSON, "Content-Encoding": "gzip"}),
        Answer(200, gzip.compress(b"{}")[:-1], {**JSON, "Content-Encoding": "gzip"}),
        Answer(200, b'{"files": ["\xe4"]}', JSON),
        Answer(200, '{"a": "\u00e4"}'.encode("latin-1"), {"Content-Type": "application/json; charset=latin-1"}),
        Answer(200, b"{}", {"Content-Type": "application/json; charset*=a\0b'x'y"}),
        Answer(200, gzip.compress(b"{}") * 2, {**JSON, "Content-Encoding": "gzip"}),
        Answer(200, zlib.compress(b"{}"), {**JSON, "Content-Encoding": "gzip"}),
        Answer(200, b"{}", {**JSON, "Content-Length": "3"}),
        None,
    ],
)
def test_an_answer_that_requests_may_understand_differently_counts_for_nothing(answer: Answer | None) -> None:
    with _closing_after(answer) as url:
        assert _get(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1:1/",
        "https://127.0.0.1:1/",
        "http://127.0.0.1:1/a%20b/",
        "http://127.0.0.1:1/a b/",
        "http://127.0.0.1:1/a/../",
        "http://127.0.0.1:1//",
        "http://127.0.0.1:1/\u00e4/",
        "http://\u00e4.example/",
        "http://[::1]:1/",
        "http://ada@127.0.0.1:1/",
        "http://127.0.0.1:1/",  # nothing listens there
        "http://acme.invalid/",
    ],
)
def test_a_url_that_is_not_plain_or_does_not_answer_is_left_to_requests(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve = socket.getaddrinfo

    def resolve_here(host: str, *options: Any, **more: Any) -> Any:
        if host == "acme.invalid":
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return resolve(host, *options, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve_here)
    assert _get(url) is None


@contextmanager
def _encrypted(host: str = "127.0.0.1") -> Iterator[tuple[str, trustme.CA, list[Request]]]:
    """Serve over TLS, with a certificate for a host; yield the URL, the certificate's authority and the requests."""
    asked: list[Request] = []

    def answer(request: Request) -> Answer:
        asked.append(request)
        return of_json(PAGE)

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    with answering(answer, context) as url:
        yield url, authority, asked


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", None])
def test_tls_trusts_the_authorities_that_requests_trusts(
    name: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "ca.pem"
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    with _encrypted() as (url, authority, asked):
        monkeypatch.setenv("SSL_CERT_FILE", str(bundle))  # counts for uv, not for requests
        authority.cert_pem.write_to_path(str(bundle))
        assert _get(url) is None
        assert asked == []
        if name is None:
            monkeypatch.setattr(certifi, "where", lambda: str(bundle))
        else:
            monkeypatch.setenv("CURL_CA_BUNDLE", "/nonexistent")
            monkeypatch.setenv(name, str(bundle))
        found = _get(url)
    assert found is not None
    assert found.json() == PAGE
    assert [request.headers["Authorization"][:6] for request in asked] == ["Basic "]


@pytest.mark.parametrize("kind", ["another host", "another authority", "a folder", "no file", "no certificate"])
def test_a_server_whose_certificate_is_in_doubt_gets_no_request(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "ca.pem"
    with _encrypted("acme.example" if kind == "another host" else "127.0.0.1") as (url, authority, asked):
        if kind == "a folder":
            bundle.mkdir()
        elif kind == "no certificate":
            bundle.write_text("nothing")
        elif kind != "no file":
            trusted = trustme.CA() if kind == "another authority" else authority
            trusted.cert_pem.write_to_path(str(bundle))
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
        assert _get(url) is None
    assert asked == []


def test_tls_is_as_strict_as_that_of_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    context = tls_context()
    usual = create_urllib3_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.hostname_checks_common_name is usual.hostname_checks_common_name is False
    assert context.minimum_version == usual.minimum_version == ssl.TLSVersion.TLSv1_2
    lenient = ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    assert not usual.verify_flags & ~lenient & ~context.verify_flags
    assert not context.verify_flags & lenient


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy", "HTTPS_PROXY"])
def test_with_a_proxy_requests_asks(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(lambda _: of_json(PAGE)) as url:
        monkeypatch.setenv("NO_PROXY", "other.example")
        assert _get(url) is not None
        monkeypatch.setenv(name, "http://127.0.0.1:1")
        assert _get(url) is None


@pytest.mark.parametrize("system", ["win32", "darwin"])
def test_where_the_system_may_have_a_proxy_requests_asks(system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(lambda _: of_json(PAGE)) as url:
        monkeypatch.setattr(sys, "platform", system)
        assert _get(url) is None


@pytest.mark.parametrize("limit", ["_PATIENCE", "_WHOLE_READ"])
def test_an_index_that_is_silent_or_sends_without_an_end_is_left_to_requests(
    limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plain, limit, 0.2)
    is_over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def trickle() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{}")
                while not is_over.wait(0.02):
                    if limit == "_WHOLE_READ":
                        with suppress(OSError):  # once it is broken off
                            connection.sendall(b" ")

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            assert _get(f"http://127.0.0.1:{server.getsockname()[1]}/") is None
        finally:
            is_over.set()
            thread.join()


def test_a_refused_password_is_sent_once() -> None:
    asked: list[Request] = []

    def answer(request: Request) -> Answer:
        asked.append(request)
        return of_text(401)

    with (
        answering(answer) as url,
        closing(IndexClient(parse_index_url(url), ADA)) as client,
        pytest.raises(RefusedCredentialsError),
    ):
        client.files("a")
    assert len(asked) == 1


def test_credentials_that_are_no_text_are_left_to_requests() -> None:
    with answering(lambda _: of_json(PAGE)) as url:
        assert _get(url, Credentials("ad\udcff", Secret("x"), "a prompt")) is None


def test_requests_asks_again_and_explains_its_failure() -> None:
    url = "http://127.0.0.1:1/"
    with closing(IndexClient(parse_index_url(url), ADA)) as client, pytest.raises(IndexUnavailableError) as caught:
        client.files("a")
    assert "the connection was refused" in caught.value.message


@pytest.mark.parametrize("proxy", [True, False])
def test_requests_is_imported_only_where_it_is_needed(*, proxy: bool) -> None:
    code = (
        "import sys\nfrom publisher.client.client import IndexClient\n"
        "from publisher.client.url import parse_index_url\n"
        "from tests.helpers.bodies import Pieces\n"
        "client = IndexClient(parse_index_url(sys.argv[1]), None)\n"
        "client.files('a')\nclient.projects()\nclient.passes_on()\n"
        "client.post(Pieces(b'form'), 'text/plain')\nclient.close()\n"
        "print('requests' in sys.modules)\n"
    )
    with answering(lambda _: of_json({**PAGE, "projects": []})) as url:
        environment = {**os.environ, "NO_PROXY": "127.0.0.1"} | ({"HTTP_PROXY": "http://127.0.0.1:1"} if proxy else {})
        done = subprocess.run(
            [sys.executable, "-c", code, url], capture_output=True, text=True, check=True, env=environment
        )
    assert done.stdout.split() == [str(proxy)]


@contextmanager
def _closing_after(answer: Answer | None) -> Iterator[str]:
    """Serve one answer to each connection, and end it; without an answer, end it at once."""

    def reply(_: Request) -> Answer | None:
        return None if answer is None else Answer(answer.status, answer.body, {**answer.headers, "Connection": "close"})

    with answering(reply) as url:
        yield url
