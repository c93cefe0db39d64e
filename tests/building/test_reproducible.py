"""The same commit gives the same bytes, however and by whom it was checked out."""

import calendar
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from publisher.building.builder import BuildOptions, build_project
from publisher.building.reproducible import source_date_epoch
from publisher.building.sdists import make_reproducible
from publisher.errors import BuildFailedError, ConfigurationError
from publisher.project.git import commit_time
from tests.helpers.cases import main_and_wide
from tests.helpers.projects import commit, git, make_project

UV = BuildOptions("uv")
BACKENDS = ["hatchling", "setuptools", "flit_core", "poetry_core", "pdm_backend", "uv_build"]
EPOCH = 1714979289


def _digests(files: list[Path]) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def _merged(folder: Path, backend: str) -> Path:
    """Return a repository whose checked-out commit is a merge of an older one."""
    project = make_project(folder, backend=backend)
    commit(project, "2024-03-01T00:00:00Z")
    git(project, "checkout", "-q", "-b", "feature")
    (project / "src/acme_widgets/more.py").write_text("more = True\n")
    commit(project, "2024-03-02T00:00:00Z")
    git(project, "checkout", "-q", "main")
    date = "2024-03-05T00:00:00Z"
    git(project, "merge", "-q", "--no-ff", "-m", "Merge", "feature", GIT_AUTHOR_DATE=date, GIT_COMMITTER_DATE=date)
    return project


def _full(repository: Path, folder: Path) -> Path:
    git(repository, "clone", "-q", str(repository), str(folder))
    return folder


def _shallow(repository: Path, folder: Path) -> Path:
    git(repository, "clone", "-q", "--depth", "1", repository.as_uri(), str(folder))
    return folder


def _worktree(repository: Path, folder: Path) -> Path:
    git(repository, "worktree", "add", "-q", "--detach", str(folder))
    return folder


def _submodule(repository: Path, folder: Path) -> Path:
    folder.mkdir()
    commit(make_project(folder / "other"), "2020-01-01T00:00:00Z")
    allowed = ("-c", "protocol.file.allow=always")
    git(folder / "other", *allowed, "submodule", "--quiet", "add", str(repository), "inner")
    commit(folder / "other", "2025-01-01T00:00:00Z")
    return folder / "other/inner"


def _of_another_user(repository: Path, folder: Path) -> Path:
    _full(repository, folder)
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, 12345, 12345, follow_symlinks=False)
    return folder


CHECKOUTS: list[Callable[[Path, Path], Path]] = [_full, _shallow, _worktree, _submodule]
if sys.platform == "linux" and os.geteuid() == 0:
    CHECKOUTS.append(_of_another_user)


@pytest.mark.parametrize("backend", main_and_wide(BACKENDS, "hatchling", "setuptools"))
def test_every_checkout_of_a_commit_gives_the_same_bytes(
    tmp_path: Path, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # slow (six builds with a real backend): a release is repeated from other checkouts than the first
    repository = _merged(tmp_path / "repository", backend)
    expected = _digests(build_project(repository, tmp_path / "out", UV))
    old = os.umask(0o077)
    try:
        for number, checkout in enumerate(CHECKOUTS):
            project = checkout(repository, tmp_path / checkout.__name__)
            for file in project.rglob("*.py"):
                os.utime(file, (time.time() + 1000 * number, 1_000_000_000 + number))
            monkeypatch.setenv("GIT_DIR", str(tmp_path / "of another repository"))  # as in a git hook
            built = _digests(build_project(project, tmp_path / f"out-{number}", UV))
            monkeypatch.delenv("GIT_DIR")
            assert built == expected, checkout.__name__
    finally:
        os.umask(old)


def test_a_git_hook_does_not_choose_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(make_project(tmp_path / "one"), "2024-05-06T07:08:09Z")
    commit(make_project(tmp_path / "two"), "2025-01-01T00:00:00Z")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "two/.git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "two/.git/index"))
    assert commit_time(tmp_path / "one") == EPOCH


@pytest.mark.parametrize("text", ["yesterday", "-1", "1.5", "99999999999999", "²"])
def test_an_invalid_time_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", text)
    with pytest.raises(ConfigurationError, match="Invalid SOURCE_DATE_EPOCH"):
        source_date_epoch(tmp_path)


def test_the_latest_time_is_the_end_of_the_year_9999(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    latest = calendar.timegm((9999, 12, 31, 23, 59, 59))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(latest))
    assert source_date_epoch(tmp_path) == latest
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(latest + 1))
    with pytest.raises(ConfigurationError, match="Invalid SOURCE_DATE_EPOCH"):
        source_date_epoch(tmp_path)


def test_a_time_with_a_line_break_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "42\n")
    assert source_date_epoch(tmp_path) == 42


def _sdist(path: Path, *members: tarfile.TarInfo, contents: bytes = b"contents") -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for member in members:
            member.size = len(contents) if member.isreg() else 0
            archive.addfile(member, io.BytesIO(contents) if member.isreg() else None)
    return path


def _member(
    name: str, *, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o600, mtime: int = 0
) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.mode, member.mtime = kind, link, mode, mtime
    member.uid, member.uname = 1000, "ada"
    return member


def test_rewriting_keeps_contents_links_and_permissions_to_execute(tmp_path: Path) -> None:
    sdist = _sdist(
        tmp_path / "a-1.tar.gz",
        _member("a-1/tool", mode=0o777, mtime=EPOCH + 5),
        _member("a-1", kind=tarfile.DIRTYPE, mode=0o700),
        _member("a-1/hard", kind=tarfile.LNKTYPE, link="a-1/tool"),
        _member("a-1/soft", kind=tarfile.SYMTYPE, link="tool"),
        _member("a-1/" + "x" * 200),
    )
    make_reproducible(sdist, EPOCH)
    with tarfile.open(sdist) as archive:
        found = {member.name: member for member in archive}
        assert list(found) == sorted(found)
        assert {(member.mtime, member.uid, member.uname) for member in found.values()} == {(EPOCH, 0, "")}
        assert [oct(found[name].mode) for name in ("a-1", "a-1/tool", "a-1/" + "x" * 200)] == [
            "0o755",
            "0o755",
            "0o644",
        ]
        assert found["a-1/soft"].linkname == "tool"
        hard = archive.extractfile("a-1/hard")
        assert hard is not None
        assert (found["a-1/hard"].isreg(), hard.read()) == (True, b"contents")
    once = sdist.read_bytes()
    make_reproducible(sdist, EPOCH)
    assert sdist.read_bytes() == once


def test_an_sdist_that_can_not_be_read_is_reported(tmp_path: Path) -> None:
    sdist = tmp_path / "a-1.tar.gz"
    sdist.write_bytes(b"\x1f\x8b\x08\x00\xff\xff\xff\xff")
    with pytest.raises(BuildFailedError, match="can't be read"):
        make_reproducible(sdist, EPOCH)


def test_another_clock_zone_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(tmp_path / "project")
    commit(project, "2024-05-06T07:08:09Z")
    first = _digests(build_project(project, tmp_path / "one", UV))
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    assert _digests(build_project(project, tmp_path / "two", UV)) == first
    assert (
        subprocess.run(["git", "-C", project, "status", "--porcelain"], capture_output=True, check=True).stdout == b""
    )
