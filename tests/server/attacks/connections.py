"""Attacks by requests: heads, bodies, trailers and headers that no client sends, and what stays open."""

import base64
import time
from contextlib import suppress

import pytest

from tests.server.attacks.attacked import (
    ADMIN,
    AUTHORIZATION,
    BOUNDARY,
    END,
    Attack,
    Attacked,
    form,
    part,
    upload_head,
    upload_request,
)

QUIET = "packages/quiet-1.0-py3-none-any.whl"


def trailers(it: Attacked) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic dTp3cm9uZw==\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    connections = [it.connect(head) for _ in range(4)]
    for connection in connections:
        with pytest.raises(ConnectionError):  # noqa: PT012 - any of them may find out
            for _ in range(200):
                connection.sendall(b"a: b\r\n" * 10_000)


def credentials_in_a_trailer(it: Attacked) -> None:
    head = b"GET /whoami HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    assert it.status(head + AUTHORIZATION + b"\r\n") == 401


def hosts(it: Attacked) -> None:
    for lines in (b"", b"Host: a\r\nHost: b\r\n", b"Host: " + b"a" * 60_000 + b"\r\n"):
        assert it.status(b"GET /health HTTP/1.1\r\n" + lines + b"\r\n") == 400
    for host in (b"a b", b"a/../b", b"b@c", b'"><b>', b"[::1", b"a:b", b"a,b", b"\xff"):
        assert it.status(b"GET /health HTTP/1.1\r\nHost: " + host + b"\r\n\r\n") == 400, host
    for host in (b"", b"a_b.c-d:8080", b"[::1]:80", b"127.0.0.1"):
        assert it.status(b"GET /health HTTP/1.1\r\nHost: " + host + b"\r\n\r\n") == 200, host
    for version in (b"", b" HTTP/0.9", b" HTTP/2.0", b" HTTP/1.2"):
        assert it.status(b"GET /health" + version + b"\r\nHost: a\r\n\r\n") == 400


def upgrades(it: Attacked) -> None:
    upgrade = b"Connection: Upgrade, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n"
    for path in (b"/health", b"/simple/"):
        request = b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n" + AUTHORIZATION
        answer = it.send(request + upgrade + b"Sec-WebSocket-Version: 13\r\n\r\n")
        assert answer.count(b"HTTP/1.1 ") == 1


def refused_upload(it: Attacked) -> None:
    """A refused upload is answered once, and its connection closed in order while it still sends."""
    body = form(bytes(2**20), "..%2fevil.whl")
    for auth in (AUTHORIZATION, b"Authorization: Basic dTp3cm9uZw==\r\n", b""):
        answer = it.send(upload_head(len(body)).replace(AUTHORIZATION, auth) + body)
        assert answer.count(b"HTTP/1.1 ") == 1
        assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 401 "))


def bodies_that_never_come(it: Attacked) -> None:
    for path in (b"POST /password", b"PUT /projects/x/1.0/yanked", b"POST /RPC2", b"GET /simple/", b"GET /health"):
        kind = b" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + AUTHORIZATION
        for _ in range(6):
            it.connect(path + kind + b"Content-Length: 1000\r\n\r\n{")


def unread_bodies(it: Attacked) -> None:
    """Requests that are answered before their bodies are sent, which then are sent without end."""
    for path in (b"GET /health", b"GET /simple/", b"POST /nothing"):
        connection = it.connect(
            path + b" HTTP/1.1\r\nHost: x\r\n" + AUTHORIZATION + b"Content-Length: 99999999\r\n\r\n"
        )
        with suppress(ConnectionError):
            for _ in range(200):
                connection.sendall(bytes(65536))


def pipelined(it: Attacked) -> None:
    """Many requests at once, with one that is none among them: every answer is one, and nothing follows the 400."""
    good = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    answers = it.send(good * 500 + b"GET /health HTTP/1.1\r\nHost : x\r\n\r\n" + good * 500)
    assert answers.count(b"HTTP/1.1 ") <= 501
    before, bad, after = answers.partition(b"HTTP/1.1 400 ")
    assert before.count(b"HTTP/1.1 200 ") <= 500
    assert not bad or b"HTTP/1.1 " not in after


