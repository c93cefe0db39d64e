"""Wheels and sdists made in memory."""

import base64
import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path


def metadata(name: str, version: str, extra: str = "", description: str = "# A project\n") -> bytes:
    headers = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: For tests\n{extra}"
    if description and "Description-Content-Type" not in extra:
        headers += "Description-Content-Type: text/markdown\n"
    return f"{headers}\n{description}".encode()


def make_wheel(
    folder: Path,
    name: str = "acme_widgets",
    version: str = "1.0",
    *,
    metadata_bytes: bytes | None = None,
    members: Mapping[str, bytes] | None = None,
    without: str | None = None,
    filename: str | None = None,
) -> Path:
    """Write a wheel; ``without`` names a file of its .dist-info to leave out, ``members`` are added to it."""
    info = f"{name}-{version}.dist-info"
    contents = {
        f"{name}/__init__.py": b"",
        **(members or {}),
        f"{info}/METADATA": metadata_bytes or metadata(name, version),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    digests = {member: base64.urlsafe_b64encode(hashlib.sha256(data).digest()) for member, data in contents.items()}
    lines = [f"{m},sha256={digests[m].rstrip(b'=').decode()},{len(contents[m])}" for m in contents]
    contents[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""]).encode()
    contents.pop(f"{info}/{without}", None)
    path = folder / (filename or f"{name}-{version}-py3-none-any.whl")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in contents.items():
            archive.writestr(zipfile.ZipInfo(member, (2020, 2, 2, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)
    return path


def make_sdist(
    folder: Path,
    name: str = "acme_widgets",
    version: str = "1.0",
    *,
    metadata_bytes: bytes | None = None,
    members: Mapping[str, bytes] | None = None,
    links: Mapping[str, str] | None = None,
    filename: str | None = None,
) -> Path:
    """Write a .tar.gz sdist; ``members`` and symbolic ``links`` are added to PKG-INFO under their full names."""
    contents = {
        f"{name}-{version}/PKG-INFO": metadata_bytes or metadata(name, version),
        f"{name}-{version}/pyproject.toml": b"",
        **(members or {}),
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for member, data in contents.items():
            info = tarfile.TarInfo(member)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for member, target in (links or {}).items():
            info = tarfile.TarInfo(member)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    path = folder / (filename or f"{name}-{version}.tar.gz")
    path.write_bytes(gzip.compress(buffer.getvalue(), mtime=0))
    return path
