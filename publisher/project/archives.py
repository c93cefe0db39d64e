"""Read members of a zip file or a gzipped tar file without trusting it."""

import errno
import gzip
import io
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from publisher.errors import InvalidDistributionError, OversizedDistributionError
from publisher.limits import LIMITS, DistributionLimits
from publisher.project.display import has_control_characters
from publisher.project.tar_guard import TarGuard

Checkpoint = Callable[[], None]
Source = Path | bytes
"""Path or bytes of an archive."""


class Members(NamedTuple):
    """
    Members of an archive.

    ``files`` are the names of files and links, ``folders`` those of folders; ``picked`` has the contents of the files
    that were read.
    """

    files: list[str]
    folders: list[str]
    picked: dict[str, bytes]


def no_checkpoint() -> None:
    """Do nothing."""


_ZIP_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_CHUNK = 2**20
_ENTRY = b"PK\x01\x02"
"""The beginning of each entry in the directory of a zip file."""

_UNICODE_PATH = 0x7075
"""The extra field with a second name of a member (Info-ZIP), which Python follows since 3.12."""


def read_zip(
    source: Source,
    wanted: Callable[[list[str]], list[str]],
    checkpoint: Checkpoint = no_checkpoint,
    limits: DistributionLimits = LIMITS.distributions,
) -> Members:
    """
    Return the members of a zip file, and read those that ``wanted`` picks from the list of all names.

    Sizes are those that the central directory declares: members that are not wanted are not decompressed.
    ``checkpoint`` is called now and then, and may raise to end the work.

    Raises InvalidDistributionError when the file is not a readable zip file, a member has a dangerous name or two
    names, occurs twice or is encrypted, or the archive is beyond ``limits``.
    """
    with _BoundedFile(_opened(source), limits) as file, readable("zip file"), zipfile.ZipFile(file) as archive:
        sizes = _zip_sizes(archive, _expansion_limit(source, limits), checkpoint)
        picked: dict[str, bytes] = {}
        for name in wanted(list(sizes)):
            _bound_member(name, sizes[name], limits)
            picked[name] = archive.read(name)
        files = [name for name in sizes if not name.endswith("/")]
        return Members(files, [name for name in sizes if name.endswith("/")], picked)


def list_members(
    path: Path, checkpoint: Checkpoint = no_checkpoint, limits: DistributionLimits = LIMITS.distributions
) -> list[tuple[str, int]]:
    """
    Return names and sizes in bytes of the files in a zip file or, for ``.tar.gz``, a gzipped tar file.

    Raises InvalidDistributionError as `read_zip` and `read_tar` do.
    """
    if path.name.endswith((".whl", ".zip", ".egg")):
        with _BoundedFile(_opened(path), limits) as file, readable("zip file"), zipfile.ZipFile(file) as archive:
            sizes = _zip_sizes(archive, _expansion_limit(path, limits), checkpoint)
            return [(name, size) for name, size in sizes.items() if not name.endswith("/")]
    found: list[tuple[str, int]] = []
    with _opened(path) as plain, readable("gzipped tar file"), gzip.open(plain, "rb") as stream:
        guarded = TarGuard(_BoundedReader(stream, _stream_limit(path, limits), checkpoint), limits)
        with tarfile.open(fileobj=guarded, mode="r|") as members:
            found = [(_safe_name(member.name), member.size) for member in members if not member.isdir()]
    return found


def _zip_sizes(archive: zipfile.ZipFile, expansion: int, checkpoint: Checkpoint) -> dict[str, int]:
    """Return the sizes that the central directory declares by the names of the members, after checking all of them."""
    checkpoint()
    members = archive.infolist()
    sizes: dict[str, int] = {}
    for member in members:
        name = _safe_name(member.orig_filename)
        if member.extra and _second_name(member.extra) not in {None, name}:
            raise InvalidDistributionError(f"the member {name!r} has a second name (Info-ZIP Unicode Path)")
        if name in sizes:
            raise InvalidDistributionError(f"the archive has the member {name!r} twice")
        sizes[name] = member.file_size
    checkpoint()
    for member in members:
        if member.compress_type not in _ZIP_METHODS:
            raise InvalidDistributionError(f"{member.filename!r} is compressed with a method that installers lack")
        if member.flag_bits & 0x1:
            raise InvalidDistributionError(f"{member.filename!r} is encrypted")
    _bound_expansion(sum(sizes.values()), expansion)
    return sizes


def _second_name(extra: bytes) -> str | None:
    """Return the name in the extra field for one, None where there is none."""
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        if kind == _UNICODE_PATH:
            return extra[9 : 4 + size].decode("utf-8", "replace")  # behind a version and a checksum
        extra = extra[4 + size :]
    return None


