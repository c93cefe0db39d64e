"""Sdists between the build of the sdist and the build of the wheel."""

import tarfile
import zipfile
from pathlib import Path

from publisher.errors import BuildFailedError


def unpack_sdist(sdist: Path, target: Path) -> Path:
    """Unpack an sdist that was built here and return the one folder in it; raises BuildFailedError."""
    try:
        if sdist.suffix == ".zip":
            with zipfile.ZipFile(sdist) as archive:
                archive.extractall(target)  # noqa: S202 - the backend's own archive, from this machine
        else:
            with tarfile.open(sdist) as archive:
                _extract(archive, target)
    except (tarfile.TarError, zipfile.BadZipFile, OSError) as error:
        raise BuildFailedError(f"The backend's sdist {sdist.name} can't be unpacked: {error}") from error
    folders = list(target.iterdir())
    if len(folders) != 1 or not folders[0].is_dir():
        raise BuildFailedError(f"The backend's sdist {sdist.name} does not hold exactly one folder.")
    return folders[0]


def _extract(archive: tarfile.TarFile, target: Path) -> None:
    """Extract all members with the filter of PEP 706, which Python 3.11 has only from 3.11.4 on."""
    if hasattr(tarfile, "data_filter"):
        archive.extractall(target, filter="data")
        return
    for member in archive:
        _expect_inside(member, target)
        member.mode = (member.mode | 0o600) & 0o755 if member.isfile() or member.isdir() else member.mode
        archive.extract(member, target, set_attrs=True)


def _expect_inside(member: tarfile.TarInfo, target: Path) -> None:
    """Raise TarError for a member that `tarfile.data_filter` refuses: outside of the target, or a device."""
    root = target.resolve()
    destination = (root / member.name).resolve()
    if not destination.is_relative_to(root):
        raise tarfile.TarError(f"{member.name!r} would be extracted outside of the target folder")
    if member.isdev():
        raise tarfile.TarError(f"{member.name!r} is a device node")
    if member.issym() or member.islnk():
        base = destination.parent if member.issym() else root
        if not (base / member.linkname).resolve().is_relative_to(root):
            raise tarfile.TarError(f"{member.name!r} links outside of the target folder")
