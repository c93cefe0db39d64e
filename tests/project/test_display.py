"""Display of numbers and of texts that others wrote."""

import pytest

from publisher.project.display import has_control_characters, human_age, human_size, without_control_characters


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


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (1, "1 byte"),
        (999.4, "999 bytes"),
        (1000, "1.0 kB"),
        (1049, "1.0 kB"),
        (1051, "1.1 kB"),
        (999_900, "999.9 kB"),
        (10**6, "1.0 MB"),
        (999_900_000, "999.9 MB"),
    ],
)
def test_a_unit_ends_where_the_next_one_begins(size: float, shown: str) -> None:
    assert human_size(size) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 seconds"),
        (59, "59 seconds"),
        (60, "1 minute"),
        (90, "1.5 minutes"),
        (120, "2 minutes"),
        (3599, "60.0 minutes"),
        (3600, "1 hour"),
        (5400, "1.5 hours"),
        (86399, "24.0 hours"),
        (86400, "1 day"),
        (3 * 86400, "3 days"),
        (36 * 3600, "1.5 days"),
    ],
)
def test_ages(seconds: float, shown: str) -> None:
    assert human_age(seconds) == shown


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", False),
        ("plain ä€ ✓", False),
        ("a\nb", True),
        ("a\tb", True),
        ("\x00", True),
        ("\x7f", True),
        ("\x9b", True),
        ("\u202e", False),
        ("\u2028", False),
    ],
)
def test_control_characters_are_noticed(text: str, *, found: bool) -> None:
    assert has_control_characters(text) is found


def test_what_is_kept_can_be_said() -> None:
    assert without_control_characters("a\nb\tc\rd", keep="\r") == "a\\nb\\tc\rd"
    assert without_control_characters("a\nb\tc", keep="") == "a\\nb\\tc"