def read_tar(
    source: Source,
    wanted: Callable[[str], bool],
    checkpoint: Checkpoint = no_checkpoint,
    limits: DistributionLimits = LIMITS.distributions,
) -> Members:
    """
    Return the members of a gzipped tar file, and read the regular files whose names ``wanted`` accepts.

    The whole stream is decompressed once, so a truncated or corrupt file is always noticed. The last of
    several members with one name counts, as when the file is unpacked; some backends write such sdists.

    Raises InvalidDistributionError as `read_zip` does, for device nodes, for links that leave the archive, and for
    links and folders with a name that ``wanted`` accepts.
    """
    files: list[str] = []
    folders: list[str] = []
    picked: dict[str, bytes] = {}
    named = 0
    with _opened(source) as file, readable("gzipped tar file"), gzip.open(file, "rb") as stream:
        bounded = _BoundedReader(stream, _stream_limit(source, limits), checkpoint)
        with tarfile.open(fileobj=TarGuard(bounded, limits), mode="r|") as archive:
            for member in archive:
                name = _safe_name(member.name)
                (folders if member.isdir() else files).append(name)
                named += len(name)
                if named > limits.member_list:
                    raise OversizedDistributionError(
                        f"the names of its members add up to more than {limits.member_list} characters"
                    )
                if member.isdev():
                    raise InvalidDistributionError(f"{name!r} is a device node")
                if member.issym() or member.islnk():
                    _check_link(member)
                if wanted(name):
                    if not member.isfile():  # in place of a file that was read, once it is unpacked
                        raise InvalidDistributionError(f"{name!r} is not a regular file")
                    if picked and name not in picked:
                        raise InvalidDistributionError(f"the archive has {next(iter(picked))!r} and {name!r}")
                    _bound_member(name, member.size, limits)
                    extracted = archive.extractfile(member)
                    picked[name] = extracted.read() if extracted is not None else b""
        while bounded.read(_CHUNK):
            pass  # to the end of the gzip stream: its checksum is there
    return Members(files, folders, picked)


class _BoundedFile(io.BufferedReader):
    """A zip file whose directory is bounded before `zipfile` makes an object of each of its entries."""

    def __init__(self, raw: io.FileIO | io.BytesIO, limits: DistributionLimits) -> None:
        super().__init__(raw)
        self._limits = limits

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > self._limits.member_list:
            raise OversizedDistributionError(f"the directory of the zip file has {size} bytes")
        data = super().read(size)
        if data.startswith(_ENTRY) and data.count(_ENTRY) > self._limits.members:
            raise OversizedDistributionError(f"the archive has more than {self._limits.members} members")
        return data


class _BoundedReader(io.BufferedIOBase):
    """A reader that raises as soon as more was decompressed than the archive may expand to."""

    def __init__(self, stream: io.BufferedIOBase, limit: int, checkpoint: Checkpoint) -> None:
        self._stream = stream
        self._limit = limit
        self._checkpoint = checkpoint
        self._read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self._checkpoint()
        data = self._stream.read(-1 if size is None else size)
        self._read += len(data)
        _bound_expansion(self._read, self._limit)
        return data


@contextmanager
def readable(what: str) -> Iterator[None]:
    """Turn every way in which the archive modules fail on bad bytes into one error."""
    try:
        yield
    except (
        zipfile.BadZipFile,
        tarfile.TarError,
        zlib.error,
        gzip.BadGzipFile,
        EOFError,
        NotImplementedError,
        ValueError,
        OverflowError,
        IndexError,
        RecursionError,
    ) as error:
        reason = str(error) or type(error).__name__
        raise InvalidDistributionError(f"not a complete, readable {what}: {reason}") from error
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        reason = "it points before its own beginning"
        raise InvalidDistributionError(f"not a complete, readable {what}: {reason}") from error


def _safe_name(name: str) -> str:
    """Return a member's name; raise unless it stays inside the folder that the archive is unpacked to."""
    if not name or has_control_characters(name):
        raise InvalidDistributionError(f"the member name {name!r} has control characters or is empty")
    if "\\" in name or name.startswith("/") or name[1:2] == ":":
        raise InvalidDistributionError(f"the member name {name!r} is absolute or has a backslash")
    if ".." in name.split("/"):
        raise InvalidDistributionError(f"the member name {name!r} leaves the archive")
    return name


def _check_link(member: tarfile.TarInfo) -> None:
    target = PurePosixPath(member.linkname)
    depth = len(PurePosixPath(member.name).parent.parts) if member.issym() else 0
    for part in target.parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            break
    if target.is_absolute() or depth < 0:
        raise InvalidDistributionError(f"the link {member.name!r} leaves the archive")


def _opened(source: Source) -> io.FileIO | io.BytesIO:
    """Open an archive; raise InvalidDistributionError for a pipe or a device, which may have no end."""
    if isinstance(source, bytes):
        return io.BytesIO(source)
    mode = source.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise InvalidDistributionError("not a regular file")
    return io.FileIO(source)


def _size(source: Source) -> int:
    return len(source) if isinstance(source, bytes) else source.stat().st_size


def _expansion_limit(source: Source, limits: DistributionLimits) -> int:
    return max(limits.expansion_floor, limits.expansion_ratio * _size(source))


def _stream_limit(source: Source, limits: DistributionLimits) -> int:
    if _size(source) > limits.tar_file:
        raise OversizedDistributionError(f"it has more than {limits.tar_file} bytes")
    return min(_expansion_limit(source, limits), limits.tar_stream)


def _bound_expansion(expanded: int, limit: int) -> None:
    if expanded > limit:
        raise OversizedDistributionError(f"it expands to more than {limit} bytes, far more than packages do")


def _bound_member(name: str, size: int, limits: DistributionLimits) -> None:
    if size > limits.metadata:
        raise OversizedDistributionError(f"{name!r} has {size} bytes; metadata may have {limits.metadata}")
