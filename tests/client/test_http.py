"""A session: where its credentials go, which redirects it follows, which failures it retries and explains."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from email.utils import formatdate
from pathlib import Path
from time import time
from urllib.parse import urlsplit

import pytest

from publisher.client import http
from publisher.client.client import IndexClient
from publisher.client.http import BasicAuth, IndexSession
from publisher.client.url import parse_index_url
from publisher.errors import IndexUnavailableError
from publisher.secret import Credentials, Secret
from tests.helpers.answering import Answer, Request, answering
from tests.helpers.bodies import Pieces

AUTH = BasicAuth("ada", Secret("lovelace"))


class _Recorder:
    """Answers every request alike, and keeps those that came."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.requests: list[Request] = []
        self._answer = answer or Answer(200, b"{}", {"Content-Type": "application/json"})

    def __call__(self, request: Request) -> Answer:
        self.requests.append(request)
        return self._answer

    @property
    def authorized(self) -> list[bool]:
        return ["Authorization" in request.headers for request in self.requests]


def _with(auth: BasicAuth | None, url: str, use: Callable[[IndexSession], object], *, retries: bool = False) -> None:
    with closing(IndexSession(url, auth, retries=retries)) as session:
        use(session)


def test_credentials_go_to_one_origin_only() -> None:
    own, other = _Recorder(), _Recorder()
    with answering(own) as url, answering(other) as elsewhere:
        trap = f"{elsewhere.rstrip('/')}\\@{url.removeprefix('http://')}"  # two parsers see two hosts in it
        for target in (url, f"{url}simple/", elsewhere, f"{elsewhere}simple/", trap):
            _with(AUTH, url, lambda session, target=target: session.get(target))  # type: ignore[misc]
    assert own.authorized == [True, True]
    assert other.authorized == [False] * 3


@pytest.mark.parametrize(
    "use",
    [
        lambda client: client.files("acme"),
        lambda client: client.projects(),
        lambda client: client.whoami(),
        lambda client: client.change("PUT", "projects/acme/1.0/yanked", {}),
        lambda client: client.change_password(Secret("new")),
        lambda client: client.post(Pieces(b"form"), "multipart/form-data"),
    ],
)
def test_no_request_of_a_client_follows_a_redirect_to_another_origin(use: Callable[[IndexClient], object]) -> None:
    thief = _Recorder()
    with answering(thief) as elsewhere:
        index = _Recorder(Answer(307, headers={"Location": f"{elsewhere}simple/other/"}))
        with (
            answering(index) as url,
            closing(IndexClient(parse_index_url(url), Credentials("ada", Secret("x"), "test"))) as client,
            suppress(IndexUnavailableError),
        ):
            assert getattr(use(client), "status_code", None) == 307
    assert index.requests
    assert not [request for request in thief.requests if "Authorization" in request.headers or request.body]


def test_metadata_of_a_file_on_another_host_is_read_without_the_password() -> None:
    files = _Recorder(Answer(200, b"Metadata-Version: 2.1\nName: acme\nVersion: 1.0\nRequires-Dist: widgets\n"))
    with answering(files) as elsewhere:
        page = f'<a href="{elsewhere}acme-1.0-py3-none-any.whl">acme-1.0-py3-none-any.whl</a>'
        index = _Recorder(Answer(200, page.encode(), {"Content-Type": "text/html"}))
        with (
            answering(index) as url,
            closing(IndexClient(parse_index_url(url), Credentials("ada", Secret("x"), "test"))) as client,
        ):
            assert client.requirements("acme") == ["widgets"]
    assert index.authorized == [True]
    assert files.authorized == [False]


def test_a_redirect_from_https_to_http_is_refused(tls: ssl.SSLContext) -> None:
    plain = _Recorder()
    with answering(plain) as url:
        redirect = _Recorder(Answer(302, headers={"Location": f"{url}simple/"}))
        with answering(redirect, tls) as secure:
            for method in ("GET", "POST"):
                with pytest.raises(IndexUnavailableError, match="not encrypted"):
                    _with(AUTH, secure, lambda session, method=method: session.request(method, secure))  # type: ignore[misc]
            with pytest.raises(IndexUnavailableError, match="not encrypted"):
                _with(AUTH, secure, lambda session: session.get(secure))
    assert redirect.authorized == [True] * 3
    assert plain.requests == []


def test_redirects_within_the_origin_are_followed_and_circles_end() -> None:
    def index(request: Request) -> Answer:
        return Answer(302, headers={"Location": "/b"}) if request.path != "/b" else Answer(200, b"there")

    with answering(index) as url, closing(IndexSession(url, AUTH)) as session:
        assert session.get(f"{url}a").text == "there"
    with answering(_Recorder(Answer(302, headers={"Location": "/a"}))) as url, closing(IndexSession(url)) as session:  # noqa: SIM117 - one line too long
        with pytest.raises(IndexUnavailableError, match="in a loop"):
            session.get(f"{url}a")


