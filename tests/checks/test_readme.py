"""The README of a project: its place, its type, and its text."""

from pathlib import Path

import pytest

from publisher.checks.readme import check_readme
from publisher.limits import LIMITS
from tests.helpers.documents import document, findings, messages


def _check(folder: Path, readme: str, **files: bytes) -> list[tuple[str, str, int | None]]:
    for name, data in files.items():
        (folder / name.replace("_", ".")).write_bytes(data)
    found = check_readme(document(f'[project]\nname = "x"\nreadme = {readme}\n', folder))
    return [(each.rule.code, each.path.name, each.line) for each in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("[tool.x]\n", []),
        ('[project]\nname = "x"\n', [("PP406", 1)]),
        ('[project]\nname = "x"\ndynamic = ["readme"]\n', []),
        ("[project]\nreadme = 1\n", []),
        ("[project]\nreadme = {}\n", []),
    ],
)
def test_a_readme_is_named_or_dynamic(text: str, expected: list[tuple[str, int]]) -> None:
    assert findings(check_readme, text) == expected


@pytest.mark.parametrize("name", ["README.md", "README.MD", "README.rst", "README.txt"])
def test_types_are_known_by_the_end_of_the_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("text\n")
    assert _check(tmp_path, f'"{name}"') == []


@pytest.mark.parametrize(
    ("readme", "expected"),
    [
        ('"README"', ["PP402 unknown file type of 'README'; use .md, .rst or .txt, or set content-type"]),
        ('"README.html"', ["PP402 unknown file type of 'README.html'; use .md, .rst or .txt, or set content-type"]),
        ('{ file = "README", content-type = "text/markdown" }', []),
        ('{ file = "README", content-type = "Text/Markdown; charset=UTF-8" }', []),
        ('{ file = "README", content-type = "text/plain" }', []),
        (
            '{ file = "README", content-type = "text/html" }',
            ["PP402 unknown content-type 'text/html'; use text/markdown, text/x-rst or text/plain"],
        ),
        (
            '{ file = "README.md", content-type = "text/html" }',
            ["PP402 unknown content-type 'text/html'; use text/markdown, text/x-rst or text/plain"],
        ),
        ('{ file = "README" }', ["PP402 unknown file type of 'README'; use .md, .rst or .txt, or set content-type"]),
        ('"ABSENT.md"', ["PP401 file 'ABSENT.md' does not exist"]),
        (
            '"ABSENT"',
            [
                "PP402 unknown file type of 'ABSENT'; use .md, .rst or .txt, or set content-type",
                "PP401 file 'ABSENT' does not exist",
            ],
        ),
        ('"folder.md"', ["PP401 file 'folder.md' does not exist"]),
        ('"nul\\u0000.md"', ["PP401 file 'nul\\x00.md' does not exist"]),
    ],
)
def test_files_and_types(tmp_path: Path, readme: str, expected: list[str]) -> None:
    for name in ("README", "README.html", "README.md"):
        (tmp_path / name).write_text("text\n")
    (tmp_path / "folder.md").mkdir()
    assert messages(check_readme, f"[project]\nreadme = {readme}\n", tmp_path) == expected


def test_a_file_in_another_encoding_is_found_at_its_line(tmp_path: Path) -> None:
    assert _check(tmp_path, '"README.md"', README_md=b"\xff") == [("PP403", "README.md", 1)]
    assert _check(tmp_path, '"README.md"', README_md=b"a\n\nb\xffc\n") == [("PP403", "README.md", 3)]


@pytest.mark.parametrize(("more", "expected"), [(0, []), (1, [("PP408", "pyproject.toml", 3)])])
def test_a_readme_has_a_greatest_size(tmp_path: Path, more: int, expected: list[tuple[str, str, int]]) -> None:
    data = b"x" * (LIMITS.distributions.metadata + more)
    assert _check(tmp_path, '"README.txt"', README_txt=data) == expected


def test_an_empty_readme(tmp_path: Path) -> None:
    assert _check(tmp_path, '"README.md"', README_md=b" \n\t") == [("PP405", "pyproject.toml", 3)]
    assert _check(tmp_path, '{ text = "", content-type = "text/plain" }') == [("PP405", "pyproject.toml", 3)]


def test_a_text_in_the_project_needs_a_type(tmp_path: Path) -> None:
    assert _check(tmp_path, '{ text = "x" }') == [("PP402", "pyproject.toml", 3)]
    assert _check(tmp_path, '{ text = "x", content-type = "text/plain" }') == []


def test_restructured_text_that_does_not_render_is_found_at_its_line(tmp_path: Path) -> None:
    bad = b"Title\n=====\n\n.. toctree::\n"
    assert _check(tmp_path, '"README.rst"', README_rst=bad) == [("PP404", "README.rst", 4)]
    assert _check(tmp_path, '"README.txt"', README_txt=bad) == []
    table = '{ content-type = "text/x-rst", text = """Title\n=====\n\n.. toctree::\n""" }'
    assert _check(tmp_path, table) == [("PP404", "pyproject.toml", 6)]


@pytest.mark.parametrize(
    ("picture", "shown"),
    [
        ("![a](docs/a.png)", "docs/a.png"),
        ("![](a.png 'title')", "a.png"),
        ("![a](/a.png)", "/a.png"),
        ('<img src="a.png">', "a.png"),
        ("<IMG width=3 SRC='a.png'/>", "a.png"),
        ("![a](https://acme.example/a.png)", None),
        ("![a](HTTP://acme.example/a.png)", None),
        ("![a](data:image/png;base64,xx)", None),
        ("![a](#here)", None),
        ('<img src="https://acme.example/a.png">', None),
        ("[a](docs/a.md)", None),
    ],
)
def test_pictures_of_markdown(tmp_path: Path, picture: str, shown: str | None) -> None:
    (tmp_path / "README.md").write_text(f"# Title\n\ntext {picture}\n")
    found = [*check_readme(document('[project]\nreadme = "README.md"\n', tmp_path))]
    assert [each.message for each in found] == ([f"image URL {shown!r} is not absolute"] if shown else [])
    assert [(each.path.name, each.line) for each in found] == ([("README.md", 3)] if shown else [])
    assert _check(tmp_path, '{ file = "README.md", content-type = "text/plain" }') == []


def test_each_picture_has_its_line_in_the_project_too(tmp_path: Path) -> None:
    table = '{ content-type = "text/markdown", text = """![a](a.png)\n\n![b](b.png)\n""" }'
    assert _check(tmp_path, table) == [("PP407", "pyproject.toml", 3), ("PP407", "pyproject.toml", 5)]
