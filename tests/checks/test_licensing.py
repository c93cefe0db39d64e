"""Classifiers and licenses: known, outdated and misplaced ones."""

from pathlib import Path

import pytest
from trove_classifiers import deprecated_classifiers

from publisher.checks.licensing import check_classifiers, check_license, in_order, replacements, spdx_name
from tests.helpers.documents import findings, messages

HATCHLING = '[build-system]\nbuild-backend = "hatchling.build"\n'
POETRY = '[build-system]\nbuild-backend = "poetry.core.masonry.api"\n'


def _classifiers(*texts: str, more: str = "", build: str = HATCHLING) -> list[str]:
    return messages(check_classifiers, f"[project]\n{more}classifiers = {list(texts)}\n{build}")


def test_good_classifiers_are_well() -> None:
    texts = ["Environment :: Console", "private :: Do Not Upload", "Programming Language :: Python :: 3.9"]
    assert _classifiers(*sorted(texts, key=str)) == []
    assert _classifiers() == []
    assert findings(check_classifiers, "") == []


@pytest.mark.parametrize(
    ("build", "code"),
    [(HATCHLING, "PP301"), (POETRY, "PP314"), ("", "PP314"), ('[build-system]\nbuild-backend = "own"\n', "PP314")],
)
def test_an_unknown_classifier(build: str, code: str) -> None:
    assert _classifiers("Typing :: Typd", build=build) == [
        f"{code} unknown classifier 'Typing :: Typd'; did you mean 'Typing :: Typed'?"
    ]
    assert _classifiers("Qqq", build=build) == [f"{code} unknown classifier 'Qqq'"]


def test_a_deprecated_classifier_names_its_replacement() -> None:
    assert _classifiers("Natural Language :: Ukranian") == [
        "PP302 deprecated classifier 'Natural Language :: Ukranian'; use 'Natural Language :: Ukrainian'"
    ]
    assert replacements("Natural Language :: Ukranian") == ["Natural Language :: Ukrainian"]
    assert replacements("Typing :: Typed") == []


@pytest.mark.parametrize(
    ("others", "words"),
    [([], "remove it"), (["New", "Newer"], "use 'New' or 'Newer'")],
)
def test_a_deprecated_classifier_without_a_replacement_or_with_several(
    monkeypatch: pytest.MonkeyPatch, others: list[str], words: str
) -> None:
    monkeypatch.setitem(deprecated_classifiers, "Old", others)
    assert _classifiers("Old") == [f"PP302 deprecated classifier 'Old'; {words}"]
    assert replacements("Old") == others


def test_order_and_repetition() -> None:
    first, second = "Environment :: Console", "Typing :: Typed"
    assert _classifiers(first, second, second) == ["PP303 'Typing :: Typed' is listed twice"]
    assert _classifiers(second, first) == ["PP304 classifiers are not sorted"]
    text = f"[project]\nclassifiers = [\n  '{second}',\n  '{first}',\n  '{first}',\n]\n"
    assert findings(check_classifiers, text) == [("PP303", 5), ("PP304", 2)]


def test_numbers_are_ordered_by_value() -> None:
    assert in_order(["b", "a 3.10", "a 3.9", "a", "a 3"]) == ["a", "a 3", "a 3.9", "a 3.10", "b"]
    assert in_order(["x 10", "10", "x 9", "9"]) == ["9", "10", "x 9", "x 10"]


@pytest.mark.parametrize(
    ("python", "classifier", "agrees"),
    [
        (">=3.11", "3.11", True),
        (">=3.11", "3.10", False),
        (">=3.11.4", "3.11", True),
        (">=3.11.1,<3.11.2", "3.11", True),
        ("==3.11.5", "3.11", True),
        ("==3.11.10", "3.11", True),
        (">=3.11.50", "3.11", True),
        ("==3.11.0", "3.11", True),
        ("<3.12", "3.12", False),
        ("", "2.7", True),
        ("nonsense", "2.7", True),
    ],
)
def test_pythons_agree(python: str, classifier: str, agrees: object) -> None:
    found = _classifiers(f"Programming Language :: Python :: {classifier}", more=f'requires-python = "{python}"\n')
    assert (found == []) is agrees
    assert all(each.startswith("PP311 ") for each in found)


def test_a_python_without_a_minor_version_is_not_compared() -> None:
    assert _classifiers("Programming Language :: Python :: 2", more='requires-python = ">=3.11"\n') == []
    assert _classifiers("Programming Language :: Python :: 2.7", more="requires-python = 3\n") == []


def _license(text: str, folder: Path = Path("project")) -> list[str]:
    return messages(check_license, f"[project]\n{text}\n", folder)


