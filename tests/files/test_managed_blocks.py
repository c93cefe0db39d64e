"""Lines between marks: added, found again, and removed without a trace."""

import pytest

from publisher.files.managed_blocks import (
    BYTE_ORDER_MARK,
    LineEdit,
    added_lines,
    insert_blocks,
    remove_blocks,
    split_lines,
)

BEGIN, END = "#>>>pypi-publish-config-", "#<<<pypi-publish-config-"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("a", ["a"]),
        ("a\n", ["a\n"]),
        ("a\nb", ["a\n", "b"]),
        ("\n\n", ["\n", "\n"]),
        ("a\r\nb\r\n", ["a\r\n", "b\r\n"]),
        ("a\x0bb\u2028c\rd\n", ["a\x0bb\u2028c\rd\n"]),
    ],
)
def test_only_a_line_feed_ends_a_line(text: str, lines: list[str]) -> None:
    assert split_lines(text) == lines
    assert "".join(lines) == text


TEXTS = ["", "one\n", "one", "one\ntwo\n", "one\ntwo", "one\r\ntwo\r\n", "one\r\ntwo", "\n", "one\n\n", None]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(
    "places", [[(0, 0)], [(0, 1)], [(1, 1)], [(1, 2)], [(0, 0), (1, 1)], [(0, 1), (1, 2)], [(0, 2)]]
)
def test_what_is_added_goes_again_without_a_trace(text: str | None, places: list[tuple[int, int]]) -> None:
    length = len(split_lines(text or ""))
    edits = [LineEdit(start, end, [f"added {start}"]) for start, end in places if end <= length]
    if not edits:
        edits = [LineEdit(0, 0, ["added"])]
    changed = insert_blocks(text, edits, "pip")
    added = [line.rstrip("\r\n") for line in added_lines(changed, "pip")]
    assert added == [line for edit in edits for line in edit.lines]
    assert remove_blocks(changed, "pip") == text


def test_lines_are_put_between_marks_and_old_ones_are_hidden() -> None:
    changed = insert_blocks("one\ntwo\nthree\n", [LineEdit(1, 2, ["new", "newer"])], "pip")
    assert changed == f"one\n{BEGIN}pip\n#| two\nnew\nnewer\n{END}pip\nthree\n"


def test_the_notes_tell_of_a_new_file_and_of_a_last_line_without_an_end() -> None:
    assert insert_blocks(None, [LineEdit(0, 0, ["new"])], "pip").startswith(
        f"{BEGIN}pip:the-file-is-made-of-these-lines\n"
    )
    changed = insert_blocks("one", [LineEdit(1, 1, ["new"])], "pip")
    assert changed == f"one\n{BEGIN}pip:the-line-before-had-no-end\nnew\n{END}pip\n"
    hidden = insert_blocks("one", [LineEdit(0, 1, ["new"])], "pip")
    assert hidden == f"{BEGIN}pip:the-line-before-had-no-end\n#| one\nnew\n{END}pip\n"
    assert ":" not in insert_blocks("one", [LineEdit(0, 0, ["new"])], "pip")


def test_edits_may_come_in_any_order() -> None:
    edits = [LineEdit(2, 2, ["c"]), LineEdit(0, 0, ["a"]), LineEdit(1, 1, ["b"])]
    changed = insert_blocks("1\n2\n", edits, "pip")
    assert [line for line in changed.splitlines() if not line.startswith("#")] == ["a", "1", "b", "2", "c"]


def test_new_lines_end_as_the_first_line_does() -> None:
    assert insert_blocks("one\r\n", [LineEdit(1, 1, ["new"])], "pip") == f"one\r\n{BEGIN}pip\r\nnew\r\n{END}pip\r\n"
    assert "\r" not in insert_blocks("one\ntwo\r\n", [LineEdit(1, 1, ["new"])], "pip").replace("two\r\n", "")


def test_each_owner_has_lines_of_its_own() -> None:
    first = insert_blocks("one\n", [LineEdit(1, 1, ["of pip"])], "pip")
    both = insert_blocks(first, [LineEdit(0, 0, ["of pipx"])], "pipx")
    assert added_lines(both, "pip") == ["of pip\n"]
    assert added_lines(both, "pipx") == ["of pipx\n"]
    assert added_lines(both, "pi") == []
    assert remove_blocks(both, "pipx") == first
    assert remove_blocks(both, "uv") == both


def test_a_file_that_was_made_stays_when_it_has_other_lines() -> None:
    made = insert_blocks(None, [LineEdit(0, 0, ["new"])], "pip")
    assert remove_blocks(made, "pip") is None
    assert remove_blocks(made + "mine\n", "pip") == "mine\n"
    assert remove_blocks(insert_blocks("", [LineEdit(0, 0, ["new"])], "pip"), "pip") == ""


def test_a_line_that_came_after_ours_keeps_its_end() -> None:
    changed = insert_blocks("one", [LineEdit(1, 1, ["new"])], "pip")
    assert remove_blocks(changed + "two\n", "pip") == "one\ntwo\n"
    assert remove_blocks(changed + "two", "pip") == "one\ntwo"


def test_a_byte_order_mark_stays_first() -> None:
    changed = BYTE_ORDER_MARK + insert_blocks("one\n", [LineEdit(0, 0, ["new"])], "pip")
    assert added_lines(changed, "pip") == ["new\n"]
    assert remove_blocks(changed, "pip") == f"{BYTE_ORDER_MARK}one\n"


def test_a_comment_of_the_person_that_looks_hidden_stays() -> None:
    text = "#| mine\n#| too\n"
    changed = insert_blocks(text, [LineEdit(0, 1, ["new"])], "pip")
    assert remove_blocks(changed, "pip") == text
    assert added_lines(text, "pip") == []
