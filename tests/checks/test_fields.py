"""The single-valued keys of `[project]`: values at their limits, and the words for those beyond."""

import pytest

from publisher.checks.fields import KEYS, check_fields
from tests.helpers.documents import findings, messages

GOOD = '[project]\nname = "acme-widgets"\nversion = "1.0"\nrequires-python = ">=3.11"\n'
SETUPTOOLS = '[build-system]\nbuild-backend = "setuptools.build_meta"\n'
HATCHLING = '[build-system]\nbuild-backend = "hatchling.build"\n'


def _with(text: str) -> list[tuple[str, int | None]]:
    return findings(check_fields, GOOD + text + HATCHLING)


def _words(text: str) -> list[str]:
    return messages(check_fields, GOOD + text + HATCHLING)


@pytest.mark.parametrize("text", ["", "[tool.x]\na = 1\n", "[project]\n[tool.x]\n", GOOD])
def test_nothing_is_wrong_without_a_project_or_with_a_good_one(text: str) -> None:
    assert findings(check_fields, text) == []


@pytest.mark.parametrize(
    ("build", "key", "expected"),
    [
        (HATCHLING, "homepage", "PP120 [project] has the unknown key 'homepage'"),
        (SETUPTOOLS, "homepage", "PP111 [project] has the unknown key 'homepage'"),
        ("", "homepage", "PP111 [project] has the unknown key 'homepage'"),  # setuptools by default
        ('[build-system]\nbuild-backend = "own"\n', "homepage", "PP120 [project] has the unknown key 'homepage'"),
        (HATCHLING, "dependancies", "PP111 [project] has the unknown key 'dependancies'; did you mean 'dependencies'?"),
        (HATCHLING, "licence", "PP111 [project] has the unknown key 'licence'; did you mean 'license'?"),
        (HATCHLING, "keyword", "PP111 [project] has the unknown key 'keyword'; did you mean 'keywords'?"),
        (HATCHLING, "author", "PP111 [project] has the unknown key 'author'; did you mean 'authors'?"),
        (HATCHLING, "mains", "PP120 [project] has the unknown key 'mains'"),
    ],
)
def test_unknown_keys(build: str, key: str, expected: str) -> None:
    assert messages(check_fields, f"{GOOD}{key} = 1\n{build}") == [expected]


def test_the_keys_of_the_specification_are_known() -> None:
    keys = (
        "authors classifiers dependencies description dynamic entry-points gui-scripts import-names import-namespaces "
        "keywords license license-files maintainers name optional-dependencies readme requires-python scripts urls "
        "version"
    )
    assert keys.split() == sorted(KEYS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('dynamic = ["version"]\n', [("PP109", 3)]),
        ('dynamic = ["readme", "urls"]\n', []),
        ('dynamic = ["name"]\n', [("PP109", 2), ("PP110", 5)]),
        ('dynamic = ["dynamic"]\n', [("PP109", 5), ("PP110", 5)]),
        ('dynamic = ["reedme", 1]\n', [("PP110", 5)]),
        ("dynamic = 1\n", []),
    ],
)
def test_dynamic_keys(text: str, expected: list[tuple[str, int]]) -> None:
    assert sorted(_with(text)) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ('"acme-widgets"', []),
        ('"a"', []),
        ('"Acme"', ["PP104 the normal form of 'Acme' is 'acme'"]),
        ('"acme_widgets"', ["PP104 the normal form of 'acme_widgets' is 'acme-widgets'"]),
        ('"acme.-widgets"', ["PP104 the normal form of 'acme.-widgets' is 'acme-widgets'"]),
        ('"-acme"', ["PP103 '-acme' is not a valid name"]),
        ('""', ["PP103 '' is not a valid name"]),
        ("1", ["PP103 1 is not a valid name"]),
    ],
)
def test_names(name: str, expected: list[str]) -> None:
    assert messages(check_fields, GOOD.replace('"acme-widgets"', name)) == expected


