"""What is shown of numbers and of texts that others wrote."""

import pytest

from publisher.project.display import human_size, without_control_characters


@pytest.mark.parametrize(
    ("size", "shown"),
    [(0, "0 bytes"), (999, "999 bytes"), (20_480, "20.5 kB"), (10**9, "1.0 GB"), (10**13, "10000.0 GB")],
)
def test_sizes(size: int, shown: str) -> None:
    assert human_size(size) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain \u00e4\u20ac", "plain \u00e4\u20ac"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\rb\x07", "a\\rb\\x07"),
        ("two\n\tlines", "two\n\tlines"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\x9b31m\u2028", "\\x9b31m\\u2028"),
        ("\udcff", "\\udcff"),
    ],
)
def test_what_steers_a_terminal_is_written_out(text: str, shown: str) -> None:
    assert without_control_characters(text) == shown
