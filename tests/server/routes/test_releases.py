"""Yanking and deleting over HTTP."""

from pathlib import Path

from tests.helpers.dists import make_sdist, make_wheel
from tests.helpers.http import Client
from tests.server.conftest import OwnIndex


def test_a_yank_is_shown_with_its_reason_in_every_form(client: Client, tmp_path: Path) -> None:
    client.upload(make_wheel(tmp_path, "yanked"))
    client.upload(make_wheel(tmp_path, "yanked", "1.1"))
    response = client.request("PUT", "projects/Yanked/1.0.0/yanked", json={"reason": 'it "broke" <things>'})
    assert response.json()["files"] == ["yanked-1.0-py3-none-any.whl"]
    assert [file["yanked"] for file in client.page("yanked")["files"]] == ['it "broke" <things>', False]
    assert 'data-yanked="it &quot;broke&quot; &lt;things&gt;"' in client.get("simple/yanked/").text
    assert client.request("DELETE", "projects/yanked/1.0/yanked").status_code == 200
    assert [file["yanked"] for file in client.page("yanked")["files"]] == [False, False]


def test_a_yank_without_a_reason_is_true(client: Client, tmp_path: Path) -> None:
    client.upload(make_wheel(tmp_path, "silently_yanked"))
    assert client.request("PUT", "projects/silently-yanked/1.0/yanked", json={}).status_code == 200
    assert client.page("silently-yanked")["files"][0]["yanked"] is True


def test_marks_survive_a_restart(own: OwnIndex, tmp_path: Path) -> None:
    index, client = own.start()
    wheel = make_wheel(tmp_path, "marked")
    client.upload(wheel)
    client.upload(make_wheel(tmp_path, "marked", "1.1"))
    client.request("PUT", "projects/marked/1.1/yanked", json={"reason": "old"})
    assert client.request("DELETE", "projects/marked/1.0").status_code == 200
    index.stop()
    _, client = own.start()
    assert [(file["filename"], file["yanked"]) for file in client.page("marked")["files"]] == [
        ("marked-1.1-py3-none-any.whl", "old")
    ]
    assert client.upload(wheel).status_code == 409


def test_impossible_changes_are_reported(client: Client, tmp_path: Path) -> None:
    client.upload(make_sdist(tmp_path, "managed"))
    cases = {
        ("DELETE", "projects/managed/9.9"): 404,
        ("DELETE", "projects/no-such/1.0"): 404,
        ("DELETE", "projects/managed/1.0/other-1.0.tar.gz"): 404,
        ("DELETE", "projects/managed/1.0/..%2f..%2fhtpasswd"): 404,
        ("DELETE", "projects/managed"): 404,
        ("PUT", "projects/managed/1.0"): 405,
        ("PATCH", "projects/managed/1.0"): 405,
    }
    for (method, path), status in cases.items():
        assert client.request(method, path).status_code == status, path
    for reason in (5, "x" * 1000, "two\nlines"):
        assert client.request("PUT", "projects/managed/1.0/yanked", json={"reason": reason}).status_code == 422
    assert Client(client.url, None).request("DELETE", "projects/managed/1.0").status_code == 401
    assert client.filenames("managed") == ["managed-1.0.tar.gz"]


def test_a_project_that_returns_after_its_last_file_was_deleted_shows_the_new_file(
    client: Client, tmp_path: Path
) -> None:
    for version in ("1.0", "1.1", "1.2"):
        wheel = make_wheel(tmp_path, "returned", version)
        assert client.upload(wheel).status_code == 200
        assert client.filenames("returned") == [wheel.name]
        assert client.request("DELETE", f"projects/returned/{version}").status_code == 200
        assert client.get("simple/returned/").status_code == 404
