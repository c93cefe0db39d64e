"""Changes of a small file: in one step, once more where another writer was faster, and never over a damaged one."""

import asyncio
from pathlib import Path

import pytest

from publisher.server.auth.errors import AccountsUnavailableError
from publisher.server.auth.rewriting import parse_for_change, rewrite, rewrite_alone
from publisher.server.storage.errors import StorageError
from publisher.server.storage.folder import FolderStorage


class Writers:
    """A file ``list``, changed by adding a letter; others change it while ``turns`` are left."""

    def __init__(self, folder: Path, *others: bytes | None) -> None:
        self.path = folder / "list"
        self.storage = FolderStorage(folder)
        self.turns = list(others)
        self.seen: list[bytes | None] = []

    def change(self, before: bytes | None) -> tuple[bytes, str]:
        self.seen.append(before)
        if self.turns:
            other = self.turns.pop(0)
            if other is None:
                self.path.unlink()
            else:
                (self.path.parent / "other").write_bytes(other)
                (self.path.parent / "other").rename(self.path)
        return (before or b"") + b"x", f"after {before!r}"


@pytest.mark.parametrize(
    ("found", "others", "seen", "left"),
    [
        (None, (), [None], b"x"),
        (b"a", (), [b"a"], b"ax"),
        (b"a", (b"ab",), [b"a", b"ab"], b"abx"),
        (None, (b"ab", b"abc"), [None, b"ab", b"abc"], b"abcx"),
        (b"a", (None,), [b"a", None], b"x"),
    ],
    ids=["absent", "present", "changed meanwhile", "made and changed meanwhile", "removed meanwhile"],
)
def test_a_change_is_applied_to_what_is_there(
    tmp_path: Path, found: bytes | None, others: tuple[bytes | None, ...], seen: list[bytes | None], left: bytes
) -> None:
    writers = Writers(tmp_path, *others)
    if found is not None:
        writers.path.write_bytes(found)
    assert rewrite(writers.storage.files(), "list", writers.change) == f"after {seen[-1]!r}"
    assert (writers.seen, writers.path.read_bytes()) == (seen, left)


@pytest.mark.parametrize("after", [None, b"a"])
def test_a_file_that_stays_the_same_is_not_written(tmp_path: Path, after: bytes | None) -> None:
    (tmp_path / "list").write_bytes(b"a")
    before = (tmp_path / "list").stat()
    assert rewrite(FolderStorage(tmp_path).files(), "list", lambda _: (after, 7)) == 7
    now = (tmp_path / "list").stat()
    assert (now.st_ino, now.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_changes_under_a_lease_follow_each_other(tmp_path: Path) -> None:
    writers = Writers(tmp_path)

    async def together() -> list[str]:
        return await asyncio.gather(
            *(rewrite_alone(writers.storage, "letters", "list", writers.change) for _ in range(5))
        )

    assert asyncio.run(together()) == [f"after {b'x' * number or None!r}" for number in range(5)]
    assert writers.seen == [None, b"x", b"xx", b"xxx", b"xxxx"]  # none had to be made again


def test_a_change_that_fails_leaves_the_file(tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(b"a")

    def refuse(_: bytes | None) -> tuple[bytes, None]:
        raise StorageError("no")

    with pytest.raises(StorageError, match="no"):
        asyncio.run(rewrite_alone(FolderStorage(tmp_path), "letters", "list", refuse))
    assert (tmp_path / "list").read_bytes() == b"a"


@pytest.mark.parametrize("error", [ValueError, KeyError, TypeError, AttributeError])
def test_a_damaged_file_is_not_changed(caplog: pytest.LogCaptureFixture, error: type[Exception]) -> None:
    def parse(data: bytes | None) -> str:
        if data is None:
            return "none"
        raise error("odd")

    assert parse_for_change("list", parse, None) == "none"
    with pytest.raises(AccountsUnavailableError):
        parse_for_change("list", parse, b"{")
    assert "list can't be changed, because it is damaged" in caplog.text