@pytest.mark.parametrize(
    ("license_", "expected"),
    [
        ("MIT", []),
        ("Apache-2.0 OR MIT", []),
        ("LicenseRef-Proprietary", []),
        ("mit", ["PP306 SPDX writes 'mit' as 'MIT'"]),
        ("MIT License", ["PP305 'MIT License' is not a license expression of SPDX"]),
        ("Apache 2.0", ["PP305 'Apache 2.0' is not a license expression of SPDX; did you mean 'Apache-2.0'?"]),
        ("MPL 2.0", ["PP305 'MPL 2.0' is not a license expression of SPDX; did you mean 'MPL-2.0'?"]),
        ("The usual one", ["PP305 'The usual one' is not a license expression of SPDX"]),
        ("GPL-3.0", ["PP313 SPDX has deprecated 'GPL-3.0'; use GPL-3.0-only or GPL-3.0-or-later"]),
        ("GPL-2.0+", ["PP313 SPDX has deprecated 'GPL-2.0+'; use GPL-2.0-or-later"]),
        (
            "(MIT AND LGPL-2.1) OR Nunit",
            [
                "PP313 SPDX has deprecated 'LGPL-2.1'; use LGPL-2.1-only or LGPL-2.1-or-later",
                "PP313 SPDX has deprecated 'Nunit'; use zlib-acknowledgement",
            ],
        ),
        (
            "GPL-2.0-with-GCC-exception",
            ["PP313 SPDX has deprecated 'GPL-2.0-with-GCC-exception'; use GPL-2.0-only WITH the exception"],
        ),
        (
            "GPL-3.0-with-autoconf-exception",
            ["PP313 SPDX has deprecated 'GPL-3.0-with-autoconf-exception'; use GPL-3.0-only WITH the exception"],
        ),
    ],
)
def test_license_expressions(license_: str, expected: list[str]) -> None:
    assert _license(f'license = "{license_}"') == expected


@pytest.mark.parametrize(
    "name",
    [
        *(
            f"{family}{plus}"
            for family in ("AGPL-1.0", "AGPL-3.0", "GFDL-1.1", "GFDL-1.2", "GFDL-1.3")
            for plus in ("", "+")
        ),
        *(
            f"{family}{plus}"
            for family in ("GPL-1.0", "GPL-2.0", "GPL-3.0", "LGPL-2.0", "LGPL-3.0")
            for plus in ("", "+")
        ),
        *(f"GPL-2.0-with-{name}-exception" for name in ("autoconf", "bison", "classpath", "font", "GCC")),
        *("BSD-2-Clause-FreeBSD", "BSD-2-Clause-NetBSD", "bzip2-1.0.5", "eCos-2.0", "Net-SNMP", "StandardML-NJ"),
        *("LGPL-2.1", "LGPL-2.1+", "Nunit", "wxWindows"),
    ],
)
def test_deprecated_identifiers(name: str) -> None:
    (found,) = _license(f'license = "{name}"')
    start = f"PP313 SPDX has deprecated {name!r}; use "
    assert found.startswith(start)
    replaced = (
        found.removeprefix(start).removesuffix(" WITH the exception").removesuffix("the licenses that it consists of")
    )
    for each in filter(None, replaced.split(" or ")):
        assert _license(f'license = "{each}"') == []


@pytest.mark.parametrize(
    ("build", "code"),
    [("", "PP307"), (HATCHLING, "PP312"), (POETRY, "PP312"), ('[build-system]\nbuild-backend="own"\n', "PP312")],
)
def test_license_classifiers_beside_an_expression(build: str, code: str) -> None:
    text = "classifiers = ['Typing :: Typed', 'License :: OSI Approved :: MIT License']\n"
    message = f"{code} 'License :: OSI Approved :: MIT License' is given beside the license expression"
    assert messages(check_license, f'[project]\nlicense = "MIT"\n{text}{build}') == [message]
    assert messages(check_license, f"[project]\n{text}{build}") == []


_TABLE = "PP308 license is a table, which is deprecated; use an SPDX expression"


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ('{ text = "MIT" }', ["PP308 license is a table, which is deprecated; use 'MIT'"]),
        ('{ text = "mit" }', ["PP308 license is a table, which is deprecated; use 'MIT'"]),
        ('{ text = "All rights" }', [_TABLE]),
        ('{ file = "LICENSE" }', [_TABLE]),
        ('{ file = "ABSENT" }', [_TABLE, "PP309 file 'ABSENT' does not exist"]),
        ('{ file = "." }', [_TABLE, "PP309 file '.' does not exist"]),
        ("{ file = 1 }", [_TABLE]),
    ],
)
def test_a_license_table_is_deprecated(tmp_path: Path, table: str, expected: list[str]) -> None:
    (tmp_path / "LICENSE").touch()
    assert _license(f"license = {table}", tmp_path) == expected


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("LICENSE", None),
        ("LIC*", None),
        ("**/COPYING", None),
        ("licenses", "matches no file"),  # a folder
        ("NOTICE", "matches no file"),
        ("/LICENSE", "is not a pattern below the project"),
        ("../LICENSE", "is not a pattern below the project"),
        ("licenses\\\\COPYING", "is not a pattern below the project"),
        ("LICENSE..", "matches no file"),
        ("", "is not a pattern"),
    ],
)
def test_patterns_of_license_files(tmp_path: Path, pattern: str, problem: str | None) -> None:
    (tmp_path / "LICENSE").touch()
    (tmp_path / "licenses").mkdir()
    (tmp_path / "licenses/COPYING").touch()
    shown = repr(pattern.replace("\\\\", "\\"))
    assert _license(f'license-files = ["{pattern}"]', tmp_path) == ([f"PP310 {shown} {problem}"] if problem else [])


def test_spellings_of_spdx() -> None:
    assert [spdx_name(text) for text in ("mit", "Apache-2.0", "nonsense one", None, 1)] == [
        "MIT",
        "Apache-2.0",
        None,
        None,
        None,
    ]
