"""The lines of keys and list elements in TOML, however they are written."""

import pytest

from publisher.project.toml_positions import Lines, Place

TEXT = '''\
# a comment = 1
[project]
name = "acme" # [not.a.table]
"quoted key" = 1
authors = [
    { name = "Ada", email = "ada@example.com" },
    # nobody = { }
    { name = "Bob" }, { name = "Cy" },
]
description = """
[no.table]
many = "lines"
"""
urls.home = "https://acme.example/"
urls."the docs" = 'https://acme.example/a=b'

[project.scripts]
acme = "acme:main"
[tool."a.b".'c']
x = 1979-05-27T07:32:00Z
y = -1.5e3
z = [[1, 2],
  [3,
   4]]

[[products]]
name = "first"
[[products]]
name = "second"
[products.size]
width = 1
[[products.parts]]
id = 1
[[products.parts]]
id = 2
[last]
inline = { a = { b = 1 }, c = [
  1 ] }
'''


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("project",), 2),
        (("project", "name"), 3),
        (("project", "quoted key"), 4),
        (("project", "authors"), 5),
        (("project", "authors", 0), 6),
        (("project", "authors", 0, "name"), 6),
        (("project", "authors", 0, "email"), 6),
        (("project", "authors", 1), 8),
        (("project", "authors", 2), 8),
        (("project", "authors", 2, "name"), 8),
        (("project", "description"), 10),
        (("project", "urls"), 14),
        (("project", "urls", "home"), 14),
        (("project", "urls", "the docs"), 15),
        (("project", "scripts"), 17),
        (("project", "scripts", "acme"), 18),
        (("tool",), None),
        (("tool", "a.b", "c"), 19),
        (("tool", "a.b", "c", "x"), 20),
        (("tool", "a.b", "c", "y"), 21),
        (("tool", "a.b", "c", "z"), 22),
        (("tool", "a.b", "c", "z", 0), 22),
        (("tool", "a.b", "c", "z", 0, 1), 22),
        (("tool", "a.b", "c", "z", 1), 23),
        (("tool", "a.b", "c", "z", 1, 0), 23),
        (("tool", "a.b", "c", "z", 1, 1), 24),
        (("products",), 26),
        (("products", 0), 26),
        (("products", 0, "name"), 27),
        (("products", 1), 28),
        (("products", 1, "name"), 29),
        (("products", 1, "size"), 30),
        (("products", 1, "size", "width"), 31),
        (("products", 1, "parts"), 32),
        (("products", 1, "parts", 0, "id"), 33),
        (("products", 1, "parts", 1), 34),
        (("products", 1, "parts", 1, "id"), 35),
        (("last",), 36),
        (("last", "inline", "a", "b"), 37),
        (("last", "inline", "c"), 37),
        (("last", "inline", "c", 0), 38),
    ],
)
def test_each_key_and_element_has_its_line(place: Place, line: int | None) -> None:
    assert Lines(TEXT).of(place) == line


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("project", "name", "below"), 3),
        (("project", "missing"), 2),
        (("project", "authors", 3), 5),
        (("project", "authors", 1, "email"), 8),
        (("products", 2, "name"), 26),
        (("nowhere", "at", "all"), None),
        ((), None),
    ],
)
def test_a_place_that_is_missing_has_the_line_of_the_nearest_around_it(place: Place, line: int | None) -> None:
    lines = Lines(TEXT)
    assert lines.of(place) == line
    assert place not in lines


def test_texts_and_comments_have_no_places() -> None:
    lines = Lines(TEXT)
    for place in (("a comment",), ("not", "a", "table"), ("no", "table"), ("project", "many"), ("project", "nobody")):
        assert place not in lines
    assert ("project", "authors", 3) not in lines


@pytest.mark.parametrize(
    ("place", "below"),
    [
        (("project", "authors"), {5, 6, 8}),
        (("project", "authors", 1), {8}),
        (("tool",), {19, 20, 21, 22, 23, 24}),
        (("products", 1), {28, 29, 30, 31, 32, 33, 34, 35}),
        (("nowhere",), set()),
    ],
)
def test_the_lines_of_everything_in_a_place(place: Place, below: set[int]) -> None:
    assert Lines(TEXT).below(place) == below


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "[",
        "[[",
        "]",
        "=",
        "a",
        "a =",
        "a = [",
        "a = {",
        "a = [1, 2",
        "[a\nb = 1",
        "}",
        ",",
        "a = [}",
        "a.=",
        '"',
    ],
)
def test_text_that_is_no_toml_ends_too(text: str) -> None:
    lines = Lines(text)
    assert lines.of(("missing",)) is None


def test_a_key_that_no_parser_takes_is_itself() -> None:
    assert Lines('"\\q" = 1\n').of(('"\\q"',)) == 1
    assert Lines('"\\u0061" = 1\n').of(("a",)) == 1


@pytest.mark.parametrize("quotes", ['"""', "'''"])
def test_a_text_may_end_in_quotes_of_its_own(quotes: str) -> None:
    quote = quotes[0]
    lines = Lines(f"a = {quotes}x{quote}{quotes}\nb = {quotes}{quotes}\nc = {quote}{quote}\nd = 1\n")
    assert [lines.of((name,)) for name in "abcd"] == [1, 2, 3, 4]


def test_a_quote_behind_a_backslash_ends_no_text() -> None:
    lines = Lines('a = "x\\" = [\\\\"\nb = \'\\\'\nc = 1\n')
    assert [lines.of((name,)) for name in "abc"] == [1, 2, 3]
