"""Handlers of releases, and the checks of browsers: paths, reasons, records, and the pages of other sites."""

import asyncio
import json
from typing import Any, cast

import pytest

from publisher.limits import LIMITS
from publisher.server.auth.principal import Principal, PrincipalKind
from publisher.server.http.messages import HttpError, Message, Request, Response
from publisher.server.routes.browsers import SECURITY_HEADERS, is_browser, require_own_page, secured
from publisher.server.routes.releases import ReleaseRoutes

ADA = Principal("ada", PrincipalKind.ACCOUNT, account="ada")


class _Changes:
    """Notes changes and records in their order."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    async def yank(self, name: str, version: str, reason: str, by: str | None) -> list[str]:
        self.calls.append(("yank", name, version, reason, by))
        return ["a file"]

    async def unyank(self, name: str, version: str) -> list[str]:
        self.calls.append(("unyank", name, version))
        return ["a file"]

    async def delete(self, name: str, version: str, filename: str | None, by: str | None) -> list[str]:
        self.calls.append(("delete", name, version, filename, by))
        return ["a file"]

    async def record(self, _request: Request, what: str, project: str = "", **details: Any) -> None:
        self.calls.append(("recorded", what, project, details))


def _request(method: str = "PUT", headers: dict[str, str] | None = None, **values: Any) -> Request:
    async def receive() -> Message:
        raise AssertionError

    given = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    request = Request({"type": "http", "method": method, "path": "/", "headers": given}, receive)
    request.principal, request.json = ADA, values
    return request


def _put(changes: _Changes, path: str, **values: Any) -> Response:
    return asyncio.run(ReleaseRoutes(cast("Any", changes), cast("Any", changes)).put(_request(**values), path))


def _delete(changes: _Changes, path: str) -> Response:
    return asyncio.run(ReleaseRoutes(cast("Any", changes), cast("Any", changes)).delete(_request(), path))


@pytest.mark.parametrize("reason", [None, "", "broken", "x" * LIMITS.yank_reason])
def test_a_yank_is_recorded_with_its_reason(reason: str | None) -> None:
    changes = _Changes()
    answer = _put(changes, "Acme.Widgets/1.0/yanked", **({} if reason is None else {"reason": reason}))
    recorded = reason or ""
    details = {"version": "1.0", "reason": recorded, "files": ["a file"]}
    assert changes.calls == [
        ("yank", "acme-widgets", "1.0", recorded, "ada"),
        ("recorded", "yank", "acme-widgets", details),
    ]
    expected = {"project": "acme-widgets", "version": "1.0", "status": "yanked", "files": ["a file"]}
    assert json.loads(answer.body) == expected


@pytest.mark.parametrize("reason", ["x" * (LIMITS.yank_reason + 1), "two\nlines", "a\x00b"])
def test_a_reason_is_one_line_of_bounded_length(reason: str) -> None:
    changes = _Changes()
    with pytest.raises(HttpError, match="one line of at most") as refused:
        _put(changes, "acme/1.0/yanked", reason=reason)
    assert (refused.value.status, changes.calls) == (422, [])


@pytest.mark.parametrize(
    ("path", "change", "what", "status"),
    [
        ("Acme/1.0/yanked", ("unyank", "acme", "1.0"), "unyank", "unyanked"),
        ("Acme/1.0", ("delete", "acme", "1.0", None, "ada"), "delete", "deleted"),
        ("acme/1.0/a-1.0.zip", ("delete", "acme", "1.0", "a-1.0.zip", "ada"), "delete", "deleted"),
    ],
)
def test_a_release_or_a_file_is_deleted_and_a_yank_undone(
    path: str, change: tuple[Any, ...], what: str, status: str
) -> None:
    changes = _Changes()
    answer = _delete(changes, path)
    assert changes.calls == [change, ("recorded", what, "acme", {"version": "1.0", "files": ["a file"]})]
    assert json.loads(answer.body) == {"project": "acme", "version": "1.0", "status": status, "files": ["a file"]}


@pytest.mark.parametrize("path", ["", "acme", "acme/", "/1.0", "/1.0/yanked", "acme//yanked", "acme/1.0/a/b"])
def test_a_path_without_a_release_changes_nothing(path: str) -> None:
    changes = _Changes()
    for act in (_put, _delete):
        with pytest.raises(HttpError, match="/projects/NAME/VERSION") as refused:
            act(changes, path)
        assert refused.value.status == 404
    assert changes.calls == []


def test_putting_something_else_names_the_method_that_there_is() -> None:
    changes = _Changes()
    for path in ("acme/1.0", "acme/1.0/a-1.0.zip"):
        with pytest.raises(HttpError, match="to yank it") as refused:
            _put(changes, path)
        assert (refused.value.status, refused.value.headers) == (405, [(b"allow", b"DELETE")])
    assert changes.calls == []


def test_the_clients_releases_are_changed_by_its_uploaders_alone() -> None:
    changes = _Changes()
    for act, path in ((_put, "PyPI.Publish/1.0/yanked"), (_delete, "pypi-publish/1.0")):
        with pytest.raises(HttpError, match="client-uploader") as refused:
            act(changes, path)
        assert refused.value.status == 403
    assert changes.calls == []


@pytest.mark.parametrize(
    ("headers", "is_own"),
    [
        ({}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "Same-Origin", "Origin": "https://other.example"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://acme.example"}, False),
        ({"Origin": "https://acme.example"}, True),
        ({"Origin": "https://ACME.example"}, True),
        ({"Origin": "https://acme.example:8443"}, False),
        ({"Origin": "https://other.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, True),
    ],
)
def test_a_change_comes_from_a_program_or_an_own_page(headers: dict[str, str], *, is_own: bool) -> None:
    given = {"Host": "Acme.example", **headers}
    for method in ("GET", "HEAD", "OPTIONS"):
        require_own_page(_request(method, given))
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        if is_own:
            require_own_page(_request(method, given))
        else:
            with pytest.raises(HttpError, match="another site") as refused:
                require_own_page(_request(method, given))
            assert refused.value.status == 403


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("text/html", False),
        ("text/html, */*", False),
        ("application/json, application/xhtml+xml", False),
        ("application/xhtml+xml, text/html;q=0.5, application/json;q=0.9", False),
        ("*/*", False),
        ("", False),
    ],
)
def test_a_browser_names_xhtml_beside_the_html_that_it_wants(accept: str, *, expected: bool) -> None:
    assert is_browser(_request("GET", {"Accept": accept})) is expected


def test_an_answer_keeps_its_own_headers_of_protection() -> None:
    own = [(b"Content-Security-Policy", b"own"), (b"x-other", b"1")]
    found = secured({"type": "http.response.start", "status": 200, "headers": own})
    names = [name.lower() for name, _ in found["headers"]]
    assert found["headers"][:2] == own
    assert sorted(names) == sorted([*(name for name, _ in SECURITY_HEADERS), b"x-other"])
    assert (found["type"], found["status"]) == ("http.response.start", 200)
    assert secured({"type": "x"})["headers"] == SECURITY_HEADERS
