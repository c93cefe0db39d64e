"""Causes and remedies of requests without an answer: network, TLS, proxies and URLs."""

import os
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from typing import NamedTuple, NoReturn, TypeVar
from urllib.parse import urlsplit

import requests  # noqa: TID251 - a door to requests
import urllib3  # noqa: TID251 - a door to urllib3

from publisher.errors import IndexUnavailableError
from publisher.secret import mask_urls

_AGAIN = "Check the network and run the same command again; repeating it is safe."
_CHECK_URL = "Check the spelling of the index URL."
_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_NOT_TLS = ("WRONG_VERSION_NUMBER", "wrong version number", "RECORD_LAYER_FAILURE")

_BROKEN = (requests.RequestException, urllib3.exceptions.HTTPError, HTTPException, OSError)
"""Exceptions that requests, urllib3 and the standard library raise when an answer is missing or incomplete."""

_Cause = TypeVar("_Cause", bound=BaseException)
_Explanation = tuple[str, str]
"""A cause, and a remedy."""


@contextmanager
def translate_failures(url: str) -> Iterator[None]:
    """Raise an IndexUnavailableError with cause and remedy for every way in which a request can get no answer."""
    try:
        yield
    except (*_BROKEN, ValueError) as error:
        reason, hint = _explain(_Failure(error, url))
        raise IndexUnavailableError(f"No answer from {mask_urls(url)}: {reason}.", hint=hint) from error


def refuse_proxy_answer(url: str) -> NoReturn:
    """Raise the IndexUnavailableError for a 407, with which a proxy asks for a password."""
    raise IndexUnavailableError(
        f"No answer from {mask_urls(url)}: {_shown_proxy(url)} asks for a user name and password (407).",
        hint=f"Put them into {_proxy_variable(url)}: http://USER:PASSWORD@HOST:PORT.",
    )


class _Failure(NamedTuple):
    error: Exception
    url: str

    @property
    def causes(self) -> list[BaseException]:
        """The exception, and everything that it was raised from or wraps."""
        found: list[BaseException] = []
        error: BaseException | None = self.error
        while error is not None and not any(error is known for known in found):
            found.append(error)
            inner = next((argument for argument in error.args if isinstance(argument, BaseException)), None)
            reason = getattr(error, "reason", None)
            error = reason if isinstance(reason, BaseException) else inner or error.__cause__ or error.__context__
        return found

    @property
    def text(self) -> str:
        return " ".join(str(cause) for cause in self.causes)

    def find(self, *kinds: type[_Cause]) -> _Cause | None:
        """Return the first cause of some kinds."""
        return next((cause for cause in self.causes if isinstance(cause, kinds)), None)


def _explain(failure: _Failure) -> _Explanation:
    return next(found for explain in _EXPLANATIONS if (found := explain(failure)) is not None)


def _ca_bundle(failure: _Failure) -> _Explanation | None:
    """Explain a file of certificate authorities that is missing or damaged; requests reports it as an OSError."""
    name = next((name for name in _CA_VARIABLES if os.environ.get(name)), None)
    if isinstance(failure.error, requests.RequestException | urllib3.exceptions.HTTPError):
        is_damaged = failure.find(ssl.SSLError) is not None and any(
            sign in failure.text for sign in ("NO_CERTIFICATE_OR_CRL_FOUND", "[X509", "PEM lib")
        )
        if not is_damaged:
            return None
    elif "CA certificate bundle" not in failure.text:
        return None
    where = f"{name}={os.environ[name]}" if name else "the installed list of certificate authorities"
    return (
        f"{where} is not a readable file of certificate authorities",
        f"Correct {name} or unset it." if name else "Reinstall certifi: pip install --force-reinstall certifi",
    )


def _proxy_setting(failure: _Failure) -> _Explanation | None:
    """Explain a proxy's URL that can't be used; requests reports it like a wrong URL of the index."""
    if not _proxy(failure.url) or not _is_about_a_url(failure):
        return None
    name, shown = _proxy_variable(failure.url), _shown_proxy(failure.url)
    if "SOCKS" in failure.text:
        return f"{shown} speaks SOCKS, which needs PySocks", f"pip install PySocks, or unset {name}."
    if not isinstance(failure.error, requests.exceptions.InvalidProxyURL | UnicodeError) and not _is_valid(failure.url):
        return None
    return f"{shown} is not a valid proxy URL", f"Correct {name}, for example http://HOST:PORT, or unset it."


