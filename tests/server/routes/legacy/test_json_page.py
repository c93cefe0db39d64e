"""The JSON page of a project: versions in their order, URLs of files, and paths that it is not at."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from publisher.server.http.messages import HttpError, Request, Response
from publisher.server.routes.legacy.json_page import JsonPage
from publisher.server.routes.legacy.redirects import to_legacy, to_simple, without_icon
from publisher.server.store.interface import PackageCatalog
from publisher.server.store.metadata import FileMetadata
from publisher.server.store.projects import Project, StoredFile


class _Catalog:
    """Two projects: one with files, and one without."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.listed = {name: Project(name) for name in ("acme", "empty")}

    def project(self, name: str) -> Project | None:
        return self.listed.get(name)

    async def find(self, name: str) -> Project | None:
        self.asked.append(name)
        return self.listed.get(name)

    async def files(self, project: Project) -> Mapping[str, StoredFile]:
        versions = ("1.9", "1.10", "2.0rc1", "1.10") if project.name == "acme" else ()
        names = [f"acme-{version}-{number}.tar.gz" for number, version in enumerate(versions)]
        record = FileMetadata(1, 1, "0" * 64, "2026-01-01")
        return {
            name: StoredFile(name, Path(name), f"below/{name}", version, record)
            for name, version in zip(names, versions, strict=True)
        }


def _request(root_path: str = "") -> Request:
    async def receive() -> Any:
        raise AssertionError

    headers = [(b"host", b"pypi.acme.example")]
    scope = {"type": "http", "method": "GET", "path": "/", "root_path": root_path, "scheme": "https"}
    return Request({**scope, "headers": headers}, receive)


def _page(catalog: _Catalog | None = None) -> JsonPage:
    return JsonPage(cast("PackageCatalog", catalog or _Catalog()))


def _header(answer: Response, name: bytes) -> str:
    return dict(answer.headers)[name].decode()


@pytest.mark.parametrize("prefix", ["", "/python"])
def test_every_version_has_the_urls_of_its_files(prefix: str) -> None:
    answer = asyncio.run(_page().answer(_request(prefix), "acme"))
    found = json.loads(answer.body)
    start = f"https://pypi.acme.example{prefix}/packages/below"
    assert found["info"] == {"version": "2.0rc1"}
    assert list(found["releases"]) == ["2.0rc1", "1.10", "1.9"]
    assert found["releases"]["1.10"] == [
        {"url": f"{start}/acme-1.10-1.tar.gz"},
        {"url": f"{start}/acme-1.10-3.tar.gz"},
    ]
    assert (answer.status, _header(answer, b"content-type")) == (200, "application/json")


def test_a_project_without_files_has_no_version() -> None:
    answer = asyncio.run(_page().answer(_request(), "empty"))
    assert json.loads(answer.body) == {"info": {"version": ""}, "releases": {}}


def test_another_spelling_leads_to_the_page() -> None:
    answer = asyncio.run(_page().answer(_request("/python"), "AcMe_.x"))
    assert (answer.status // 100, _header(answer, b"location")) == (3, "https://pypi.acme.example/python/acme-x/json")


@pytest.mark.parametrize(("name", "asked"), [("other", ["other"]), ("a$b", []), ("x" * 90, ["x" * 90])])
def test_an_unknown_project_has_no_page(name: str, asked: list[str]) -> None:
    catalog = _Catalog()
    with pytest.raises(HttpError) as refused:
        asyncio.run(_page(catalog).answer(_request(), name))
    assert (refused.value.status, refused.value.message) == (404, f"This index has no project {name[:80]}.")
    assert catalog.asked == asked


def test_a_project_is_known_in_every_spelling() -> None:
    assert _page().has_project("acme")
    assert _page().has_project("ACME")
    assert not _page().has_project("other")


@pytest.mark.parametrize("path", ["acme/json", "acme/json/", "acme/json//"])
def test_the_page_is_below_pypi_as_well(path: str) -> None:
    answer = asyncio.run(_page().answer_pypi(_request(), path))
    assert json.loads(answer.body)["info"] == {"version": "2.0rc1"}


@pytest.mark.parametrize("path", ["", "acme", "acme/", "acme/1.0/json", "acme/json/more", "acme/xml"])
def test_nothing_else_is_below_pypi(path: str) -> None:
    with pytest.raises(HttpError, match="only /pypi/NAME/json") as refused:
        asyncio.run(_page().answer_pypi(_request(), path))
    assert refused.value.status == 404


def test_short_paths_lead_to_those_with_a_slash() -> None:
    simple = asyncio.run(to_simple(_request("/python"), ""))
    assert (simple.status // 100, _header(simple, b"location")) == (3, "https://pypi.acme.example/python/simple/")
    legacy = asyncio.run(to_legacy(_request("/python"), ""))
    assert (legacy.status, _header(legacy, b"location")) == (308, "https://pypi.acme.example/python/legacy/")
    with pytest.raises(HttpError, match="no icon") as refused:
        asyncio.run(without_icon(_request(), ""))
    assert refused.value.status == 404
