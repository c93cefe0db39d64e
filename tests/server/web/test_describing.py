"""Metadata of a release as pages show it."""

import json

import pytest

from publisher.limits import LIMITS
from publisher.server.web.describing import (
    Dependency,
    PageLink,
    dependencies,
    dependency,
    extras,
    is_web_url,
    kept_fields,
    keywords,
    license_text,
    links,
    one_line,
    people,
    python_versions,
)
from publisher.server.web.templating import shortened

LONG = "x" * (LIMITS.pages.field + 1)


@pytest.mark.parametrize(
    ("text", "name", "found_extras", "specifier", "condition", "extra"),
    [
        ("acme", "acme", "", "", "", ""),
        ("Acme_Core<3,>=2,!=2.5", "acme-core", "", ">=2,!=2.5,<3", "", ""),
        ("acme[speed,gui]~=1.0", "acme", "gui,speed", "~=1.0", "", ""),
        ('acme; extra == "gui"', "acme", "", "", "", "gui"),
        ('acme; extra == "Big_GUI"', "acme", "", "", "", "big-gui"),
        ('acme>1; python_version < "3.12"', "acme", "", ">1", 'python_version < "3.12"', ""),
        ('acme; python_version < "3.12" and extra == "gui"', "acme", "", "", 'python_version < "3.12"', "gui"),
        ('acme; extra == "gui" and python_version < "3.12"', "acme", "", "", 'python_version < "3.12"', "gui"),
        (
            'acme; (os_name == "nt" or os_name == "posix") and extra == "gui"',
            "acme",
            "",
            "",
            'os_name == "nt" or os_name == "posix"',
            "gui",
        ),
        ('acme; extra == "a" or extra == "b"', "acme", "", "", 'extra == "a" or extra == "b"', ""),
        ("acme @ https://acme.example/a.whl", "acme", "", "@ https://acme.example/a.whl", "", ""),
        ("acme\n  >=1", "acme", "", ">=1", "", ""),
    ],
)
def test_a_requirement_is_split_into_what_a_page_shows(  # noqa: PLR0917 - a row
    text: str, name: str, found_extras: str, specifier: str, condition: str, extra: str
) -> None:
    found = dependency(text)
    assert found is not None
    assert found.normalized == name
    assert (found.extras, found.specifier, found.condition, found.extra) == (found_extras, specifier, condition, extra)


def test_the_name_of_a_requirement_is_shown_as_it_is_written() -> None:
    assert dependency("Acme_Core") == Dependency("Acme_Core", "acme-core", "", "", "", "")


def test_requirements_of_extras_come_last_and_invalid_ones_not_at_all() -> None:
    given = ['zoo; extra == "b"', "beta", 'ant; extra == "b"', "not a requirement!", 'cow; extra == "a"', "alpha"]
    assert [(each.extra, each.name) for each in dependencies({"requires_dist": given})] == [
        ("", "alpha"),
        ("", "beta"),
        ("a", "cow"),
        ("b", "ant"),
        ("b", "zoo"),
    ]
    assert dependencies({}) == []


def test_extras_are_listed_once_in_order() -> None:
    assert extras({"provides_extra": ["GUI", "all", "gui", "big_data"]}) == ["all", "big-data", "gui"]
    assert extras({}) == []


@pytest.mark.parametrize(
    ("url", "is_one"),
    [
        ("https://acme.example/", True),
        ("http://acme.example", True),
        ("HTTPS://acme.example/a?b=c#d", True),
        ("ftp://acme.example/", False),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("//acme.example/", False),
        ("https://", False),
        ("https:///path", False),
        ("https://acme.example/a b", False),
        ("https://acme.example/\n", False),
        ("https://[acme.example/", False),
        ("acme.example", False),
        ("", False),
    ],
)
def test_pages_link_to_web_addresses_alone(url: str, is_one: bool) -> None:  # noqa: FBT001 - a row
    assert is_web_url(url) == is_one


