"""The audience of an index, and the URLs that an issuer may have."""

import pytest

from publisher.server.auth.oidc.errors import InvalidPublisherError
from publisher.server.auth.oidc.urls import audience_of, check_url, is_here


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


@pytest.mark.parametrize("url", ["https://ci.acme.example", "https://ci.acme.example:8443/oidc", "https://128.0.0.1/"])
def test_https_urls_are_taken_wherever_they_are_named(url: str) -> None:
    check_url(url)
    check_url(url, here=False)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "host", ["127.0.0.1:9", "localhost:9", "[::1]:9", "127.8.8.8", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]:9"]
)
def test_urls_of_this_machine_are_for_issuers_of_this_machine(scheme: str, host: str) -> None:
    url = f"{scheme}://{host}/"
    check_url(url)
    assert is_here(url)
    with pytest.raises(InvalidPublisherError, match="own machine"):
        check_url(url, here=False)


@pytest.mark.parametrize("url", ["https://ci.acme.example", "http://localhost.mallory.example/", "https://128.0.0.1"])
def test_other_urls_are_not_of_this_machine(url: str) -> None:
    assert not is_here(url)


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
