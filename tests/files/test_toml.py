"""Keys and tables put into TOML, with everything else as it was."""

import tomllib
from typing import Any

import pytest

from publisher.errors import ConfigurationError
from publisher.files.managed_blocks import BYTE_ORDER_MARK, remove_blocks
from publisher.files.tables import table_at
from publisher.files.toml import put_tables, read_toml, remove_key, set_keys, to_toml

TABLE = ("tool", "pypi-publish")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", '[tool.pypi-publish]\nkey = "new"\n'),
        ("a = 1\n", 'a = 1\n\n[tool.pypi-publish]\nkey = "new"\n'),
        ("a = 1", 'a = 1\n\n[tool.pypi-publish]\nkey = "new"\n'),
        ("\n", '\n[tool.pypi-publish]\nkey = "new"\n'),
        ("[tool.pypi-publish]\nkey = 'old' # why\n", '[tool.pypi-publish]\nkey = "new" # why\n'),
        ("[tool.pypi-publish]\nkey = 'new' # why\n", "[tool.pypi-publish]\nkey = 'new' # why\n"),
        ("[tool.pypi-publish]\nother = 1\n", '[tool.pypi-publish]\nother = 1\nkey = "new"\n'),
        ("[tool.other]\nkey = 1\n", '[tool.other]\nkey = 1\n\n[tool.pypi-publish]\nkey = "new"\n'),
    ],
)
def test_a_key_of_a_table_is_set(text: str, expected: str) -> None:
    assert set_keys(text, TABLE, {"key": "new"}) == expected
    windows = text.replace("\n", "\r\n")
    if "\n" in text.strip("\n"):
        assert set_keys(windows, TABLE, {"key": "new"}) == expected.replace("\n", "\r\n")
    marked = BYTE_ORDER_MARK + text
    assert set_keys(marked, TABLE, {"key": "new"}) == BYTE_ORDER_MARK + expected


def test_line_ends_that_are_mixed_stay_as_they_are() -> None:
    text = "a = 1\r\nb = 2\n"
    assert set_keys(text, ("t",), {"k": "v"}).startswith(text)


@pytest.mark.parametrize(
    ("before", "values", "after"),
    [
        ('["a"]', ["a", "b"], ["a", "b"]),
        ('["a", "b", "c"]', ["c"], ["c"]),
        ('["a", "b"]', [], []),
        ('[\n  "a",\n  "b",\n]', ["x", "y", "z"], ["x", "y", "z"]),
        ('["a#b"]', ["a#b", "c"], ["a#b", "c"]),
        ('"text"', ["a"], ["a"]),
    ],
)
def test_a_list_gets_other_elements(before: str, values: list[str], after: list[str]) -> None:
    changed = set_keys(f"[t]\nk = {before}\nother = 1\n", ("t",), {"k": values})
    assert tomllib.loads(changed) == {"t": {"k": after, "other": 1}}
    if "\n" in before:
        assert changed.startswith('[t]\nk = [\n  "x",\n  "y",\n')


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("a = ", ("t",)),
        ("t = 1\n", ("t",)),
        ("[[t]]\na = 1\n", ("t",)),
        ("[t]\nk = [\n  'a', # why\n]\n", ("t",)),
        ("[" * 2000, ("t",)),
    ],
)
def test_what_can_not_be_added_is_refused(text: str, table: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError, match=r"\[t\] can't be added to this TOML") as refused:
        set_keys(text, table, {"k": ["a", "b"]})
    assert refused.value.hint == "Write it by hand."


@pytest.mark.parametrize(
    ("text", "table", "expected"),
    [
        ("[a.b]\nk = 1 # one\nl = 2\n", ("a", "b"), "[a.b]\nl = 2\n"),
        ("[a]\nl = 2\n", ("a",), "[a]\nl = 2\n"),
        ("[a]\nk = 2\n", ("a", "b"), "[a]\nk = 2\n"),
        ("a = 1\n", ("a",), "a = 1\n"),
        ("k = 1\nl = 2\n", (), "l = 2\n"),
        ("", ("a",), ""),
    ],
)
def test_a_key_is_removed(text: str, table: tuple[str, ...], expected: str) -> None:
    assert remove_key(text, table, "k") == expected