def test_a_project_needs_a_name() -> None:
    (found,) = findings(check_fields, GOOD.replace('name = "acme-widgets"\n', ""))
    assert found == ("PP103", 1)


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ('"1.0"', []),
        ('"1.0rc1"', []),
        ('"1!2.0.post1"', []),
        ('"01.0"', ["PP107 the normal form of '01.0' is '1.0'"]),
        ('"v1.0"', ["PP107 the normal form of 'v1.0' is '1.0'"]),
        ('"1.0+abc"', ["PP108 '1.0+abc' has the local part 'abc'"]),
        (
            '"1.0+ABC"',
            ["PP107 the normal form of '1.0+ABC' is '1.0+abc'", "PP108 '1.0+ABC' has the local part 'abc'"],
        ),
        ('"one"', ["PP106 'one' is not a version"]),
        ("1.0", ["PP106 1.0 is not a version"]),
        ('""', ["PP106 '' is not a version"]),
    ],
)
def test_versions(version: str, expected: list[str]) -> None:
    assert messages(check_fields, GOOD.replace('"1.0"', version)) == expected


def test_a_version_is_given_or_dynamic() -> None:
    without = GOOD.replace('version = "1.0"\n', "")
    assert findings(check_fields, without) == [("PP105", 1)]
    assert findings(check_fields, f'{without}dynamic = ["version"]\n') == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f'description = "{"x" * 512}"\n', []),
        (f'description = "{"x" * 513}"\n', ["PP112 the description has 513 characters"]),
        ('description = "one\\ntwo"\n', ["PP112 the description has several lines"]),
        ('description = "one\\n"\n', []),
        ('description = ""\n', []),
        ("description = 1\n", []),
    ],
)
def test_descriptions(text: str, expected: list[str]) -> None:
    assert _words(text) == expected


@pytest.mark.parametrize(
    ("python", "expected"),
    [
        ('">=3.11"', []),
        ('">=3.11,<4"', []),
        ('""', []),
        ('"3.11"', ["PP113 '3.11' is not a version specifier"]),
        ("3.11", ["PP113 3.11 is not a version specifier"]),
    ],
)
def test_pythons(python: str, expected: list[str]) -> None:
    assert messages(check_fields, GOOD.replace('">=3.11"', python)) == expected


def test_a_python_is_named_or_dynamic() -> None:
    without = GOOD.replace('requires-python = ">=3.11"\n', "")
    assert findings(check_fields, without) == [("PP114", 1)]
    assert findings(check_fields, f'{without}dynamic = ["requires-python"]\n') == []


@pytest.mark.parametrize("key", ["authors", "maintainers"])
@pytest.mark.parametrize(
    ("person", "expected"),
    [
        ('{ name = "Ada" }', None),
        ('{ email = "ada@example.org" }', None),
        ('{ name = "Ada", email = "ada@example.org" }', None),
        ("{}", "PP115 an entry of '{key}' has neither a name nor an address"),
        ('{ name = "" }', "PP115 an entry of '{key}' has neither a name nor an address"),
        ('{ name = "Ada", email = "" }', "PP115 '' is not an address"),
        ('{ email = "ada" }', "PP115 'ada' is not an address"),
        ('{ email = "ada @example.org" }', "PP115 'ada @example.org' is not an address"),
        ('{ email = "a@b@c" }', "PP115 'a@b@c' is not an address"),
        ('{ name = "Ada", email = 1 }', "PP115 1 is not an address"),
        ('"Ada"', None),
    ],
)
def test_people(key: str, person: str, expected: str | None) -> None:
    assert _words(f"{key} = [{person}]\n") == ([expected.format(key=key)] if expected else [])


def test_each_person_has_a_line() -> None:
    people = '[\n  { name = "Ada" },\n  "x",\n  { email = "x" },\n  {},\n]\n'
    assert _with(f"authors = {people}") == [("PP115", 8), ("PP115", 9)]
    assert _with("authors = 1\n") == []


