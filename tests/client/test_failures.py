"""Each way in which a request gets no answer is named with its cause and the next step."""

import socket
import ssl

import pytest
import requests
import urllib3

from publisher.client.failures import refuse_proxy_answer, translate_failures
from publisher.errors import IndexUnavailableError

HTTPS, HTTP = "https://pypi.acme.example/simple/", "http://pypi.acme.example/simple/"
PROXY = "http://ada:secret@proxy.acme.example:3128"


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def explained(error: BaseException, url: str = HTTPS) -> tuple[str, str]:
    """Return the cause and the next step that a person reads."""
    with pytest.raises(IndexUnavailableError) as caught, translate_failures(url):
        raise error
    assert caught.value.__cause__ is error
    begin = f"No answer from {url}: "
    assert caught.value.message.startswith(begin)
    assert caught.value.message.endswith(".")
    return caught.value.message.removeprefix(begin).removesuffix("."), caught.value.hint or ""


def certificate(code: int, message: str = "self-signed") -> requests.exceptions.SSLError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, message
    return requests.exceptions.SSLError(urllib3.exceptions.MaxRetryError(None, "/", error))  # type: ignore[arg-type]


def wrapped(error: Exception, kind: type[requests.RequestException] = requests.ConnectionError) -> Exception:
    """Return a failure as requests gives it: around urllib3's, around the system's."""
    return kind(urllib3.exceptions.MaxRetryError(None, "/", error))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "cause", "hint"),
    [
        (wrapped(socket.gaierror(-2, "unknown")), "unknown host 'pypi.acme.example'", "the spelling"),
        (certificate(10), "its TLS certificate has expired", "has to renew it"),
        (certificate(9), "its TLS certificate is not valid yet", "set its clock"),
        (certificate(62), "its TLS certificate is another host's", "Use the host name"),
        (certificate(64), "its TLS certificate is another host's", "Use the host name"),
        (certificate(18), "its TLS certificate is not trusted (self-signed)", "REQUESTS_CA_BUNDLE"),
        (wrapped(ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER]")), "it does not speak TLS there", f"use {HTTP}."),
        (wrapped(ssl.SSLError(1, "wrong version number")), "it does not speak TLS there", HTTP),
        (wrapped(ssl.SSLError(1, "RECORD_LAYER_FAILURE")), "it does not speak TLS there", HTTP),
        (requests.ReadTimeout("slow"), "it took too long to answer", "the same command again"),
        (requests.ConnectTimeout("slow"), "it took too long to answer", "the same command again"),
        (TimeoutError(), "it took too long to answer", "the same command again"),
        (wrapped(ConnectionRefusedError()), "the connection was refused", "the index is running"),
        (requests.exceptions.InvalidURL("x"), "this URL can't be requested", "spelling of the index URL"),
        (requests.exceptions.InvalidSchema("x"), "this URL can't be requested", "spelling of the index URL"),
        (ValueError("Invalid IPv6 URL"), "it redirects to an address that is not valid", "spelling of the index URL"),
        (UnicodeError("label too long"), "this URL can't be requested", "spelling of the index URL"),
        (ConnectionResetError(), "the connection broke off", "Check the network"),
        (urllib3.exceptions.ProtocolError("x"), "the connection broke off", "Check the network"),
        (requests.exceptions.ChunkedEncodingError("x"), "the connection broke off", "Check the network"),
    ],
)
def test_causes_and_next_steps(error: Exception, cause: str, hint: str) -> None:
    found = explained(error)
    assert found[0] == cause
    assert hint in found[1]


def test_a_broken_connection_without_tls_may_want_it() -> None:
    assert explained(ConnectionResetError(), HTTP)[1].startswith(f"If the index serves TLS, use {HTTPS}. Check")
    assert "TLS" not in explained(ConnectionResetError())[1]


def test_a_failure_is_understood_however_deep_it_is_and_in_a_circle() -> None:
    outer, inner = OSError("outer"), OSError("inner")
    outer.__cause__, inner.__context__ = inner, outer
    assert explained(outer)[0] == "the connection broke off"
    inner.__context__ = ConnectionRefusedError()
    assert explained(outer)[0] == "the connection was refused"
    reason = requests.ConnectionError("x")
    reason.reason = ConnectionRefusedError()  # type: ignore[attr-defined]
    assert explained(reason)[0] == "the connection was refused"


