import pytest

from publisher.client.url import parse_index_url
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