def test_links_come_once_with_their_labels() -> None:
    fields = {
        "project_urls": {
            "Source  code": "https://acme.example/src",
            "Evil": "javascript:1",
            "Home": "https://acme.example",
        },
        "home_page": "https://acme.example/",
        "download_url": "https://acme.example/dl",
    }
    assert links(fields) == [
        PageLink("Source code", "https://acme.example/src"),
        PageLink("Home", "https://acme.example"),
        PageLink("Download", "https://acme.example/dl"),
    ]
    slash = {
        "project_urls": {
            "One": "https://acme.example/a/",
            "Two": "https://acme.example/a",
            "Three": "https://acme.example/a-",
        }
    }
    assert [each.label for each in links(slash)] == ["One", "Three"]
    assert links({"home_page": "https://acme.example/"}) == [PageLink("Homepage", "https://acme.example/")]
    assert links({}) == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, []),
        ({"author": " Ada\n Lovelace "}, [PageLink("Ada Lovelace")]),
        ({"author_email": "ada@acme.example"}, [PageLink("ada@acme.example", "mailto:ada@acme.example")]),
        ({"author_email": "Ada <ada@acme.example>"}, [PageLink("Ada", "mailto:ada@acme.example")]),
        (
            {"author": "A. Lovelace", "author_email": "Ada <ada@acme.example>"},
            [PageLink("A. Lovelace", "mailto:ada@acme.example")],
        ),
        (
            {"author": "Both", "author_email": "Ada <ada@acme.example>, Bob <bob@acme.example>"},
            [PageLink("Ada", "mailto:ada@acme.example"), PageLink("Bob", "mailto:bob@acme.example")],
        ),
        ({"author": "Ada", "author_email": "not-an-address"}, [PageLink("Ada", "")]),
        ({"author": "Ada", "author_email": "(" * 5000}, [PageLink("Ada")]),
    ],
)
def test_people_are_shown_by_name_with_their_addresses(fields: dict[str, str], expected: list[PageLink]) -> None:
    assert people(fields, "author") == expected
    others = {name.replace("author", "maintainer"): value for name, value in fields.items()}
    assert people(others, "maintainer") == expected
    assert people(fields, "maintainer") == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ""),
        ({"license": "MIT"}, "MIT"),
        ({"license": "\nThe terms\nof a license"}, "The terms"),
        ({"license": "x" * 80}, "x" * 80),
        ({"license": "x" * 81}, "x" * 79 + "…"),
        ({"license": "terms", "classifiers": ["License :: OSI Approved :: MIT License"]}, "MIT License"),
        (
            {"classifiers": ["License :: OSI Approved :: MIT License", "Typing :: Typed", "License :: Public Domain"]},
            "MIT License, Public Domain",
        ),
        ({"license": "terms", "license_expression": "MIT  OR\nApache-2.0"}, "MIT OR Apache-2.0"),
        ({"license_expression": "MIT", "classifiers": ["License :: Other"]}, "MIT"),
    ],
)
def test_a_license_is_shown_in_a_few_words(fields: dict[str, object], expected: str) -> None:
    assert license_text(fields) == expected


def test_versions_of_python_are_sorted_as_numbers() -> None:
    python = "Programming Language :: Python :: "
    given = [
        f"{python}{each}" for each in ("3.9", "3.12", "3", "3 :: Only", "3.10", "3.12", "Implementation :: CPython")
    ]
    assert python_versions({"classifiers": [*given, "Typing :: Typed", "3.8"]}) == ["3.9", "3.10", "3.12"]
    assert python_versions({}) == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], []),
        ("", []),
        ("blue gizmos", ["blue", "gizmos"]),
        ("blue gizmos, red", ["blue gizmos", "red"]),
        (["blue gizmos"], ["blue", "gizmos"]),
        (["blue gizmos", "red"], ["blue gizmos", "red"]),
        ([" a ,, b\nc "], ["a", "b c"]),
    ],
)
def test_keywords_are_separated_by_commas_or_by_spaces(given: object, expected: list[str]) -> None:
    assert keywords({"keywords": given}) == expected


def test_texts_become_one_line() -> None:
    assert one_line(" a\n\tb   c ") == "a b c"


def test_only_the_fields_of_pages_are_kept_and_each_within_its_bound() -> None:
    many = [f"k{number}" for number in range(LIMITS.pages.entries + 1)]
    given = {
        "name": LONG,
        "description": "never kept",
        "keywords": [LONG, 7],
        "classifiers": many,
        "project_urls": {LONG: LONG, **dict.fromkeys(many, "u")},
        "requires_python": None,
    }
    kept = kept_fields(given)
    assert kept.keys() == {"name", "keywords", "classifiers", "project_urls", "requires_python"}
    assert kept["name"] == LONG[:-1]
    assert kept["keywords"] == [LONG[:-1], "7"]
    assert kept["classifiers"] == many[:-1]
    assert len(kept["project_urls"]) == LIMITS.pages.entries
    assert kept["project_urls"][LONG[:-1]] == LONG[:-1]
    assert kept["requires_python"] is None
    assert json.loads(json.dumps(kept)) == kept


def test_summaries_in_lists_are_cut_after_a_word() -> None:
    limit = LIMITS.pages.listed_summary
    assert shortened("x" * limit) == "x" * limit
    assert shortened("x" * (limit + 1)) == "x" * limit + "…"
    assert shortened("one two " + "x" * limit) == "one two…"
