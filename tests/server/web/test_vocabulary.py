"""Words that projects use, and which of them are close to a word with typing mistakes."""

import pytest

from publisher.server.web.vocabulary import Vocabulary


def _similar(known: str, word: str) -> set[str]:
    words = Vocabulary()
    words.add(known, "acme")
    return words.similar_to(word)


@pytest.mark.parametrize(
    ("known", "word", "is_close"),
    [
        ("abc", "abd", False),  # too short for a mistake
        ("abcd", "abce", True),
        ("abcd", "abef", False),
        ("abcdefg", "abcdexy", False),
        ("abcdefgh", "abcdefxy", True),
        ("abcdefgh", "abcdexyz", False),
        ("abcdefgh", "abcdefghij", True),
        ("2024", "2023", False),
        ("release2024", "release2023", False),
    ],
)
def test_how_many_mistakes_a_word_may_have(known: str, word: str, *, is_close: bool) -> None:
    assert _similar(known, word) == ({"acme"} if is_close else set())


def test_a_word_belongs_to_all_projects_that_use_it() -> None:
    words = Vocabulary()
    for name in ("one", "two", "three"):
        words.add("gizmos", name)
    assert words.similar_to("gizmo") == {"one", "two", "three"}
    words.add("widgets", "four")
    assert words.similar_to("widgetz") == {"four"}
