"""Foreign pages change nothing with the password that a browser keeps, and no page is framed."""

from pathlib import Path

import pytest

from tests.helpers.dists import make_wheel
from tests.helpers.http import Client

FOREIGN = [
    {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    {"Sec-Fetch-Site": "same-site", "Origin": "https://other.index.example"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
]
CHANGES = {
    "password": ("POST", "password", {"json": {"password": "changed by evil"}}),
    "remove": (
        "POST",
        "",
        {"files": {":action": (None, "remove_pkg"), "name": (None, "framed"), "version": (None, "1.0")}},
    ),
    "delete": ("DELETE", "projects/framed/1.0", {}),
    "yank": ("PUT", "projects/framed/1.0/yanked", {"json": {"reason": "x"}}),
    "rpc": ("POST", "RPC2", {"data": b"<methodCall/>"}),
}


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize("change", CHANGES)
def test_a_foreign_page_changes_nothing(client: Client, change: str, headers: dict[str, str]) -> None:
    method, path, options = CHANGES[change]
    refused = client.request(method, path, headers=headers, **options)  # type: ignore[arg-type]
    assert refused.status_code == 403
    assert client.get("whoami").status_code == 200


def test_a_foreign_page_uploads_nothing(client: Client, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "forged")
    assert client.upload(wheel, headers=FOREIGN[0]).status_code == 403
    assert client.get("simple/forged/").status_code == 404


def test_programs_and_the_index_s_own_pages_change_things(client: Client, tmp_path: Path) -> None:
    own = {"Sec-Fetch-Site": "same-origin", "Origin": client.url.rstrip("/")}
    assert client.upload(make_wheel(tmp_path, "own_page"), headers=own).status_code == 200
    assert client.upload(make_wheel(tmp_path, "typed"), headers={"Sec-Fetch-Site": "none"}).status_code == 200
    old = {"Origin": client.url.rstrip("/")}
    assert client.upload(make_wheel(tmp_path, "old_browser"), headers=old).status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_json_comes_as_json_only(client: Client, kind: str) -> None:
    body = b'{"password":"changed by evil","a":"="}'
    assert client.request("POST", "password", data=body, headers={"Content-Type": kind}).status_code == 415


@pytest.mark.parametrize("path", ["", "simple/", "packages/", "nothing/", "simple/nothing/", "favicon.ico", "whoami"])
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_every_page_is_protected(client: Client, path: str, accept: str) -> None:
    for _ in range(2):  # from memory too
        headers = client.get(path, {"Accept": accept}).headers
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
