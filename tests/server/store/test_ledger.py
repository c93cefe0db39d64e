"""A lost disk is not an empty one: the list of owned names beside the accounts is compared with the packages."""

import json
import shutil
from pathlib import Path

from tests.helpers.dists import make_wheel
from tests.helpers.http import Client
from tests.helpers.index import ADMIN_TOKEN
from tests.helpers.tool import run
from tests.helpers.waiting import eventually
from tests.server.conftest import OwnIndex

ELSEWHERE = ("--fallback-url", "http://elsewhere.invalid/simple/")
ADMIN = {"Authorization": f"Bearer {ADMIN_TOKEN}"}


def _is_shut(client: Client, wheel: Path) -> bool:
    pages = {client.get(path).status_code for path in ("simple/owned/", "simple/unknown/", "simple/gone/")}
    return pages == {503} and client.get("health").status_code == 503 and client.upload(wheel).status_code == 503


def _published(own: OwnIndex, tmp_path: Path) -> Path:
    """Publish two projects, remove the file of one, and stop; return another wheel."""
    index, client = own.start(*ELSEWHERE)
    for name in ("owned", "gone"):
        assert client.upload(make_wheel(tmp_path, name)).status_code == 200
    (index.root / "gone-1.0-py3-none-any.whl").unlink()
    assert client.get("simple/gone/").status_code == 404  # removed by hand is no loss
    assert client.get("health").status_code == 200
    index.stop()
    return make_wheel(tmp_path, "later")


def test_an_empty_mount_point_passes_nothing_on_until_the_loss_is_confirmed(own: OwnIndex, tmp_path: Path) -> None:
    later = _published(own, tmp_path)
    root = tmp_path / "index/packages"
    shutil.rmtree(root)
    index, client = own.start(*ELSEWHERE)
    assert _is_shut(client, later)
    assert not list(root.glob("*.whl"))
    assert "storage confirm-loss" in index.log.read_text()
    done = run(["pypi-publish", "storage", "confirm-loss", "--root", str(root), "--htpasswd", str(index.htpasswd)])
    assert done.code == 0, done.everything
    assert eventually(lambda: client.get("health").status_code == 200)
    assert {client.get(f"simple/{name}/").status_code for name in ("owned", "gone")} == {404}
    assert client.get("simple/unknown/").status_code == 302
    assert client.upload(later).status_code == 200


def test_confirming_a_loss_changes_nothing_while_nothing_is_lost(own: OwnIndex, tmp_path: Path) -> None:
    _published(own, tmp_path)
    folder = tmp_path / "index"
    lists = (
        folder / "htpasswd.state",
        *(folder / "packages/.pypi-publish" / name for name in ("identity", "names.jsonl")),
    )
    before = [path.read_bytes() for path in lists]
    place = ("--root", str(folder / "packages"), "--htpasswd", str(folder / "htpasswd"))
    done = run(["pypi-publish", "storage", "confirm-loss", *place])
    assert "Nothing is lost; the index owns 2 names." in done.everything
    assert [path.read_bytes() for path in lists] == before


def test_an_admin_confirms_a_loss_over_the_network(own: OwnIndex, tmp_path: Path) -> None:
    later = _published(own, tmp_path)
    shutil.rmtree(tmp_path / "index/packages")
    index, client = own.start(*ELSEWHERE)
    assert _is_shut(client, later)
    assert Client(index.url, None).request("POST", "-/storage/confirm-loss").status_code == 401
    done = run(
        ["pypi-publish", "storage", "confirm-loss", "--admin-url", index.url],
        env={"PYPI_PUBLISH_ADMIN_TOKEN": ADMIN_TOKEN},
    )
    assert done.code == 0, done.everything
    assert client.upload(later).status_code == 200
    assert client.get("simple/owned/").status_code == 404


