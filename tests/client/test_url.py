import pytest

from publisher.client.url import is_same_origin, parse_index_url
from publisher.errors import ConfigurationError


@pytest.mark.parametrize(
    ("given", "root"),
    [
        ("https://acme.example", "https://acme.example/"),
        ("https://acme.example/", "https://acme.example/"),
        ("HTTPS://Acme.Example/simple/", "https://acme.example/"),
        ("https://acme.example/+simple", "https://acme.example/"),
        ("https://acme.example/legacy/", "https://acme.example/"),
        ("http://127.0.0.1:8080/team/simple", "http://127.0.0.1:8080/team/"),
        ("http://[::1]:8080", "http://[::1]:8080/"),
        (" https://acme.example/ ", "https://acme.example/"),
        ("https://user:p%40ss@acme.example/simple/", "https://acme.example/"),
    ],
)
def test_every_url_of_an_index_names_its_root(given: str, root: str) -> None:
    assert parse_index_url(given).root == root


@pytest.mark.parametrize(
    "given", ["", "acme.example", "ftp://acme.example", "https://", "https://a:port/", "https://a/?b"]
)
def test_what_is_no_url_is_refused(given: str) -> None:
    with pytest.raises(ConfigurationError):
        parse_index_url(given)


def test_credentials_in_a_url_are_decoded_and_hidden() -> None:
    index = parse_index_url("https://us%40er:p%40%C3%A4@acme.example/")
    assert (index.username, index.password and index.password.reveal()) == ("us@er", "p@ä")
    assert "p@ä" not in repr(index)
    assert "p%40" not in repr(index)
    assert str(index) == "https://acme.example/"


@pytest.mark.parametrize(
    "url", ["ftp://user:secret@acme.example/", "https://user:sec/ret@acme.example/", "https://user:secret@a.example:x/"]
)
def test_an_invalid_url_is_named_without_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_index_url(url)
    assert "sec" not in caught.value.message
    assert "user:****@a" in caught.value.message


def test_the_urls_below_an_index() -> None:
    index = parse_index_url("https://acme.example/team/")
    assert index.simple == "https://acme.example/team/simple/"
    assert index.project_api("acme-widgets") == "https://acme.example/team/simple/acme-widgets/"
    assert index.project_page("acme-widgets") == "https://acme.example/team/projects/acme-widgets/"
    assert index.host == "acme.example"


@pytest.mark.parametrize(
    ("root", "name", "meant"),
    [
        ("https://acme.example/", "https://acme.example/", True),
        ("https://acme.example/", "https://ACME.example:443/simple/", True),
        ("https://acme.example/", "http://acme.example/", False),
        ("https://acme.example/", "https://acme.example:8443/", False),
        ("https://acme.example/", "https://other.example/", False),
        ("https://acme.example/", "acme.example", True),
        ("https://acme.example/", "Acme.Example:443", True),
        ("https://acme.example/", "acme.example:80", False),
        ("http://acme.example:8080/", "acme.example:8080", True),
        ("http://acme.example:8080/", "acme.example", False),
        ("https://acme.example/team/", "https://acme.example/team", True),
        ("https://acme.example/team/", "https://acme.example/team/simple/x/", True),
        ("https://acme.example/team/", "https://acme.example/team-b/", False),
        ("https://acme.example/team/", "https://acme.example/", False),
        ("https://acme.example/team/", "https://acme.example/team/../other/", False),
        ("https://acme.example/team/", "https://acme.example/team/%2e%2e/other/", False),
        ("https://acme.example/team/", "https://acme.example/team/./x", False),
        ("https://acme.example/", "https://[/", False),
    ],
)
def test_credentials_are_kept_for_an_index_by_its_host_or_a_url_of_it(root: str, name: str, meant: bool) -> None:  # noqa: FBT001
    assert parse_index_url(root).is_meant_by(name) is meant


@pytest.mark.parametrize(
    ("given", "audience", "host"),
    [
        ("https://acme.example/", "acme.example", "acme.example"),
        ("https://acme.example:443/", "acme.example", "acme.example"),
        ("https://acme.example:8443/x/", "acme.example:8443", "acme.example"),
        ("http://acme.example/", "acme.example:80", "acme.example"),
        ("http://127.0.0.1:8080/", "127.0.0.1:8080", "127.0.0.1"),
        ("https://[::1]/", "[::1]", "::1"),
    ],
)
def test_the_audience_of_an_index_is_its_host_with_an_unusual_port(given: str, audience: str, host: str) -> None:
    index = parse_index_url(given)
    assert (index.audience, index.host) == (audience, host)


def test_the_names_in_a_keyring_have_the_host_only_where_it_is_the_index() -> None:
    assert parse_index_url("https://acme.example:1/").keyring_services == (
        "https://acme.example:1/",
        "https://acme.example:1/simple/",
        "https://acme.example:1/simple",
        "acme.example:1",
    )
    assert parse_index_url("https://acme.example/team/").keyring_services == (
        "https://acme.example/team/",
        "https://acme.example/team/simple/",
        "https://acme.example/team/simple",
    )


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://a.example/x", "https://A.example:443/y?z", True),
        ("http://a.example", "http://a.example:80/", True),
        ("http://a.example:81", "http://a.example", False),
        ("https://a.example", "http://a.example", False),
        ("https://a.example", "https://b.example", False),
        ("https://a.example:x", "https://a.example:x", False),
    ],
)
def test_an_origin_is_scheme_host_and_port(one: str, other: str, same: bool) -> None:  # noqa: FBT001
    assert is_same_origin(one, other) is same
