"""The file of a project: its tables, its lists, and the lines of its values."""

from pathlib import Path

from tests.helpers.documents import document

TEXT = '[project]\nname = "x"\ndynamic = ["version", 1]\nkeywords = "a"\n[tool.x]\nlist = [\n  "a",\n  2,\n  "b",\n]\n'


def test_tables_and_lists() -> None:
    found = document(TEXT, Path("a/b"))
    assert found.path == Path("a/b/pyproject.toml")
    assert found.project["name"] == "x"
    assert found.dynamic == {"version"}
    assert (found.texts("dynamic"), found.texts("keywords"), found.texts("absent")) == (["version"], [], [])
    assert found.items("tool", "x", "list") == [(("tool", "x", "list", 0), "a"), (("tool", "x", "list", 2), "b")]
    assert (found.items("project", "name"), found.items("project", "name", "x"), found.items("absent", "x")) == (
        [],
        [],
        [],
    )


def test_without_a_project_its_table_is_empty() -> None:
    assert dict(document("project = 1\n").project) == {}
    assert document("").dynamic == frozenset()


def test_lines_of_values() -> None:
    found = document(TEXT)
    assert found.line(("tool", "x", "list", 2)) == 9
    assert found.line(("project", "absent")) == 1
    assert found.line(("absent",)) is None
    assert found.lines_below(("tool", "x", "list")) >= {6, 7, 8, 9}
    violation = found.violation("PP104", ("absent",), "a message")
    assert (violation.rule.code, violation.path, violation.message, violation.line) == (
        "PP104",
        Path("project/pyproject.toml"),
        "a message",
        1,
    )
