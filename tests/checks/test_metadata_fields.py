"""Metadata of built files: fields that matter to installers, descriptions, and agreement of wheel and sdist."""

from pathlib import Path

import pytest

from publisher.checks.metadata import check_metadata, render_rst
from publisher.project.distributions import Distribution, read_distribution
from tests.helpers.dists import make_sdist, make_wheel

DESCRIBED = "Description-Content-Type: text/markdown\n"


def _wheel(
    folder: Path, extra: str = DESCRIBED, body: str = "# W\n", *, version: str = "1.0", of: str = "2.4"
) -> Distribution:
    text = f"Metadata-Version: {of}\nName: acme-widgets\nVersion: {version}\n{extra}\n{body}"
    return read_distribution(make_wheel(folder, version=version, metadata_bytes=text.encode()))


def _sdist(folder: Path, extra: str = DESCRIBED, *, version: str = "1.0") -> Distribution:
    text = f"Metadata-Version: 2.4\nName: acme-widgets\nVersion: {version}\n{extra}\n# W\n"
    return read_distribution(make_sdist(folder, version=version, metadata_bytes=text.encode()))


def _codes(*distributions: Distribution) -> list[str]:
    return [found.rule.code for found in check_metadata(distributions)]


def _words(*distributions: Distribution) -> list[str]:
    return [f"{found.rule.code} {found.message}" for found in check_metadata(distributions)]


@pytest.mark.parametrize(
    ("extra", "codes"),
    [
        ("", []),
        ("Requires-Dist: attrs\nRequires-Python: >=3.11\n", []),
        ("Requires-Dist: attrs >> 1\n", ["PP701"]),
        ("Requires-Python: 3.x\n", ["PP701"]),
        ("Requires-Python: >=3.11\nRequires-Python: >=3.12\n", ["PP701"]),
        ("Summary: one\nSummary: two\n", ["PP717"]),
        ("No-Such-Field: x\n", ["PP717"]),
        ("Provides-Extra: no name\n", ["PP717"]),
        ("License-Expression: nonsense one\n", ["PP717"]),
        ("Requires-Dist: a >> 1\nNo-Such-Field: x\n", ["PP717", "PP701"]),
    ],
)
def test_fields_that_installers_need_are_errors_of_another_kind(tmp_path: Path, extra: str, codes: list[str]) -> None:
    assert _codes(_wheel(tmp_path, extra + DESCRIBED)) == codes


@pytest.mark.parametrize(
    ("of", "extra", "codes"),
    [
        ("2.1", "License-File: LICENSE\n", []),  # setuptools wrote it long before
        ("2.3", "License-File: LICENSE\n", []),
        ("2.4", "License-File: LICENSE\n", []),
        ("2.3", "License-Expression: MIT\n", ["PP717"]),  # introduced in 2.4
        ("2.99", "", ["PP717"]),
        ("3.0", "", ["PP701"]),
    ],
)
def test_versions_of_metadata(tmp_path: Path, of: str, extra: str, codes: list[str]) -> None:
    assert _codes(_wheel(tmp_path, extra + DESCRIBED, of=of)) == codes


def test_the_words_for_invalid_fields(tmp_path: Path) -> None:
    (unknown,) = _words(_wheel(tmp_path, f"No-Such-Field: x\n{DESCRIBED}"))
    assert unknown == "PP717 the metadata field 'no-such-field' is unknown or malformed"
    (invalid,) = _words(_wheel(tmp_path, f"Requires-Dist: a >> 1\n{DESCRIBED}"))
    assert invalid.startswith("PP701 the metadata field 'requires-dist' is invalid: ")


@pytest.mark.parametrize(
    ("extra", "body", "codes"),
    [
        (DESCRIBED, "# W\n", []),
        (DESCRIBED, "", ["PP716"]),
        (DESCRIBED, " \n", ["PP716"]),
        (DESCRIBED, "UNKNOWN\n", ["PP716"]),
        ("", "Widgets\n=======\n", ["PP718"]),
        ("", ".. toctree::\n", ["PP718", "PP702"]),
        ("Description-Content-Type: text/x-rst\n", "Widgets\n=======\n", []),
        ("Description-Content-Type: text/x-rst; charset=UTF-8\n", ".. toctree::\n", ["PP702"]),
        ("Description-Content-Type: text/plain\n", ".. toctree::\n", []),
        ("Description-Content-Type: Text/Markdown; variant=GFM\n", ".. toctree::\n", []),
    ],
)
def test_descriptions(tmp_path: Path, extra: str, body: str, codes: list[str]) -> None:
    assert _codes(_wheel(tmp_path, extra, body)) == codes


def test_a_description_that_does_not_render_is_found_at_its_line(tmp_path: Path) -> None:
    (found,) = _words(_wheel(tmp_path, "Description-Content-Type: text/x-rst\n", "Title\n=====\n\n.. toctree::\n"))
    assert found.startswith("PP702 the description does not render as reStructuredText: line 4 ")
    assert list(render_rst("Title\n=====\n")) == []
    assert [line for line, _ in render_rst("Title\n=====\n\n.. toctree::\n")] == [4]


@pytest.mark.parametrize(
    ("of_wheel", "of_sdist", "words"),
    [
        ("", "", []),
        ("Requires-Dist: a\nRequires-Dist: b\n", "Requires-Dist: b\nRequires-Dist: a\n", []),
        ("Requires-Dist: a\n", "", ["PP704 its Requires-Dist differs from the sdist's"]),
        ("", "Requires-Dist: a\n", ["PP704 its Requires-Dist differs from the sdist's"]),
        (
            "Requires-Python: >=3.11\n",
            "Requires-Python: >=3.12\n",
            ["PP704 its Requires-Python differs from the sdist's"],
        ),
    ],
)
def test_a_wheel_agrees_with_its_sdist(tmp_path: Path, of_wheel: str, of_sdist: str, words: list[str]) -> None:
    wheel, sdist = _wheel(tmp_path, of_wheel + DESCRIBED), _sdist(tmp_path, of_sdist + DESCRIBED)
    assert _words(wheel, sdist) == _words(sdist, wheel) == words
    assert _words(wheel) == _words(sdist) == []


def test_a_wheel_without_an_sdist_of_its_version_is_an_error(tmp_path: Path) -> None:
    wheel = _wheel(tmp_path)
    others = [_sdist(tmp_path, version=version) for version in ("1.1", "1.2")]
    assert _words(wheel, *others) == ["PP703 the wheel has the version 1.0, the sdist 1.2"]
    assert _words(wheel, *others, _sdist(tmp_path)) == []
