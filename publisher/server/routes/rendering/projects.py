"""The page of a project: its files in their order, in JSON and HTML."""

import html
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import quote

from packaging.version import Version

from publisher.project.versions import parse_version
from publisher.server.routes.rendering.forms import API_VERSION, as_html
from publisher.server.store.projects import StoredFile
from publisher.server.upstream.pages.json_text import encode


def file_url(file: StoredFile, prefix: str) -> str:
    """Return the path of a file's URL: it ends in the file name, under the same root as the pages."""
    return f"{prefix}/packages/{quote(file.url_path, safe='/+!~')}"


def ordered(files: Mapping[str, StoredFile]) -> list[StoredFile]:
    """Return files by version, oldest first, as installers and people expect them."""

    @cache
    def version_key(text: str) -> tuple[bool, Version | str]:
        version = parse_version(text)
        return (False, text) if version is None else (True, version)

    return sorted(files.values(), key=lambda file: (version_key(file.version), file.filename))


def project_json(name: str, files: list[StoredFile], prefix: str) -> bytes:
    """Return the JSON page of ordered files; each is encoded separately, so that other threads can run in between."""
    versions = encode([version for version in dict.fromkeys(file.version for file in files) if version])
    entries = b",".join(encode(_file_json(file, prefix)) for file in files)
    meta = encode({"api-version": API_VERSION})
    return b'{"meta":%b,"name":%b,"versions":%b,"files":[%b]}' % (meta, encode(name), versions, entries)


def _file_json(file: StoredFile, prefix: str) -> dict[str, Any]:
    """Return a file's entry; keys without a value are left out, because uv fails on most that are null."""
    metadata = file.metadata
    entry: dict[str, Any] = {
        "filename": file.filename,
        "url": file_url(file, prefix),
        "hashes": {"sha256": metadata.sha256},
        "size": metadata.size,
        "upload-time": metadata.uploaded,
        "yanked": False if file.yanked is None else file.yanked or True,
    }
    if metadata.requires_python is not None:
        entry["requires-python"] = metadata.requires_python
    if metadata.metadata_sha256 is not None:
        entry["core-metadata"] = {"sha256": metadata.metadata_sha256}
        entry["data-dist-info-metadata"] = entry["core-metadata"]  # pip 22.3 to 23.1.2 take no object at another key
    return entry


def project_html(name: str, files: list[StoredFile], prefix: str) -> bytes:
    """Return the HTML page of ordered files."""
    return as_html(f"Links for {name}", "\n".join(_anchor(file, prefix) for file in files))


def _anchor(file: StoredFile, prefix: str) -> str:
    metadata = file.metadata
    attributes = {"href": f"{file_url(file, prefix)}#sha256={metadata.sha256}"}
    if metadata.requires_python is not None:
        attributes["data-requires-python"] = metadata.requires_python
    if file.yanked is not None:
        attributes["data-yanked"] = file.yanked
    if metadata.metadata_sha256 is not None:
        attributes["data-dist-info-metadata"] = attributes["data-core-metadata"] = f"sha256={metadata.metadata_sha256}"
    written = " ".join(f'{name}="{html.escape(value)}"' for name, value in attributes.items())
    return f"<a {written}>{html.escape(file.filename)}</a><br>"