def _proxy_failure(failure: _Failure) -> _Explanation | None:
    if not failure.find(requests.exceptions.ProxyError, urllib3.exceptions.ProxyError):
        return None
    name, shown = _proxy_variable(failure.url), _shown_proxy(failure.url)
    if "407" in failure.text:
        return (
            f"{shown} asks for a user name and password (407)",
            f"Put them into {name}: http://USER:PASSWORD@HOST:PORT.",
        )
    if failure.find(socket.gaierror, urllib3.exceptions.NameResolutionError):
        return f"the host of {shown} does not exist", f"Check {name}."
    if failure.find(ConnectionRefusedError):
        return f"{shown} refuses connections", f"Check {name}, or add the index's host to NO_PROXY."
    return f"{shown} did not let the request through", f"Check {name} and NO_PROXY."


def _host_name(failure: _Failure) -> _Explanation | None:
    if not failure.find(socket.gaierror, urllib3.exceptions.NameResolutionError):
        return None
    host = urlsplit(failure.url).hostname
    return f"unknown host {host!r}", "Check the spelling of the index URL, and the network."


def _certificate(failure: _Failure) -> _Explanation | None:
    """Explain a certificate's fault by the code that OpenSSL gives it (X509_V_ERR_...)."""
    error = failure.find(ssl.SSLCertVerificationError)
    if error is None:
        return None
    renew = "The index's administrator has to renew it; if today's date is wrong on this machine, set its clock."
    match error.verify_code:
        case 10:
            return "its TLS certificate has expired", renew
        case 9:
            return "its TLS certificate is not valid yet", renew
        case 62 | 64:
            return "its TLS certificate is another host's", "Use the host name that the certificate is for."
    return (
        f"its TLS certificate is not trusted ({error.verify_message})",
        "Set REQUESTS_CA_BUNDLE to the certificate authority's file (pip: PIP_CERT, uv: SSL_CERT_FILE).",
    )


def _no_tls(failure: _Failure) -> _Explanation | None:
    if not any(sign in failure.text for sign in _NOT_TLS):
        return None
    return "it does not speak TLS there", f"If it serves plain HTTP, use {failure.url.replace('https:', 'http:', 1)}."


def _timeout(failure: _Failure) -> _Explanation | None:
    return ("it took too long to answer", _AGAIN) if failure.find(requests.exceptions.Timeout, TimeoutError) else None


def _refused(failure: _Failure) -> _Explanation | None:
    if not failure.find(ConnectionRefusedError):
        return None
    return "the connection was refused", "Check host and port of the index URL, and that the index is running."


def _invalid_redirect(failure: _Failure) -> _Explanation | None:
    """Explain a redirect to an invalid URL, which requests parses even if it does not follow redirects."""
    if isinstance(failure.error, (*_BROKEN, UnicodeError)):
        return None
    return "it redirects to an address that is not valid", _CHECK_URL


def _invalid_url(failure: _Failure) -> _Explanation | None:
    return ("this URL can't be requested", _CHECK_URL) if _is_about_a_url(failure) else None


def _broken(failure: _Failure) -> _Explanation:
    if failure.url.startswith("http:"):
        return "the connection broke off", f"If the index serves TLS, use https:{failure.url[5:]}. {_AGAIN}"
    return "the connection broke off", _AGAIN


_EXPLANATIONS: tuple[Callable[[_Failure], _Explanation | None], ...] = (
    _ca_bundle,
    _proxy_setting,
    _proxy_failure,
    _host_name,
    _certificate,
    _no_tls,
    _timeout,
    _refused,
    _invalid_redirect,
    _invalid_url,
    _broken,
)


def _is_about_a_url(failure: _Failure) -> bool:
    kinds = (
        requests.exceptions.InvalidURL,
        requests.exceptions.InvalidSchema,
        urllib3.exceptions.LocationParseError,
        urllib3.exceptions.ProxySchemeUnknown,
    )
    return isinstance(failure.error, (*kinds, UnicodeError))


def _is_valid(url: str) -> bool:
    try:
        host = urllib3.util.parse_url(url).host or ""
        host.encode("idna")
    except (urllib3.exceptions.LocationParseError, UnicodeError):
        return False
    return True


def _proxy(url: str) -> str | None:
    """Return the proxy that the environment names for a URL."""
    return requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url))


def _shown_proxy(url: str) -> str:
    proxy = _proxy(url)
    return f"the proxy {mask_urls(proxy)!r}" if proxy else "a proxy"


def _proxy_variable(url: str) -> str:
    """Return the variable, as the environment spells it, that names the proxy for a URL, or that could name one."""
    proxy = _proxy(url)
    spellings = [spelling for name in _PROXY_VARIABLES for spelling in (name.lower(), name)]
    usual = "HTTP_PROXY" if url.startswith("http:") else "HTTPS_PROXY"
    return next((name for name in spellings if proxy and os.environ.get(name) == proxy), usual)