def test_other_errors_are_left_alone() -> None:
    with pytest.raises(KeyError), translate_failures(HTTPS):
        raise KeyError("x")
    with translate_failures(HTTPS):
        pass


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", None])
@pytest.mark.parametrize(
    "error",
    [
        OSError("Could not find a suitable TLS CA certificate bundle, invalid path: /x"),
        wrapped(ssl.SSLError("[X509] PEM lib"), requests.exceptions.SSLError),
        wrapped(ssl.SSLError("NO_CERTIFICATE_OR_CRL_FOUND"), requests.exceptions.SSLError),
    ],
)
def test_a_file_of_authorities_that_can_not_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str | None, error: Exception
) -> None:
    if name:
        monkeypatch.setenv(name, "/etc/ours.pem")
    cause, hint = explained(error)
    assert "not a readable file of certificate authorities" in cause
    if name:
        assert cause.startswith(f"{name}=/etc/ours.pem is")
        assert hint == f"Correct {name} or unset it."
    else:
        assert "certifi" in hint


def test_other_failures_do_not_blame_the_file_of_authorities(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/ours.pem")
    for error in (OSError("no"), requests.ConnectionError("PEM lib"), wrapped(ssl.SSLError("handshake"))):
        assert "authorities" not in explained(error)[0]


PROXY_FAILURES = [
    (wrapped(OSError("Tunnel failed: 407"), requests.exceptions.ProxyError), "asks for a user name", "USER:PASSWORD"),
    (wrapped(socket.gaierror(-2, "x"), requests.exceptions.ProxyError), "does not exist", "Check {name}."),
    (wrapped(ConnectionRefusedError(), requests.exceptions.ProxyError), "refuses connections", "NO_PROXY"),
    (requests.exceptions.ProxyError("x"), "did not let the request through", "{name} and NO_PROXY"),
    (urllib3.exceptions.ProxyError("x", OSError("y")), "did not let the request through", "{name} and NO_PROXY"),
    (requests.exceptions.InvalidProxyURL("x"), "is not a valid proxy URL", "Correct {name}"),
    (requests.exceptions.InvalidSchema("Missing dependencies for SOCKS"), "speaks SOCKS", "unset {name}"),
]


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize(("error", "cause", "hint"), PROXY_FAILURES)
def test_a_proxy_is_named_with_its_variable_and_without_its_password(
    monkeypatch: pytest.MonkeyPatch, name: str, error: Exception, cause: str, hint: str
) -> None:
    monkeypatch.setenv(name, PROXY)
    found = explained(error)
    assert cause in found[0]
    assert "proxy.acme.example:3128" in found[0]
    assert "secret" not in found[0] + found[1]
    assert hint.format(name=name) in found[1]


def test_a_proxy_of_no_setting_is_a_proxy() -> None:
    for url, name in ((HTTPS, "HTTPS_PROXY"), (HTTP, "HTTP_PROXY")):
        cause, hint = explained(requests.exceptions.ProxyError("x"), url)
        assert (cause, hint) == ("a proxy did not let the request through", f"Check {name} and NO_PROXY.")


@pytest.mark.parametrize(
    ("url", "is_the_proxys"), [(HTTPS, True), ("https://a..b.example/", False), ("https://[x/", False)]
)
def test_an_invalid_url_of_the_index_is_not_blamed_on_the_proxy(
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    is_the_proxys: bool,  # noqa: FBT001
) -> None:
    monkeypatch.setattr("publisher.client.failures._proxy", lambda _: PROXY)
    cause, _ = explained(requests.exceptions.InvalidURL("x"), url)
    assert ("not a valid proxy URL" in cause) is is_the_proxys


def test_an_answer_of_a_proxy_is_no_answer_of_the_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", PROXY)
    with pytest.raises(IndexUnavailableError, match=r"asks for a user name and password \(407\)") as caught:
        refuse_proxy_answer(HTTP)
    assert caught.value.hint == "Put them into http_proxy: http://USER:PASSWORD@HOST:PORT."
    assert "secret" not in caught.value.message
