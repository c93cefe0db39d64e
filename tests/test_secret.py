"""Secrets that hide themselves, and the passwords in URLs that others print."""

import copy
import pickle

import pytest

from publisher.secret import Credentials, Secret, is_unicode, mask_urls


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("https://user:secret@acme.example/simple/", "https://user:****@acme.example/simple/"),
        ("https://:token@acme.example/", "https://:****@acme.example/"),
        ("https://user:p@ss@acme.example/a@b", "https://user:****@acme.example/a@b"),
        ("https://user:p/ss@acme.example/", "https://user:****@acme.example/"),
        ("a https://u:1@a/ and http://v:2@b:80/", "a https://u:****@a/ and http://v:****@b:80/"),
        ("https://acme.example:8080/name@1.0", "https://acme.example:8080/name@1.0"),
        ("https://user@acme.example/", "https://user@acme.example/"),
        ("no URL: a@b", "no URL: a@b"),
    ],
)
def test_passwords_are_masked_and_nothing_else(text: str, masked: str) -> None:
    assert mask_urls(text) == masked


def test_a_secret_shows_the_same_whatever_its_text_is() -> None:
    assert {repr(Secret(text)) for text in ("a", "other", "")} == {"Secret('**********')"}
    assert {f"{Secret(text)}" for text in ("a", "other", "")} == {"**********"}


def test_a_secret_is_its_text_without_the_lines_around_it() -> None:
    assert Secret("\ufeff p:ä ß \r\n").reveal() == " p:ä ß "
    assert Secret("a\nb").reveal() == "a\nb"
    assert Secret("-a-").reveal() == "-a-"


def test_secrets_are_equal_by_their_text_and_only_to_secrets() -> None:
    assert Secret("a") == Secret("a\n")
    assert hash(Secret("a")) == hash(Secret("a"))
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert {Secret("a"), Secret("a"), Secret("b")} == {Secret("b"), Secret("a")}


def test_an_empty_secret_is_none() -> None:
    assert not Secret("\r\n")
    assert Secret(" ")


def test_a_secret_is_not_written_anywhere() -> None:
    with pytest.raises(TypeError, match="a secret is not pickled"):
        pickle.dumps(Secret("a"))
    with pytest.raises(TypeError, match="a secret is not pickled"):
        copy.copy(Secret("a"))


def test_credentials_do_not_show_their_password_and_trim_their_name() -> None:
    credentials = Credentials("ada\r\n", Secret("hidden"), "a file")
    assert credentials.username == "ada"
    assert repr(credentials) == "Credentials(username='ada', source='a file')"


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("", True),
        ("ä✓\U0001f600", True),
        ("\udcff", False),
        ("a\ud800b", False),
        ("\ue000", True),
        ("\ud7ff", True),
    ],
)
def test_bytes_that_are_no_text_can_not_be_sent(text: str, *, is_one: bool) -> None:
    assert is_unicode(text) is is_one