def chunks(it: Attacked) -> None:
    """Chunk extensions without end, sizes that are none, and chunks of one byte."""
    head = b"POST /RPC2 HTTP/1.1\r\nHost: x\r\n" + AUTHORIZATION + b"Transfer-Encoding: chunked\r\n\r\n"
    connection = it.connect(head + b"1;")
    with suppress(ConnectionError):
        for _ in range(400):
            connection.sendall(b"x=y;" * 16_000)
        pytest.fail("chunk extensions may go on without end")
    for size in (b"-1", b"0x10", b"FFFFFFFFFFFFFFFFF", b"1 1", b""):
        assert it.status(head + size + b"\r\nx\r\n0\r\n\r\n") in {400, 413}
    assert it.status(head + b"1\r\n<\r\n" * 60_000 + b"0\r\n\r\n") in {400, 413}


def smuggled(it: Attacked) -> None:
    """Requests that proxies and servers could read in two ways are refused, or are one request."""
    head = b"POST /RPC2 HTTP/1.1\r\nHost: x\r\n" + AUTHORIZATION
    inner = b"GET /whoami HTTP/1.1\r\nHost: x\r\n" + AUTHORIZATION + b"\r\n"
    for lines in (
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 4\r\nContent-Length: 5\r\n",
        b"Content-Length: +4\r\n",
        b"Content-Length: 4, 4\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding: chunked, chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked;q=1\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"X: a\r\n Content-Length: 4\r\n",
        b"X: a\rContent-Length: 4\r\n",
        b"X: \0\r\n",
    ):
        answer = it.send(head + lines + b"\r\n0\r\n\r\n" + inner)
        assert b'"username"' not in answer, lines
        assert answer.startswith(b"HTTP/1.1 4"), (lines, answer[:80])


