"""Compressed pages: by ISA-L where it is installed, which takes a fifth of zlib's time and makes them smaller."""

import zlib

try:
    from isal.isal_zlib import compress as fast_compress  # noqa: TID251 - the only door to isal

    _LEVEL = 1
except ImportError:  # on systems that it does not support
    from zlib import compress as fast_compress

    _LEVEL = 2

_GZIP = zlib.MAX_WBITS | 16


def compress(body: bytes) -> bytes:
    """Return a body compressed by gzip, quickly: a page's first reader waits meanwhile."""
    return bytes(fast_compress(body, _LEVEL, _GZIP))


def decompress(packed: bytes) -> bytes:
    """Return a body that was compressed by gzip or zlib, also by others; raises zlib.error."""
    return zlib.decompress(packed, zlib.MAX_WBITS | 32)
