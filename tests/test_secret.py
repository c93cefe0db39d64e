"""Secrets that hide themselves, and the passwords in URLs that others print."""

import pytest

from publisher.secret import Secret, mask_urls


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