def absolute_targets(it: Attacked) -> None:
    """Targets in absolute form name a path of this index, or nothing."""
    for target, statuses in (
        (b"http://other.example/health", {200, 400, 404}),
        (b"http://other.example/../../etc/passwd", {400, 404}),
        (b"//other.example/simple/", {301, 400, 404}),
        (b"*", {400, 404, 405}),
        (b"other.example:443", {400, 404, 405}),
        (b"/simple/%00/", {400, 404}),
        (b"/packages/..%2f..%2fhtpasswd", {404}),
        (b"/packages/%2e%2e/htpasswd", {404}),
        (b"/simple/%ff%fe/", {301, 400, 404}),
        (b"/" + b"%41" * 20_000, {303, 404}),
        (b"/" + b"/" * 60_000, {200, 404, 400}),
        (b"/simple/?" + b"a=b&" * 15_000, {200}),
    ):
        status = it.status(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n" + AUTHORIZATION + b"\r\n")
        assert status in statuses, (target[:60], status)


def expectations(it: Attacked) -> None:
    """Bodies that wait for a 100 which is sent at most once, and none before credentials are right."""
    body = form(b"x", "evil-1.0-py3-none-any.whl")
    wrong = upload_head(len(body), b"Expect: 100-continue\r\n").replace(AUTHORIZATION, b"")
    answer = it.send(wrong)
    assert b" 100 Continue" not in answer
    assert answer.startswith(b"HTTP/1.1 401 ")
    for _ in range(8):
        connection = it.connect(upload_head(len(body), b"Expect: 100-continue\r\n" * 3))
        assert connection.recv(65536).count(b" 100 Continue") == 1
    assert it.status(b"GET /health HTTP/1.1\r\nHost: x\r\nExpect: 200-maybe\r\n\r\n") in {200, 417}


def deep_json(it: Attacked) -> None:
    kind = b"Content-Type: application/json\r\n"
    deep = b'{"a":' * 9_000, b"[" * 60_000, b'{"password":' + b"9" * 60_000 + b"}", b'{"password":1e999999}'
    for body in (*deep, b'{"password":"\\ud800 surrogate"}', b'"' + b"\\u0000" * 10_000 + b'"'):
        assert it.get("password", method="POST", body=body, headers=kind) == 422
    assert it.get("password", method="POST", body=b"[" * 100_000, headers=kind) == 413


def calls(it: Attacked) -> None:
    """XML with entities that expand, that nest, that are outside, or that is deep, large or none."""
    bomb = b'<!DOCTYPE a [<!ENTITY b "' + b"x" * 1000 + b'">'
    bomb += b"".join(b'<!ENTITY b%d "%s">' % (n, (b"&b%d;" % (n - 1) if n else b"&b;") * 10) for n in range(9))
    outside = b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>'
    quadratic = b'<!DOCTYPE a [<!ENTITY b "' + b"x" * 30_000 + b'">]>'
    search = b"<methodCall><methodName>search</methodName><params><param><value><string>%s</string></value></param>"
    search += b"</params></methodCall>"
    for text in (
        bomb + b"]>" + search % b"&b8;",
        outside + search % b"&b;",
        quadratic + search % (b"&b;" * 10_000),
        b"<a>" * 20_000,
        b"<a " + b" ".join(b'a%d="b"' % n for n in range(5_000)) + b"/>",
        b"\xff\xfe" + "<a/>".encode("utf-16-le") * 100,
        b"",
    ):
        assert it.get("RPC2", method="POST", body=text or b" ", headers=b"Content-Type: text/xml\r\n") == 400
    assert it.get("RPC2", method="POST", body=b"<a/>" * 100_000) == 413


def parts_of_forms(it: Attacked) -> None:
    """Boundaries within boundaries, thousands of parts, headers of parts, and parts that begin and never end."""
    for extra in (
        part("classifiers", b"x") * 5100,
        part("", b"x"),
        part("x", b"", None, b"X: y\r\n" * 2000),
        part("x", b"", None, b"X" * 60_000 + b": y\r\n"),
        (b"--" + BOUNDARY[:-1] + b"\r\n") * 20_000,
        b"\r\n" * 60_000,
        b"-" * 600_000,
    ):
        assert it.status(upload_request(extra + form(b"x", "evil-1.0-py3-none-any.whl"))) in {400, 413}
    nearly = (b"\r\n--" + BOUNDARY[:-1]) * 100_000  # in the file, where it must be found not to be one
    assert it.status(upload_request(form(nearly, "evil-1.0-py3-none-any.whl"))) == 400
    assert it.status(upload_request(form(b"\r\n" * 1_000_000, "evil-1.0-py3-none-any.whl"))) == 400
    assert it.status(upload_request(form(b"x", "x" * 7_000 + ".whl"))) == 400
    one = b"--a\r\n" * 200_000 + b"--a--\r\n"
    head = upload_head(len(one)).replace(b"boundary=" + BOUNDARY, b"boundary=a")
    assert it.status(head + one) == 400
    assert END


def many_ranges(it: Attacked) -> None:
    ranges = b"Range: bytes=" + b",".join(b"%d-" % n for n in range(8_000)) + b"\r\n"
    assert it.get(QUIET, headers=ranges) == 200
    assert it.get(QUIET, headers=b"Range: bytes=" + b"9" * 5_000 + b"-\r\n") in {200, 416}
    assert it.get(QUIET, headers=b"Range: bytes=0-" + b"9" * 60_000 + b"\r\n") in {200, 206}


def many_tags(it: Attacked) -> None:
    for number in range(20):
        tags = b", ".join(b'"%d-%d"' % (number, n) for n in range(5_000))
        for path in (QUIET, "simple/quiet/", "simple/"):
            assert it.get(path, headers=b"If-None-Match: " + tags + b"\r\n") == 200
    for accept in (b"a/b;q=0.1," * 5_000, b"*/*;" * 12_000, b"text/html;q=" + b"0" * 50_000):
        assert it.get("simple/quiet/", headers=b"Accept: " + accept + b"\r\n") == 200
        assert it.get("simple/quiet/", headers=b"Accept-Encoding: " + accept + b"\r\n") == 200
    assert it.get(QUIET, headers=b"If-Modified-Since: " + b"9" * 50_000 + b"\r\n") == 200
    assert it.get(QUIET, headers=b"Cookie: " + b"a=b; " * 12_000 + b"\r\n") == 200


def cookies(it: Attacked) -> None:
    """Cookies of quoted characters, of many names, and named like a session."""
    for value in (b'"' + b'\\"' * 28_000 + b'"', b'"' + b"\\\\" * 28_000 + b'"', b"x" * 56_000, b'"' + b"\\1" * 28_000):
        for name in (b"pypi-publish-session", b"pypi-publish-form", b"a=b; " * 100 + b"__Host-pypi-publish-session"):
            headers = b"Host: x\r\nCookie: " + name + b"=" + value + b"\r\n\r\n"
            for path in (b"", b"-/account/", b"simple/"):
                assert it.status(b"GET /" + path + b" HTTP/1.1\r\n" + headers) in {200, 303, 401}
    many = b"; ".join(b"pypi-publish-session%d=x" % number for number in range(1_900))
    assert it.status(b"GET / HTTP/1.1\r\nHost: x\r\nCookie: " + many + b"\r\n\r\n") in {200, 401}


def long_names(it: Attacked) -> None:
    for number in range(300):
        assert it.get(f"simple/{'N' * 50_000}{number}/") == 404
    for path in ("packages", "projects", "-/owners", "-/public", "pypi", "users"):
        assert it.get(f"{path}/{'N.-_' * 12_000}/") in {401, 403, 404, 405}, path
        assert it.get(f"{path}/%00a/") in {401, 403, 404, 405}, path
    assert it.get("simple/%00a/") == it.get("packages/a%00b-1.0.tar.gz") == 404


def odd_accounts(it: Attacked) -> None:
    """Names that could be another's: other normal forms, cases, controls, directions, and blanks."""
    admin = {"Authorization": f"Bearer {ADMIN}"}
    client = it.client(None)
    for name in ("a:b", "a%0Ab", "%00", "x" * 300, "%ff", "%2e%2e%2fetc"):
        assert client.request("DELETE", f"users/{name}", headers=admin).status_code == 404
    for name in ("ada\u0301", "\u00e9ve", "\uff41da", "\u202eada", "ada ", " ada", "ada\n", "a" * 200, "\U0001d44eda"):
        answer = client.request("POST", "register", headers=admin, json={"username": name, "password": "long enough"})
        assert answer.status_code == 422, ascii(name)
    for name in ("\uff41da", "ADA", "ada\u200b", "ada\0"):
        plain = base64.b64encode(f"{name}:correct horse".encode())
        assert it.status(b"GET /whoami HTTP/1.1\r\nHost: x\r\nAuthorization: Basic " + plain + b"\r\n\r\n") == 401


def odd_credentials(it: Attacked) -> None:
    request = b"GET /whoami HTTP/1.1\r\nHost: x\r\n"
    for value in (
        b"Basic",
        b"Basic " + b"A" * 60_000,
        b"Basic " + base64.b64encode(b"ada"),
        b"Basic " + base64.b64encode(b"\xff\xfe:\xff"),
        b"Basic " + base64.b64encode(b"ada:" + b"x" * 40_000),
        b"Bearer " + b"x" * 50_000,
        b"Digest username=ada",
        b"\xff\xff",
    ):
        assert it.status(request + b"Authorization: " + value + b"\r\n\r\n") == 401


def many_marks(it: Attacked) -> None:
    """Letters with thousands of marks, whose order takes the square of their number to find, in names and passwords."""
    marks = "a" + "\u0301\u0316" * 11_000
    for name, password in ((marks, "x"), ("ada", marks), ("x" * 40_000, "x")) * 4:
        plain = base64.b64encode(f"{name}:{password}".encode())
        assert it.status(b"GET /whoami HTTP/1.1\r\nHost: x\r\nAuthorization: Basic " + plain + b"\r\n\r\n") == 401


def slow_readers(it: Attacked) -> None:
    """Clients that ask for much and take nothing."""
    request = f"GET /{QUIET} HTTP/1.1\r\nHost: x\r\n".encode() + AUTHORIZATION + b"\r\n"
    for _ in range(20):
        it.connect(request * 400, buffer=4096)
    time.sleep(0.2)  # until the index has taken them


def slow_heads(it: Attacked) -> None:
    for number in range(200):
        it.connect(b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"y" * number)


CONNECTIONS = {
    "trailers without end": Attack(trailers, 2, 40),
    "credentials in a trailer": Attack(credentials_in_a_trailer, 1, 10),
    "no host, and two": Attack(hosts, 1, 10),
    "upgrades": Attack(upgrades, 1, 10),
    "a refused upload that goes on": Attack(refused_upload, 1, 30),
    "bodies that never come": Attack(bodies_that_never_come, 1, 30),
    "bodies of answered requests": Attack(unread_bodies, 1, 30),
    "heads that never end": Attack(slow_heads, 1, 30),
    "pipelined requests": Attack(pipelined, 1, 30),
    "chunks and their extensions": Attack(chunks, 2, 40),
    "requests that are read in two ways": Attack(smuggled, 1, 20),
    "targets in odd forms": Attack(absolute_targets, 1, 30),
    "expectations": Attack(expectations, 1, 30),
    "deep JSON": Attack(deep_json, 1, 30),
    "XML-RPC calls": Attack(calls, 2, 60),
    "parts of forms": Attack(parts_of_forms, 2, 60),
    "thousands of ranges": Attack(many_ranges, 1, 20),
    "thousands of tags": Attack(many_tags, 2, 60),
    "cookies": Attack(cookies, 1, 30),
    "names of 50 kB": Attack(long_names, 2, 20),
    "accounts with odd names": Attack(odd_accounts, 1, 30),
    "letters with thousands of marks": Attack(many_marks, 1, 20),
    "odd credentials": Attack(odd_credentials, 1, 30),
    "readers that take nothing": Attack(slow_readers, 2, 60),
}