@pytest.mark.parametrize(
    ("status", "tries"), [(500, 2), (503, 2), (520, 2), (408, 2), (425, 2), (429, 2), (501, 1), (505, 1), (404, 1)]
)
def test_reads_are_repeated_after_failures_that_pass(status: int, tries: int) -> None:
    seen = _Recorder()

    def index(request: Request) -> Answer:
        first = not seen.requests
        seen(request)
        return Answer(status if first else 200, headers={"Retry-After": formatdate(time(), usegmt=True)})

    with answering(index) as url:
        _with(AUTH, url, lambda session: session.get(url), retries=True)
    assert len(seen.requests) == tries


def _failure(url: str) -> IndexUnavailableError:
    with pytest.raises(IndexUnavailableError) as caught:
        _with(AUTH, url, lambda session: session.get(url))
    return caught.value


@pytest.mark.parametrize(
    ("variable", "value", "cause"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:9", "speaks SOCKS"),
        ("http_proxy", "http://127.0.0.1:9\n", "not a valid proxy URL"),
        ("HTTP_PROXY", "http://127.0.0.1:port", "not a valid proxy URL"),
        ("http_proxy", "http://", "not a valid proxy URL"),
        ("http_proxy", "ftp://127.0.0.1:9", "not a valid proxy URL"),
        ("http_proxy", "http://us€r:p€@127.0.0.1:9", "not a valid proxy URL"),
        ("http_proxy", "http://127.0.0.1:9", "refuses connections"),
    ],
)
def test_a_wrong_proxy_setting_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, cause: str) -> None:
    monkeypatch.setenv(variable, value)
    error = _failure("http://index.example/")
    assert cause in error.message
    assert "proxy" in error.message
    assert error.hint is not None
    assert variable in error.hint
    assert "p€" not in error.message


def test_a_proxy_that_wants_a_password_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(_Recorder(Answer(407, headers={"Proxy-Authenticate": "Basic"}))) as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        assert "asks for a user name and password (407)" in _failure("http://index.example/").message


def test_a_proxy_that_wants_a_password_for_a_tunnel_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "http.server.BaseHTTPRequestHandler.do_CONNECT",
        lambda handler: handler.send_error(407),
        raising=False,
    )
    with answering(_Recorder()) as proxy:
        monkeypatch.setenv("https_proxy", proxy)
        assert "asks for a user name and password (407)" in _failure("https://index.example/").message


@pytest.mark.parametrize("kind", ["missing", "garbage"])
def test_a_broken_list_of_authorities_is_named(
    tls: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    bundle = tmp_path / "authorities.pem"
    if kind == "garbage":
        bundle.write_text("no certificate\n")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with answering(_Recorder(), tls) as url:
        error = _failure(url)
    assert f"REQUESTS_CA_BUNDLE={bundle} is not a readable file of certificate authorities" in error.message


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..example", "ä" + "ö" * 64 + ".example", "exa mple"])
def test_an_invalid_host_is_reported(host: str) -> None:
    assert "can't be requested" in _failure(f"http://{host}/").message


def test_cookies_are_not_kept() -> None:
    """Cookies know no ports, so that one from the index would reach another server on its host."""
    seen: list[str | None] = []

    def answer(request: Request) -> Answer:
        seen.append(request.headers.get("Cookie"))
        return Answer(headers={"Set-Cookie": "session=s3cret; Path=/"})

    with answering(answer) as index, answering(answer) as other, closing(IndexSession(index)) as session:
        for url in (index, other, index):
            session.get(url)
    assert seen == [None, None, None]


def test_an_upload_takes_as_long_as_it_takes_and_shows_its_own_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    limited: list[float] = []

    @contextmanager
    def waiting(_what: str, *, limit: float, give_up: Callable[[], None]) -> Iterator[None]:
        assert callable(give_up)
        limited.append(limit)
        yield

    monkeypatch.setattr(http, "waiting_for", waiting)
    with answering(lambda _: Answer()) as url:
        with closing(http.IndexSession(url, patience=2.0)) as session:
            session.request("POST", url, json={"a": 1})
            session.get(url)
        assert limited == [2.0 * http._WHOLE_READ] * 2
        with closing(http.IndexSession(url, patience=2.0)) as session:
            session.request("POST", url, body=iter([b"a", b"b"]))
    assert len(limited) == 2


def test_the_environment_is_read_once_for_each_host(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy, own, other = _Recorder(), _Recorder(), _Recorder()
    with answering(proxy) as proxy_url, answering(own) as own_url, answering(other) as elsewhere:
        url = own_url.replace("127.0.0.1", "localhost")
        monkeypatch.setenv("HTTP_PROXY", proxy_url)
        monkeypatch.setenv("NO_PROXY", urlsplit(url).netloc)
        with closing(IndexSession(url)) as session:
            assert session.get(url).status_code == 200
            assert session.get(elsewhere).status_code == 200
            assert (len(own.requests), len(other.requests), len(proxy.requests)) == (1, 0, 1)
            monkeypatch.delenv("NO_PROXY")
            assert session.get(f"{url}simple/").status_code == 200
            assert session.probe(url, "*/*").status == 200
            assert (len(own.requests), len(other.requests), len(proxy.requests)) == (3, 0, 1)
