"""The audience of an index, and the URLs that an issuer may have."""

import pytest

from publisher.server.auth.oidc.errors import InvalidPublisherError
from publisher.server.auth.oidc.urls import audience_of, check_url


@pytest.mark.parametrize(
    ("url", "audience"),
    [
        ("https://pypi.acme.example/", "pypi.acme.example"),
        ("https://pypi.acme.example:443/", "pypi.acme.example"),
        ("HTTPS://PyPI.Acme.Example/team/", "pypi.acme.example"),
        ("https://pypi.acme.example:8443/", "pypi.acme.example:8443"),
        ("http://pypi.acme.example/", "pypi.acme.example:80"),
        ("http://pypi.acme.example:443/", "pypi.acme.example"),
        ("http://127.0.0.1:8080/", "127.0.0.1:8080"),
        ("https://[::1]/", "[::1]"),
        ("https://[::1]:8443/", "[::1]:8443"),
    ],
)
def test_the_audience_is_the_host_with_the_port_where_it_is_not_443(url: str, audience: str) -> None:
    assert audience_of(url) == audience


@pytest.mark.parametrize("url", ["https://ci.acme.example", "https://ci.acme.example:8443/oidc", "https://127.0.0.1/"])
def test_https_urls_are_taken_wherever_they_are_named(url: str) -> None:
    check_url(url)
    check_url(url, here=False)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "http://localhost:9/", "http://[::1]:9/", "http://127.8.8.8/"])
def test_http_is_for_this_machine(url: str) -> None:
    check_url(url)
    with pytest.raises(InvalidPublisherError, match="https"):
        check_url(url, here=False)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        (None, "not the URL of an issuer"),
        (3, "not the URL of an issuer"),
        ("", "not the URL of an issuer"),
        ("ci.acme.example", "not the URL of an issuer"),
        ("https://", "not the URL of an issuer"),
        ("https:///oidc", "not the URL of an issuer"),
        ("https://[::1", "not the URL of an issuer"),
        ("https://user@ci.acme.example", "not the URL of an issuer"),
        ("https://ci.acme.example?x=1", "not the URL of an issuer"),
        ("https://ci.acme.example#x", "not the URL of an issuer"),
        ("http://ci.acme.example", "begins with https"),
        ("http://128.0.0.1/", "begins with https"),
        ("http://localhost.mallory.example/", "begins with https"),
        ("ftp://127.0.0.1/", "begins with https"),
    ],
)
def test_everything_else_is_refused(url: object, says: str) -> None:
    with pytest.raises(InvalidPublisherError, match=says):
        check_url(url)
