"""Options put into INI files, with everything else as it was."""

import pytest

from publisher.errors import ConfigurationError
from publisher.files.ini import parse_ini, put_options
from publisher.files.managed_blocks import BYTE_ORDER_MARK, remove_blocks

NEW = {"global": {"index-url": "https://a/simple/"}}


def _visible(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith(("#>>>", "#<<<", "#| "))]


@pytest.mark.parametrize(
    ("text", "visible"),
    [
        (None, ["[global]", "index-url = https://a/simple/"]),
        ("", ["[global]", "index-url = https://a/simple/"]),
        ("[global]\n", ["[global]", "index-url = https://a/simple/"]),
        ("[global]\ntimeout = 5\n", ["[global]", "timeout = 5", "index-url = https://a/simple/"]),
        ("[global]\nindex-url = old\n", ["[global]", "index-url = https://a/simple/"]),
        ("[global]\nINDEX_URL = old\n", ["[global]", "index-url = https://a/simple/"]),
        ("[global]\n--index-url: old\n", ["[global]", "index-url = https://a/simple/"]),
        ("[global]\nindex-url =\n    old\n    older\n", ["[global]", "index-url = https://a/simple/"]),
        (
            "# mine\n[install]\nindex-url = i\n",
            ["# mine", "[install]", "index-url = i", "[global]", "index-url = https://a/simple/"],
        ),
        (
            "[global]\na = 1\n\n[install]\nb = 2",
            ["[global]", "a = 1", "index-url = https://a/simple/", "", "[install]", "b = 2"],
        ),
    ],
)
def test_an_option_is_put_into_its_section_and_goes_again(text: str | None, visible: list[str]) -> None:
    changed = put_options(text, "pip", NEW)
    assert _visible(changed) == visible
    found = parse_ini(changed)
    assert found.value("global", "index-url") == "https://a/simple/"
    assert remove_blocks(changed, "pip") == text


def test_options_that_are_hidden_are_comments() -> None:
    text = "[global]\nextra-index-url = x\n[install]\nextra_index_url = y\ntimeout = 5\n"
    seen = []

    def hidden(section: str, option: str) -> bool:
        seen.append((section, option))
        return option == "extra-index-url" and section == "install"

    changed = put_options(text, "pip", NEW, hidden)
    assert seen == [("global", "extra-index-url"), ("install", "extra-index-url"), ("install", "timeout")]
    assert "#| extra_index_url = y" in changed
    found = parse_ini(changed)
    assert found.value("global", "extra-index-url") == "x"
    assert found.value("install", "extra_index_url") is None
    assert remove_blocks(changed, "pip") == text


def test_a_value_of_several_lines_and_several_new_sections() -> None:
    sections = {"distutils": {"index-servers": "\n    a\n    b"}, "a": {"repository": "https://a/", "username": "ada"}}
    changed = put_options("[b]\nx = 1\n", "pypirc", sections)
    assert _visible(changed) == [
        "[b]",
        "x = 1",
        "[distutils]",
        "index-servers =",
        "    a",
        "    b",
        "[a]",
        "repository = https://a/",
        "username = ada",
    ]
    found = parse_ini(changed)
    assert (found.value("distutils", "index-servers") or "").split() == ["a", "b"]
    assert found.value("a", "username") == "ada"


@pytest.mark.parametrize(
    "text", ["index-url = x\n", "[a]\nx = 1\n[a]\ny = 1\n", "[a]\nx = 1\nx = 2\n", "[a\n", "[a]\n = 1\n"]
)
def test_what_is_no_ini_file_is_refused(text: str) -> None:
    for use in (parse_ini, lambda text: put_options(text, "pip", NEW)):
        with pytest.raises(ConfigurationError, match="Not a valid INI file: ") as refused:
            use(text)
        assert refused.value.hint == "Fix the file first."
        assert "\n" not in str(refused.value)


def test_a_value_that_would_not_be_read_back_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"b can't be added to \[a\]") as refused:
        put_options("", "pip", {"a": {"b": "one\n# two"}})
    assert refused.value.hint == "Add it by hand."


def test_places_are_those_of_the_lines() -> None:
    found = parse_ini(f"{BYTE_ORDER_MARK}; mine\n\n[One]\n# note\nKey = 1\nlist =\n  a\n  b\n\n[two]\nempty\n")
    assert dict(found.headers) == {"One": 2, "two": 9}
    assert [(option, start, end) for _, option, _, start, end in found.options] == [
        ("key", 4, 5),
        ("list", 5, 8),
        ("empty", 10, 11),
    ]
    assert (found.value("One", "key"), found.value("two", "empty"), found.value("two", "key")) == ("1", "", None)
