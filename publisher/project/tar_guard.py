"""A guard in front of `tarfile`: bounds on members and extended headers are checked before it interprets any."""

import io
import re

from publisher.errors import InvalidDistributionError, OversizedDistributionError
from publisher.limits import DistributionLimits

_BLOCK = 512
_WITH_DATA = b"0\x007"
_WITHOUT_DATA = b"123456"
_EXTENDED = b"xgLK"
_SIZE_DIGITS = 12
_TOO_LARGE = "the archive has a sparse or an enormous file"
_RECORD = re.compile(rb"(\d{1,9}) ([^=]{1,1000})=")


class TarGuard(io.RawIOBase):
    """
    Reads a tar stream for `tarfile`, and raises InvalidDistributionError for headers that would cost it too much.

    The headers are read a second time here, in one pass. Where both could read them differently (a size in a pax header
    that is not the header's, which backends such as uv_build repeat there; sparse files; types that no tool writes) the
    archive is refused.
    """

    def __init__(self, stream: io.BufferedIOBase, limits: DistributionLimits) -> None:
        self._stream = stream
        self._limits = limits
        self._header = bytearray()
        self._payload = bytearray()
        self._payload_left = 0
        self._skip = 0
        self._kind = b""
        self._members = self._chained = self._global = 0
        self._ended = False
        self._pax_size: int | None = None
        """Of the next member, as its pax header has it."""

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes, after a look at the headers in them."""
        data = self._stream.read(size)
        if not self._ended:
            self._look(memoryview(data))
        return data

    def _look(self, data: memoryview) -> None:
        while data and not self._ended:
            if self._payload_left:
                taken = min(len(data), self._payload_left)
                self._payload += data[:taken]
                self._payload_left -= taken
                if not self._payload_left:
                    self._check_payload()
            elif self._skip:
                taken = min(len(data), self._skip)
                self._skip -= taken
            else:
                taken = min(len(data), _BLOCK - len(self._header))
                self._header += data[:taken]
                if len(self._header) == _BLOCK:
                    self._check_header(bytes(self._header))
                    self._header.clear()
            data = data[taken:]

    def _check_header(self, header: bytes) -> None:
        if not header.strip(b"\0"):
            self._ended = True  # so does tarfile, at the first block of zeros
            return
        kind, size = header[156:157], _number(header[124:136])
        if size and kind in b"\x000" and header[:100].partition(b"\0")[0].endswith(b"/"):
            # of old tar programs a folder, for which some versions of tarfile read data and others don't
            raise InvalidDistributionError("the archive has a folder with contents")
        if kind in _EXTENDED:
            self._chained += 1
            limit = self._limits.global_headers - self._global if kind == b"g" else self._limits.extended_header
            if size > limit or self._chained > self._limits.chained_headers:
                raise InvalidDistributionError("the archive has extended headers that are too large or too many")
            self._kind, self._payload_left = kind, size
            self._global += size if kind == b"g" else 0
            self._skip = -size % _BLOCK
            return
        if self._pax_size not in {None, size}:
            raise InvalidDistributionError(_TOO_LARGE)
        self._pax_size = None
        self._chained = 0
        self._members += 1
        if self._members > self._limits.members:
            raise OversizedDistributionError(f"the archive has more than {self._limits.members} members")
        if kind in _WITH_DATA:
            self._skip = size + -size % _BLOCK
        elif kind not in _WITHOUT_DATA:
            raise InvalidDistributionError(f"the archive has a member of the unknown type {kind!r}")

    def _check_payload(self) -> None:
        payload = bytes(self._payload)
        self._payload.clear()
        if self._kind not in b"xg":
            return
        payload = payload.rstrip(b"\0")
        position = 0
        while position < len(payload):
            found = _RECORD.match(payload, position)
            length = int(found[1]) if found else 0
            if found is None or length <= found.end() - position or position + length > len(payload):
                raise InvalidDistributionError("the archive has a pax header that is not valid")
            value = payload[found.end() : position + length].rstrip(b"\n")
            if found[2] == b"size" and self._kind == b"x" and value.isdigit() and len(value) <= _SIZE_DIGITS:
                self._pax_size = int(value)
            elif found[2] == b"size" or found[2].startswith(b"GNU.sparse"):
                raise InvalidDistributionError(_TOO_LARGE)
            position += length


def _number(field: bytes) -> int:
    """Return a number of a header, as tarfile reads it; raise InvalidDistributionError for none."""
    if field[0] in {0o200, 0o377}:
        raise InvalidDistributionError("the archive has a file that is too large for its format")
    try:
        return int(field.partition(b"\0")[0].decode("ascii").strip() or "0", 8)
    except ValueError as error:
        raise InvalidDistributionError("not a complete, readable gzipped tar file: a size is not valid") from error
