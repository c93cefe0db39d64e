"""Copying and checking stores: the lines that are printed, the documents for programs, and failures."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from publisher.cli.run.admin import stores
from publisher.errors import CheckFailedError, ConfigurationError, IndexUnavailableError
from publisher.server.moving.checking import CheckResult
from publisher.server.moving.copying import CopyResult
from publisher.server.moving.folders import FolderPackages
from publisher.server.storage.errors import StorageUnavailableError
from tests.helpers.dists import make_sdist, make_wheel
from tests.helpers.shown import running


def _run(work: Callable[[], object], **settings: Any) -> Result:
    @click.command()
    def command() -> None:
        with running(**settings):
            work()

    return CliRunner().invoke(command)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "packages"
    root.mkdir()
    make_wheel(root, "a")
    make_sdist(root, "a")
    make_wheel(root, "b")
    return root


def test_a_folder_is_copied_once(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "new/place"
    done = _run(lambda: stores.copy_store((str(folder), None), (str(target), None)))
    assert done.exception is None
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "a-1.0-py3-none-any.whl",
        "a-1.0.tar.gz",
        "b-1.0-py3-none-any.whl",
        f"Copied 3 files to {target}; 0 were already there.",
        "Accounts were not copied: name their file with --from-htpasswd or --to-htpasswd.",
    ]
    for path in folder.glob("*-1.0*"):
        assert (target / path.name).read_bytes() == path.read_bytes()
    again = _run(lambda: stores.copy_store((str(folder), None), (str(target), None)), as_json=True)
    assert json.loads(again.stdout) == {"projects": 2, "copied": 0, "present": 3, "accounts": None}
    assert again.stderr.splitlines()[0] == f"Copied 0 files to {target}; 3 were already there."


def test_accounts_are_copied_between_the_files_that_are_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "htpasswd").write_text("ada:{SHA}x\n")
    target = (str(tmp_path / "new"), tmp_path / "accounts/other")
    (tmp_path / "accounts").mkdir()
    done = _run(lambda: stores.copy_store((str(folder), tmp_path / "htpasswd"), target))
    assert done.exception is None
    assert "Accounts were not copied" not in done.stderr
    assert (tmp_path / "accounts/other").read_text() == "ada:{SHA}x\n"


@pytest.mark.parametrize("error", [StorageUnavailableError("it is full"), OSError("it is full")])
def test_a_copy_that_stops_can_be_continued(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(FolderPackages, "add", fails)
    failed = _run(lambda: stores.copy_store((str(folder), None), (str(tmp_path / "new"), None))).exception
    assert isinstance(failed, IndexUnavailableError)
    assert failed.message.startswith("The copy stopped: ")
    assert "it is full" in failed.message
    assert failed.hint == "Run the command again; it continues."


def test_a_store_is_a_folder_or_the_url_of_a_bucket(folder: Path, tmp_path: Path) -> None:
    absent = str(tmp_path / "absent")
    for work in (
        lambda: stores.copy_store((absent, None), (str(folder), None)),
        lambda: stores.check_store(absent, read_files=False, remove_unlisted=False),
    ):
        failed = _run(work).exception
        assert isinstance(failed, ConfigurationError)
        assert failed.message == f"{absent} is neither a folder nor the URL of a bucket."
        assert "s3://BUCKET/PREFIX" in str(failed.hint)
    (tmp_path / "file").write_text("")
    failed = _run(lambda: stores.copy_store((str(folder), None), (str(tmp_path / "file/x"), None))).exception
    assert isinstance(failed, ConfigurationError)
    assert failed.message == f"The folder {tmp_path / 'file/x'} can't be created: Not a directory."


def test_a_sound_folder_is_said_to_be_complete(folder: Path) -> None:
    done = _run(lambda: stores.check_store(str(folder), read_files=True, remove_unlisted=False))
    assert (done.exception, done.output) == (None, f"{folder}: all 3 files of 2 projects are present.\n")
    shown = _run(lambda: stores.check_store(str(folder), read_files=False, remove_unlisted=False), as_json=True)
    nothing: dict[str, list[str]] = {"problems": [], "unlisted": [], "removed": [], "foreign": []}
    assert json.loads(shown.stdout) == {"projects": 2, "files": 3, **nothing}


def _check_of(monkeypatch: pytest.MonkeyPatch, folder: Path, result: CheckResult, **settings: Any) -> Result:
    def check(source: FolderPackages, *, read_files: bool) -> CheckResult:
        assert (source.root, read_files) == (folder, True)
        return result

    monkeypatch.setattr("publisher.server.moving.checking.check_folder", check)
    return _run(lambda: stores.check_store(str(folder), read_files=True, remove_unlisted=False), **settings)


@pytest.mark.parametrize("count", [1, 20, 21, 25])
def test_of_many_objects_of_a_kind_twenty_are_named(folder: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    keys = [f"key{number}" for number in range(count)]
    kinds = {
        "foreign": "not part of the index; left alone",
        "unlisted": "not listed in any record",
        "removed": "not listed in any record for a day; removed",
    }
    for kind, words in kinds.items():
        done = _check_of(monkeypatch, folder, CheckResult(2, 3, **{kind: keys}))
        more = [f"... and {count - 20} more: {words}"] if count > 20 else []
        complete = f"{folder}: all 3 files of 2 projects are present."
        assert done.stderr.splitlines() == [*(f"{key}: {words}" for key in keys[:20]), *more, complete]


@pytest.mark.parametrize("count", [1, 21])
def test_problems_fail_the_check_after_its_result(folder: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    problems = [f"f{number} is missing" for number in range(count)]
    done = _check_of(monkeypatch, folder, CheckResult(1, 2, problems), as_json=True)
    assert json.loads(done.stdout)["problems"] == problems
    assert isinstance(done.exception, CheckFailedError)
    assert done.exception.message == f"{count} problems in {folder}: {'; '.join(problems[:20])}"
    assert "present" not in done.stderr


@pytest.mark.parametrize("error", [StorageUnavailableError("it is gone"), OSError("it is gone")])
def test_a_store_that_can_not_be_read_is_unavailable(
    folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("publisher.server.moving.checking.check_folder", fails)
    failed = _run(lambda: stores.check_store(str(folder), read_files=False, remove_unlisted=False)).exception
    assert isinstance(failed, IndexUnavailableError)
    assert failed.message.startswith("The storage can't be read: ")
    assert "it is gone" in failed.message


def test_an_empty_index_is_made_where_nothing_is(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[object, str]] = []
    monkeypatch.setattr("publisher.server.storage.bucket.objects.open_bucket", lambda url: f"bucket of {url}")
    monkeypatch.setattr(
        "publisher.server.storage.bucket.identity.create_identity", lambda objects, url: made.append((objects, url))
    )
    done = _run(lambda: stores.create_index("s3://bucket/index/"))
    assert made == [("bucket of s3://bucket/index", "s3://bucket/index")]
    assert done.stderr.splitlines() == [
        "An empty index is at s3://bucket/index.",
        "Serve it: pypi-publish serve --storage s3://bucket/index",
    ]
    assert _run(lambda: stores.create_index("bucket")).exit_code == 2
    assert len(made) == 1


def test_the_url_of_a_bucket_names_its_index(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Its files are checked and copied as those of a folder are."""
    seen: list[object] = []

    def check(source: object, *, read_files: bool, remove_unlisted: bool) -> CheckResult:
        seen.append((source, read_files, remove_unlisted))
        return CheckResult(1, 2)

    def copy(*stores: object) -> CopyResult:
        seen.append(stores[:2])
        return CopyResult(1, 2, 3, 4)

    for kind in ("Source", "Target"):
        monkeypatch.setattr(f"publisher.server.moving.buckets.Bucket{kind}", lambda url, kind=kind: f"{kind} {url}")
    monkeypatch.setattr("publisher.server.moving.checking.check_bucket", check)
    monkeypatch.setattr("publisher.server.moving.copying.copy_index", copy)
    checked = _run(lambda: stores.check_store("gs://b/p/", read_files=True, remove_unlisted=False))
    _run(lambda: stores.check_store("az://b", read_files=False, remove_unlisted=True))
    done = _run(lambda: stores.copy_store(("s3://b/p/", folder), ("s3://c/q/", None)))
    assert seen == [
        ("Source gs://b/p", True, False),
        ("Source az://b", False, True),
        ("Source s3://b/p", "Target s3://c/q"),
    ]
    assert checked.output == "gs://b/p/: all 2 files of 1 projects are present.\n"
    assert done.output == "Copied 2 files to s3://c/q/; 3 were already there.\n"