def test_toml_that_is_not_valid_is_named() -> None:
    for read in (read_toml, lambda text: remove_key(text, ("a",), "k"), lambda text: put_tables(text, "uv")):
        with pytest.raises(ConfigurationError, match="Not valid TOML") as refused:
            read("a = ")
        assert refused.value.hint == "Fix the file first."
    assert read_toml(f"{BYTE_ORDER_MARK}a = '''\r\nb'''\r\n") == {"a": "b"}


ADDITIONS: dict[str, dict[str, Any]] = {
    "keys": {"keys": {"keyring": "yes"}},
    "a number": {"keys": {"jobs": 3}},
    "hidden": {"hidden": ["old"]},
    "replaced": {"keys": {"old": "new"}},
    "array": {"arrays": {"tool.uv.index": {"name": "a", "url": "https://a/"}}},
    "new table": {"tables": {"tool.new": {"a": "b"}}},
    "more in a table": {"tables": {"tool.uv.sources": {"acme": {"index": "private"}}}},
    "all": {
        "keys": {"k": "v"},
        "hidden": ["old"],
        "arrays": {"index": {"name": "a"}, "tool.uv.index": {"name": "b"}},
        "tables": {"tool.uv.sources": {"acme": {"index": "private"}}, "pip": {"a": "b"}},
    },
}
TEXTS = [
    None,
    "",
    "old = 1\n",
    "old = 1",
    "'old' = 1\r\nb = 2\r\n",
    "b = 1\nold = 2\n[tool.uv.sources] # mine\nother = { index = 'x' }\n",
    "[[tool.uv.index]]\nname = 'first'\n[ tool . uv . sources ]\n",
    f"{BYTE_ORDER_MARK}old = 1\n",
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("additions", ADDITIONS.values(), ids=ADDITIONS)
def test_additions_are_read_as_intended_and_go_again(text: str | None, additions: dict[str, Any]) -> None:
    changed = put_tables(text, "uv", **additions)
    before, after = read_toml(text or ""), read_toml(changed)
    hidden = {*additions.get("hidden", ()), *additions.get("keys", {})}
    assert {key: value for key, value in after.items() if key in before and key not in {"tool", *hidden}} == {
        key: value for key, value in before.items() if key not in {"tool", *hidden}
    }
    for key in additions.get("hidden", ()):
        assert key not in after
    for key, value in additions.get("keys", {}).items():
        assert after[key] == value
    for path, values in additions.get("tables", {}).items():
        assert table_at(after, path) == {**table_at(before, path), **values}
    for path, element in additions.get("arrays", {}).items():
        above, _, last = path.rpartition(".")
        old = (table_at(before, above) if above else before).get(last, [])
        assert (table_at(after, above) if above else after)[last] == [*old, element]
    expected = text if changed != (text or "") or text is not None else ""
    assert remove_blocks(changed, "uv") == expected


@pytest.mark.parametrize(
    ("text", "additions"),
    [
        ("old = [\n  1,\n]\n", {"hidden": ["old"]}),
        ("tool = { uv = { sources = {} } }\n", {"tables": {"tool.uv.sources": {"a": "b"}}}),
        ("index = []\n", {"arrays": {"index": {"name": "a"}}}),
        ("[t]\na = 1\n", {"tables": {"t": {"a": "b"}}}),
        ("a.old = 1\n", {"hidden": ["a"]}),
    ],
)
def test_a_layout_that_can_not_be_added_to_is_refused(text: str, additions: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="does not allow adding lines") as refused:
        put_tables(text, "uv", **additions)
    assert "by hand" in str(refused.value.hint)


def test_a_table_that_is_something_else_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"a\.b is not a table"):
        put_tables("a = 1\n", "uv", tables={"a.b": {"k": "v"}})


@pytest.mark.parametrize(
    ("path", "found"), [("a", {"b": {"c": 1}}), ("a.b", {"c": 1}), ("a.b.c", {}), ("a.x", {}), ("x.b", {}), ("l", {})]
)
def test_a_table_at_a_path(path: str, found: dict[str, Any]) -> None:
    assert table_at({"a": {"b": {"c": 1}}, "l": [1]}, path) == found


def test_a_document_is_written_as_toml() -> None:
    document = {"a": 1, "t": {"b": ["c"]}}
    assert tomllib.loads(to_toml(document)) == document
