"""Sdists between their build and the build of the wheel: made reproducible, and unpacked."""

import copy
import gzip
import io
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from publisher.errors import BuildFailedError

_EXECUTABLE = 0o100


def make_reproducible(sdist: Path, epoch: int) -> None:
    """
    Rewrite an sdist whose bytes depend on the time, place and user of the build.

    Times become ``epoch``, in seconds since 1970; owners, the order of members and permissions become fixed. An sdist
    without later times or owners keeps its bytes, as those of most backends do.

    Raises BuildFailedError when it can't be read.
    """
    if sdist.suffix == ".zip":
        return
    try:
        if _header_time(sdist) <= epoch and not _depends_on_build(sdist, epoch):
            return
        sdist.write_bytes(_rewrite(sdist, epoch))
    except (tarfile.TarError, EOFError, OSError) as error:
        raise BuildFailedError(f"The backend's sdist {sdist.name} can't be read: {error}") from error


def unpack_sdist(sdist: Path, target: Path) -> Path:
    """Unpack an sdist that was built here and return the one folder in it; raises BuildFailedError."""
    try:
        if sdist.suffix == ".zip":
            with zipfile.ZipFile(sdist) as archive:
                archive.extractall(target)  # noqa: S202 - the backend's own archive, from this machine
        else:
            with tarfile.open(sdist) as archive:
                _extract(archive, target)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        if (environment := _environment_in(sdist)) is not None:
            raise BuildFailedError(
                f"The backend's sdist {sdist.name} contains the virtual environment {environment}.",
                hint=f"Move {environment} out of the project, or add it to .gitignore.",
            ) from error
        raise BuildFailedError(f"The backend's sdist {sdist.name} can't be unpacked: {error}") from error
    folders = list(target.iterdir())
    if len(folders) != 1 or not folders[0].is_dir():
        raise BuildFailedError(f"The backend's sdist {sdist.name} does not hold exactly one folder.")
    return folders[0]


def _environment_in(sdist: Path) -> str | None:
    """Return the folder of a virtual environment in an sdist, below the sdist's own one; None without any."""
    try:
        with tarfile.open(sdist) as archive:
            names = [PurePosixPath(name) for name in archive.getnames()]
    except (tarfile.TarError, EOFError, OSError):
        return None
    return next((str(PurePosixPath(*name.parts[1:-1])) for name in names if name.name == "pyvenv.cfg"), None)


def _header_time(sdist: Path) -> int:
    """Return the time in the header of a gzip file (RFC 1952), in seconds since 1970."""
    with sdist.open("rb") as file:
        return int.from_bytes(file.read(8)[4:], "little")


def _depends_on_build(sdist: Path, epoch: int) -> bool:
    with tarfile.open(sdist) as archive:
        return any(member.mtime > epoch or member.uid or member.gid for member in archive)


def _rewrite(sdist: Path, epoch: int) -> bytes:
    contents = io.BytesIO()
    with (
        tarfile.open(sdist) as archive,
        tarfile.open(fileobj=contents, mode="w", format=tarfile.PAX_FORMAT) as rewritten,
    ):
        for member, data in sorted(_members(archive), key=lambda pair: pair[0].name):
            member.mtime = epoch
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            member.mode = 0o755 if member.isdir() or member.mode & _EXECUTABLE else 0o644
            member.pax_headers = {}
            rewritten.addfile(member, None if data is None else io.BytesIO(data))
    return gzip.compress(contents.getvalue(), mtime=min(epoch, 2**32 - 1))


def _members(archive: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, bytes | None]]:
    """Yield the members that count when it is unpacked, with the contents of files; hard links become files."""
    last = {member.name: member for member in archive}
    for member in last.values():
        copied = copy.copy(member)
        file = archive.extractfile(member) if member.isfile() or member.islnk() else None
        if file is None:
            yield copied, None
            continue
        data = file.read()
        copied.type, copied.linkname, copied.size = tarfile.REGTYPE, "", len(data)
        yield copied, data


def _extract(archive: tarfile.TarFile, target: Path) -> None:
    """Extract all members with the filter of PEP 706, which Python 3.11 has only from 3.11.4 on."""
    if hasattr(tarfile, "data_filter"):
        archive.extractall(target, filter="data")
        return
    for member in archive:
        _expect_inside(member, target)
        if member.isfile() or member.isdir():
            member.mode = (member.mode | 0o600) & 0o755
        archive.extract(member, target)


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
