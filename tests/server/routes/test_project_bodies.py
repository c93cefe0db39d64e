"""The page of a project: what each kind of file has in JSON and in HTML, and in which order."""

import json
from pathlib import Path
from typing import Any

from publisher.server.routes.rendering.projects import file_url, ordered, project_html, project_json
from publisher.server.store.metadata import FileMetadata
from publisher.server.store.projects import StoredFile


def _file(filename: str, version: str = "1.0", *, yanked: str | None = None, **more: Any) -> StoredFile:
    metadata = FileMetadata(7, 1, "ab" * 32, "2026-01-02T03:04:05.000000Z", **more)
    return StoredFile(filename, Path("/root/folder", filename), f"folder/{filename}", version, metadata, yanked)


PLAIN = _file("acme-1.0.tar.gz")
FULL = _file("acme-1.0-py3-none-any.whl", requires_python=">=3.9,<4", metadata_sha256="cd" * 32, yanked='too "new"')


def test_a_page_in_json_leaves_out_what_a_file_has_not() -> None:
    plain = {
        "filename": PLAIN.filename,
        "url": "/at/packages/folder/acme-1.0.tar.gz",
        "hashes": {"sha256": "ab" * 32},
        "size": 7,
        "upload-time": "2026-01-02T03:04:05.000000Z",
        "yanked": False,
    }
    full = plain | {
        "filename": FULL.filename,
        "url": "/at/packages/folder/acme-1.0-py3-none-any.whl",
        "yanked": 'too "new"',
        "requires-python": ">=3.9,<4",
        "core-metadata": {"sha256": "cd" * 32},
        "data-dist-info-metadata": {"sha256": "cd" * 32},
    }
    body = project_json("acme", [PLAIN, FULL], "/at")
    page = {"meta": {"api-version": "1.4"}, "name": "acme", "versions": ["1.0"], "files": [plain, full]}
    assert json.loads(body) == page
    assert b", " not in body
    assert b'": ' not in body


def test_a_file_that_is_yanked_without_a_reason_is_yanked() -> None:
    assert json.loads(project_json("acme", [_file("acme-1.0.zip", yanked="")], ""))["files"][0]["yanked"] is True
    assert b' data-yanked=""' in project_html("acme", [_file("acme-1.0.zip", yanked="")], "")


def test_versions_are_listed_once_oldest_first() -> None:
    files = [
        _file(f"acme-{version}{end}", version) for version in ("1.10", "1.9", "", "odd") for end in (".zip", ".whl")
    ]
    body = project_json("acme", ordered({file.filename: file for file in files}), "")
    assert json.loads(body)["versions"] == ["odd", "1.9", "1.10"]


def test_a_page_in_html_has_an_anchor_for_each_file() -> None:
    lines = project_html("acme", [PLAIN, FULL], "/at").decode().splitlines()
    url = "/at/packages/folder/acme-1.0-py3-none-any.whl"
    full = (
        f'<a href="{url}#sha256={"ab" * 32}" data-requires-python="&gt;=3.9,&lt;4" data-yanked="too &quot;new&quot;" '
        f'data-dist-info-metadata="sha256={"cd" * 32}" data-core-metadata="sha256={"cd" * 32}">{FULL.filename}</a><br>'
    )
    plain = f'<a href="/at/packages/folder/acme-1.0.tar.gz#sha256={"ab" * 32}">acme-1.0.tar.gz</a><br>'
    assert [line for line in lines if line.startswith("<a ")] == [plain, full]
    assert "<title>Links for acme</title>" in lines
    assert "<h1>Links for acme</h1>" in lines
    assert '<meta name="pypi:repository-version" content="1.4">' in lines


def test_files_are_ordered_by_version_and_then_by_name() -> None:
    names = ["acme-2.zip", "acme-10.zip", "acme-2.tar.gz", "acme-old.zip"]
    files = {name: _file(name, name.removeprefix("acme-").partition(".")[0]) for name in names}
    assert [file.filename for file in ordered(files)] == ["acme-old.zip", "acme-2.tar.gz", "acme-2.zip", "acme-10.zip"]


def test_the_url_of_a_file_keeps_the_signs_that_may_stand_in_a_path() -> None:
    assert file_url(_file("acme-1!2.0+local~x y.zip"), "") == "/packages/folder/acme-1!2.0+local~x%20y.zip"