def test_the_disk_of_another_index_changes_neither_list(own: OwnIndex, tmp_path: Path) -> None:
    later = _published(own, tmp_path)
    folder = tmp_path / "index"
    make_wheel(folder / "packages", "foreign")
    identity = folder / "packages/.pypi-publish/identity"
    identity.write_text(json.dumps({**json.loads(identity.read_text()), "id": "another"}))
    lists = (folder / "htpasswd.state", folder / "packages/.pypi-publish/names.jsonl")
    before = [path.read_bytes() for path in lists]
    _, client = own.start(*ELSEWHERE)
    assert _is_shut(client, later)
    assert [path.read_bytes() for path in lists] == before


def test_nothing_is_written_to_another_index_that_takes_the_place_of_a_running_one(
    own: OwnIndex, tmp_path: Path
) -> None:
    index, client = own.start(*ELSEWHERE)
    assert client.upload(make_wheel(tmp_path, "owned")).status_code == 200
    identity = index.root / ".pypi-publish/identity"
    ours = identity.read_text()
    identity.write_text(json.dumps({**json.loads(ours), "id": "another"}))
    assert client.upload(make_wheel(tmp_path, "later")).status_code == 503
    assert not list(index.root.glob("later-*"))
    assert client.get("health").status_code == 503
    identity.write_text(ours)
    assert eventually(lambda: client.upload(make_wheel(tmp_path, "later")).status_code == 200)


def test_a_dot_folder_or_a_list_that_is_gone_is_a_loss(own: OwnIndex, tmp_path: Path) -> None:
    later = _published(own, tmp_path)
    folder = tmp_path / "index"
    for gone in (folder / "packages/.pypi-publish", folder / "htpasswd.state"):
        away = gone.rename(tmp_path / "away")
        index, client = own.start(*ELSEWHERE)
        assert _is_shut(client, later)
        index.stop()
        if gone.is_dir():
            shutil.rmtree(gone)
        away.rename(gone)
    _, client = own.start(*ELSEWHERE)
    assert client.get("simple/gone/").status_code == 404
    assert client.get("simple/unknown/").status_code == 302


def test_a_dot_folder_that_is_removed_under_a_running_index_is_made_again(own: OwnIndex, tmp_path: Path) -> None:
    index, client = own.start(*ELSEWHERE)
    for name, version in (("owned", "1.0"), ("deleted", "1.0"), ("owned", "2.0")):
        assert client.upload(make_wheel(tmp_path, name, version)).status_code == 200
    assert client.request("DELETE", "projects/deleted/1.0").status_code == 200
    assert client.request("PUT", "projects/owned/1.0/yanked", json={"reason": "broken"}).status_code == 200
    shutil.rmtree(index.root / ".pypi-publish")
    assert client.upload(make_wheel(tmp_path, "more")).status_code == 200
    index.stop()
    _, client = own.start(*ELSEWHERE)
    assert client.get("health").status_code == 200
    assert client.get("simple/deleted/").status_code == 404
    assert client.upload(make_wheel(tmp_path, "deleted")).status_code == 409
    assert client.page("owned")["files"][0]["yanked"] == "broken"


def test_without_a_list_nothing_is_passed_on(own: OwnIndex, tmp_path: Path) -> None:
    index, _ = own.start()
    index.stop()
    index.htpasswd.unlink()
    (tmp_path / "index/htpasswd.state").unlink()
    index, _ = own.start(*ELSEWHERE, "--authenticate", ".")
    anonymous = Client(index.url, None)
    assert anonymous.get("simple/unknown/").status_code == 404
    assert "--state" in index.log.read_text()
    index.stop()
    index.htpasswd.unlink(missing_ok=True)
    state = tmp_path / "list-of-names"
    shutil.rmtree(index.root / ".pypi-publish")
    index, _ = own.start(*ELSEWHERE, "--authenticate", ".", "--state", str(state))
    assert Client(index.url, None).get("simple/unknown/").status_code == 302
    assert state.exists()
