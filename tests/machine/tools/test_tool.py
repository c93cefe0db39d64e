"""An index under its name in files, and the indexes that files name."""

import pytest

from publisher.client.url import parse_index_url
from publisher.machine.tools.tool import ConfiguredIndex, Setup
from publisher.secret import Secret

URL = parse_index_url("https://acme.example/team/")


@pytest.mark.parametrize(
    ("name", "variable", "group"),
    [("acme", "ACME", "via-acme"), ("my-index.2", "MY_INDEX_2", "via-my-index.2"), ("größe", "GRÖSSE", "via-größe")],
)
def test_the_name_of_an_index_in_variables_and_groups(name: str, variable: str, group: str) -> None:
    setup = Setup(URL, name)
    assert (setup.variable_name, setup.group) == (variable, group)


@pytest.mark.parametrize(
    ("username", "password", "expected"),
    [
        (None, None, "https://acme.example/team/simple/"),
        ("", "secret", "https://acme.example/team/simple/"),
        (None, "secret", "https://acme.example/team/simple/"),  # a password without a name is of no use
        ("ada", None, "https://ada@acme.example/team/simple/"),
        ("ada", "p:w/@ %", "https://ada:p%3Aw%2F%40%20%25@acme.example/team/simple/"),
        ("ada/lovelace@x", None, "https://ada%2Flovelace%40x@acme.example/team/simple/"),
    ],
)
def test_a_personal_url_has_the_quoted_user_and_password(
    username: str | None, password: str | None, expected: str
) -> None:
    secret = None if password is None else Secret(password)
    assert Setup(URL, "acme", username, secret).personal_url == expected


def test_a_setup_says_nothing_more_than_it_was_given() -> None:
    setup = Setup(URL, "acme")
    assert (setup.username, setup.password, setup.proxies_public) == (None, None, False)
    assert (list(setup.packages), dict(setup.private_dependencies)) == ([], {})
    assert "hidden" not in repr(Setup(URL, "acme", "ada", Secret("hidden")))


@pytest.mark.parametrize(
    ("url", "is_it"),
    [
        ("https://acme.example/team/", True),
        ("https://acme.example/team/simple/", True),
        ("https://acme.example/team/simple", True),
        ("https://ada:x@acme.example/team/simple/", True),
        ("https://acme.example/", False),
        ("http://acme.example/team/", False),
        ("https://other.example/team/", False),
        ("the public index", False),
        ("", False),
    ],
)
def test_an_index_is_known_by_any_of_its_urls(url: str, is_it: object) -> None:
    assert ConfiguredIndex(url, "pip.conf").is_index(URL) is is_it


@pytest.mark.parametrize(
    ("url", "beside", "in_url", "holds"),
    [
        ("https://acme.example/simple/", {}, False, False),
        ("https://ada@acme.example/simple/", {}, False, False),
        ("https://ada:x@acme.example/simple/", {}, True, True),
        ("https://ada:${PASSWORD}@acme.example/simple/", {}, False, False),  # the shell's to replace
        ("https://ada@acme.example/simple/", {"secret_beside": True}, False, True),
        ("acme.example", {}, False, False),
        ("acme.example", {"secret_beside": True}, False, True),
    ],
)
def test_where_a_file_has_a_password(url: str, beside: dict[str, bool], in_url: object, holds: object) -> None:
    index = ConfiguredIndex(url, "pip.conf", **beside)
    assert (index.password_in_url, index.holds_secret) == (in_url, holds)


def test_an_index_is_shown_without_its_password() -> None:
    assert str(ConfiguredIndex("https://ada:hidden@acme.example/", "")) == "https://ada:****@acme.example/"
