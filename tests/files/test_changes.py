"""Changes of files: shown, written together or not at all, and backed up once."""

import os
import stat
from pathlib import Path

import pytest

from publisher.errors import ConfigurationError
from publisher.files.changes import FileChange, back_up, read_text, write_changes


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ("a\n", "a\n", []),
        (None, None, []),
        ("a\nb\n", "a\nc\n", ["--- below/file", "+++ below/file", "@@ -1,2 +1,2 @@", " a", "-b", "+c"]),
        (None, "a\n", ["--- /dev/null", "+++ below/file", "@@ -0,0 +1 @@", "+a"]),
        ("a\n", None, ["--- below/file", "+++ /dev/null", "@@ -1 +0,0 @@", "-a"]),
    ],
)
def test_a_change_is_shown_as_a_diff(tmp_path: Path, before: str | None, after: str | None, lines: list[str]) -> None:
    change = FileChange(tmp_path / "below" / "file", before, after)
    assert change.diff(tmp_path) == lines
    assert change.changes is bool(lines)
    elsewhere = [line.replace("below/file", (tmp_path / "below" / "file").as_posix()) for line in lines]
    assert change.diff(tmp_path / "other") == elsewhere


def test_a_text_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert read_text(path) is None
    path.write_bytes(b"\xef\xbb\xbfa\r\nb\n\xc3\xa4")
    assert read_text(path) == "\ufeffa\r\nb\nä"
    path.write_bytes(b"\xff")
    for unreadable in (path, tmp_path):
        with pytest.raises(ConfigurationError, match="can't be read"):
            read_text(unreadable)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigurationError, match="is a named pipe"):
        read_text(tmp_path / "pipe")


def test_files_are_made_changed_and_removed(tmp_path: Path) -> None:
    old, gone, link = tmp_path / "old", tmp_path / "gone", tmp_path / "link"
    old.write_text("old\n")
    gone.write_text("x")
    link.symlink_to(old)
    write_changes(
        [
            FileChange(link, "old\n", "new\n"),
            FileChange(tmp_path / "deep" / "made", None, "made\r\n", private=True),
            FileChange(gone, "x", None),
            FileChange(tmp_path / "never", "x", None),
        ]
    )
    assert (old.read_text(), link.is_symlink()) == ("new\n", True)
    made = tmp_path / "deep" / "made"
    assert made.read_bytes() == b"made\r\n"
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep", "link", "old"]


def test_nothing_is_written_when_one_file_has_changed_meanwhile(tmp_path: Path) -> None:
    first, second, gone = (tmp_path / name for name in ("first", "second", "gone"))
    for path in (first, second, gone):
        path.write_text("theirs\n")
    changes = [
        FileChange(first, "theirs\n", "a"),
        FileChange(second, "mine\n", "b"),
        FileChange(gone, "theirs\n", None),
    ]
    with pytest.raises(ConfigurationError, match="second was changed by another program") as refused:
        write_changes(changes)
    assert refused.value.hint == "Run the command again."
    assert {path.read_text() for path in (first, second, gone)} == {"theirs\n"}
    assert len(list(tmp_path.iterdir())) == 3


def test_a_file_that_can_not_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with monkeypatch.context() as patched:
        patched.setattr(os, "access", lambda *_: False)  # root may write to every file
        with pytest.raises(ConfigurationError, match="file can't be written: Permission denied"):
            write_changes([FileChange(path, "old", "new")])
    assert path.read_text() == "old"
    with pytest.raises(ConfigurationError, match="can't be written"):
        write_changes([FileChange(path / "below", None, "new")])
    with pytest.raises(ConfigurationError, match="can't be written"):
        write_changes([FileChange(tmp_path, "old", None)])


def test_the_first_state_is_kept_beside_the_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert back_up(FileChange(path, None, "new")) is None
    path.write_text("first")
    copy = back_up(FileChange(path, "first", "second"))
    assert copy == tmp_path / "file.before-pypi-publish"
    assert copy.read_text() == "first"
    path.write_text("second")
    assert back_up(FileChange(path, "second", "third")) is None
    assert copy.read_text() == "first"
    with pytest.raises(ConfigurationError, match="before-pypi-publish can't be written"):
        back_up(FileChange(tmp_path / "absent", "it was here", "new"))