@pytest.mark.parametrize(
    ("url", "is_good"),
    [
        ("https://acme.example", True),
        ("http://acme.example/a?b#c", True),
        ("HTTPS://acme.example", True),
        ("ftp://acme.example", False),
        ("acme.example", False),
        ("https://", False),
        ("https:///path", False),
        ("https://acme.example/a b", False),
        ("https://[::1", False),
        ("mailto:ada@example.org", False),
    ],
)
def test_urls(url: str, is_good: object) -> None:
    found = _words(f'[project.urls]\nHome = "{url}"\n')
    assert (found == []) is is_good
    assert is_good or found == [f"PP117 {url!r} is not an http or https URL"]


@pytest.mark.parametrize(("length", "expected"), [(32, []), (33, [("PP116", 6)])])
def test_labels_of_urls(length: int, expected: list[tuple[str, int]]) -> None:
    assert _with(f'[project.urls]\n{"x" * length} = "https://acme.example"\n') == expected


def test_urls_of_another_form_are_left_to_the_schema() -> None:
    assert _with("urls = 1\n") == []
    assert _with("[project.urls]\nHome = 1\n") == []


@pytest.mark.parametrize(
    ("reference", "as_script", "as_entry"),
    [
        ("acme.cli:main", True, True),
        ("acme:main", True, True),
        ("acme.cli : main.run", True, True),
        ("acme:main [extra]", True, True),
        ("größe:main", True, True),
        ("acme.cli", False, True),
        ("acme-cli:main", False, False),
        ("acme.1cli:main", False, False),
        ("acme:", False, False),
        (":main", False, False),
        ("acme:main()", False, False),
        ("acme..cli:main", False, False),
        ("", False, False),
    ],
)
def test_entry_points(reference: str, as_script: object, as_entry: object) -> None:
    for table in ("scripts", "gui-scripts"):
        found = _words(f'[project.{table}]\nacme = "{reference}"\n')
        assert (found == []) is as_script
        assert as_script or found == [f"PP118 'acme': {reference!r} does not have the form module:object"]
    found = _words(f'[project.entry-points.plugins]\nacme = "{reference}"\n')
    assert (found == []) is as_entry
    assert as_entry or found == [f"PP118 'acme': {reference!r} does not have the form module or module:object"]


@pytest.mark.parametrize(("group", "table"), [("console_scripts", "scripts"), ("gui_scripts", "gui-scripts")])
def test_scripts_are_no_entry_points(group: str, table: str) -> None:
    assert _with(f'[project.entry-points.{group}]\nacme = "acme:main"\n') == [("PP119", 5)]
    assert _words(f'[project.entry-points.{group}]\nacme = "acme:main"\n') == [
        f"PP119 {group!r} is not allowed in entry-points; use [project.{table}]"
    ]
    assert _with(f'[project.entry-points.{group}s]\nacme = "acme:main"\n') == []


@pytest.mark.parametrize(
    ("name", "is_good"),
    [
        ("acme", True),
        ("acme-cli.x_1", True),
        (".acme", True),
        ("a b", True),
        ("-acme", False),
        ("acme.", False),
        ("acme ", False),
        ("a/b", False),
        ("..", False),
        ("", False),
    ],
)
def test_names_of_scripts(name: str, is_good: object) -> None:
    found = _with(f'[project.scripts]\n"{name}" = "acme:main"\n')
    assert found == ([] if is_good else [("PP121", 6)])
    assert _with(f'[project.entry-points.plugins]\n"{name}" = "acme:main"\n') == []


def test_entry_points_of_another_form_are_left_to_the_schema() -> None:
    for text in (
        "scripts = 1\n",
        "entry-points = 1\n",
        "[project.scripts]\nacme = 1\n",
        "[project.entry-points]\nx = 1\n",
    ):
        assert _with(text) == []
