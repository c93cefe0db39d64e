"""Copying an index from one store to another, file by file; files of an earlier attempt are not copied again."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from publisher.errors import CheckFailedError
from publisher.server.moving.accounts import copy_accounts, copy_folder
from publisher.server.moving.portable import PackageSource, PackageTarget, PortableFile, PortableProject
from publisher.server.storage.folder import DOT_FOLDER
from publisher.server.store.spool import digest_file

UPSTREAM = f"{DOT_FOLDER}/upstream"


@dataclass
class CopyResult:
    """The numbers of copied files and of those that were there already."""

    projects: int = 0
    copied: int = 0
    present: int = 0
    accounts: int | None = None


def copy_index(source: PackageSource, target: PackageTarget, report: Callable[[str], None]) -> CopyResult:
    """
    Copy everything that an index is; the target can be served when this returns.

    Raises StorageError or OSError when a store fails, CheckFailedError for a file that is not the one of its record:
    then the target is not complete, and the next attempt goes on there.
    """
    result = CopyResult()
    for name in source.names():
        project = source.project(name)
        for file in project.files:
            if target.has(project, file):
                result.present += 1
                continue
            _copy_file(source, target, project, file)
            result.copied += 1
            report(file.filename)
        target.finish(project)
        result.projects += 1
    copy_folder(source.files, target.files, UPSTREAM)
    if source.accounts is not None and target.accounts is not None:
        result.accounts = copy_accounts(source.accounts, source.htpasswd, target.accounts, target.htpasswd)
    target.complete()
    return result


def _copy_file(source: PackageSource, target: PackageTarget, project: PortableProject, file: PortableFile) -> None:
    """Copy a file by way of this machine's disk, where its digest is compared with its record."""
    with TemporaryDirectory(prefix="pypi-publish-copy-") as folder:
        path = Path(folder, file.filename)
        source.fetch(project, file, path)
        digest = digest_file(path, "sha256")
        if digest != file.metadata.sha256:
            raise CheckFailedError(
                f"{file.filename} is not the file of its record: its sha256 is {digest}, not {file.metadata.sha256}.",
                hint="Restore it, or delete it from the index; then copy again.",
            )
        target.add(project, file, path)
