"""A backup that is restored with other times keeps who uploaded a file, and when."""

import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.helpers.dists import make_wheel
from tests.server.conftest import USER, OwnIndex


def _zip(source: Path, target: Path) -> None:
    shutil.make_archive(str(target), "zip", source)
    with zipfile.ZipFile(f"{target}.zip") as archive:
        archive.extractall(target)


def _tar(source: Path, target: Path) -> None:
    shutil.make_archive(str(target), "tar", source)
    with tarfile.open(f"{target}.tar") as archive:
        archive.extractall(target, filter="data")


@pytest.mark.parametrize(
    "restore", [lambda one, other: shutil.copytree(one, other, copy_function=shutil.copy), _tar, _zip]
)
def test_a_restored_backup_keeps_uploader_and_time(own: OwnIndex, tmp_path: Path, restore: object) -> None:
    index, client = own.start()
    assert client.upload(make_wheel(tmp_path, "kept")).status_code == 200
    before = client.page("kept")
    assert f"by {USER}" in client.get("projects/kept/").text
    index.stop()
    restore(index.root, tmp_path / "restored")  # type: ignore[operator]
    _, client = own.start(roots=(tmp_path / "restored",))
    assert client.page("kept") == before
    assert f"by {USER}" in client.get("projects/kept/").text
