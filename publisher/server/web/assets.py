"""The style sheet and the script of the pages, under names that change with their contents."""

import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

STATIC = Path(__file__).with_name("static")

_TYPES = {".css": b"text/css; charset=utf-8", ".js": b"text/javascript; charset=utf-8", ".svg": b"image/svg+xml"}


class Asset(NamedTuple):
    """A file that pages load: its name in URLs, its bytes, and its content type."""

    name: str
    body: bytes
    content_type: bytes


@cache
def assets() -> dict[str, Asset]:
    """Return all assets by the names of their files."""
    return {path.name: _read(path) for path in sorted(STATIC.iterdir()) if path.suffix in _TYPES}


@cache
def by_url_name() -> dict[str, Asset]:
    """Return all assets by their names in URLs."""
    return {asset.name: asset for asset in assets().values()}


def _read(path: Path) -> Asset:
    body = path.read_bytes()
    digest = hashlib.sha256(body).hexdigest()[:12]
    return Asset(f"{path.stem}-{digest}{path.suffix}", body, _TYPES[path.suffix])
