"""A file has one identity, however its name is spelled: for conflicts, deletions and yanks."""

import socket
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from publisher.server.names.identity import identity
from tests.helpers.dists import make_sdist, make_wheel, metadata
from tests.helpers.http import Client
from tests.server.conftest import PASSWORD, USER, OwnIndex
from tests.server.test_hostile import Post, form


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("acme_lib-1.0-py3-none-any.whl", "acme.lib-1.0.0-py3-none-any.whl", True),
        ("acme_lib-1.0-py3-none-any.whl", "Acme_Lib-1.0-py3-none-any.whl", True),
        ("a-1-py2.py3-none-any.whl", "a-1-py3.py2-none-any.whl", True),
        ("a-1-py3-none-any.whl", "a-1-1-py3-none-any.whl", False),
        ("a-1-py3-none-any.whl", "a-1-py3-none-win32.whl", False),
        ("acme-lib-1.0.tar.gz", "acme_lib-1.0.0.tar.gz", True),
        ("acme-1.0.tar.gz", "acme-1.0.zip", True),
        ("acme-1.0.tar.gz", "acme-1.0-py3-none-any.whl", False),
        ("acme-1.0.egg", "acme-1.0.0.egg", False),
        ("acme-" + "1" * 200 + ".tar.gz", "acme-2.tar.gz", False),
    ],
)
def test_spellings_of_a_file_are_one(one: str, other: str, *, same: bool) -> None:
    assert (identity(one) == identity(other)) is same


def spelled(folder: Path, version: str, summary: str = "") -> Path:
    data = metadata("spelled", version, f"Keywords: {summary}\n" if summary else "")
    return make_wheel(folder, "spelled", version, metadata_bytes=data)


def test_another_spelling_of_a_version_replaces_nothing(own: OwnIndex, tmp_path: Path) -> None:
    _, client = own.start()
    assert client.upload(spelled(tmp_path, "1.0")).status_code == 200
    refused = client.upload(spelled(tmp_path, "1.0.0", "other bytes"))
    assert refused.status_code == 409
    assert "spelled-1.0-py3-none-any.whl is on this index" in refused.text
    assert client.filenames("spelled") == ["spelled-1.0-py3-none-any.whl"]


def test_the_same_bytes_in_another_spelling_are_a_success(own: OwnIndex, tmp_path: Path) -> None:
    _, client = own.start()
    wheel = make_wheel(tmp_path, "Same_Name")
    assert client.upload(wheel).status_code == 200
    other = wheel.with_name(wheel.name.replace("Same_Name", "same_name"))
    wheel.rename(other)
    assert client.upload(other).status_code == 200
    assert client.filenames("same-name") == [wheel.name]


def test_two_processes_that_get_spellings_of_a_file_at_once_store_one(own: OwnIndex, tmp_path: Path) -> None:
    """Each of six rounds sends both other bytes in another spelling, complete but for the last byte."""
    one, client = own.start()
    other, _ = own.start()
    addresses = [urlsplit(index.url) for index in (one, other)]
    for number in range(6):
        name = f"acme{number}_lib"
        spellings = [name, name.upper().replace("_", ".")], ["1.0", "1.0.0"]
        connections = []
        for turn, address in enumerate(addresses):
            spelled, version = (each[(turn + number) % 2] for each in spellings)
            path = make_wheel(tmp_path, spelled, version, members={"which": b"%d" % turn})
            connection = socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=30)
            wire = Post(form(path.read_bytes(), path.name)).wire()
            connection.sendall(wire[:-1])
            connections.append((connection, wire[-1:]))
        for connection, last in connections:
            connection.sendall(last)
        statuses = []
        for connection, _ in connections:
            with connection:
                statuses.append(int(connection.recv(65536).split()[1]))
        assert sorted(statuses) == [200, 409], number
        winner = statuses.index(200)
        for index in (one, other):
            project = name.replace("_", "-")
            filenames = Client(index.url, (USER, PASSWORD)).filenames(project)
            assert len(filenames) == 1
            with zipfile.ZipFile(index.root / filenames[0]) as wheel:
                assert wheel.read("which") == b"%d" % winner
    assert client.get("health").status_code == 200


def test_a_deleted_release_does_not_return_in_another_spelling(own: OwnIndex, tmp_path: Path) -> None:
    _, client = own.start()
    client.upload(spelled(tmp_path, "1.0"))
    client.request("DELETE", "projects/spelled/1.0")
    refused = client.upload(spelled(tmp_path, "1.0.0"))
    assert (refused.status_code, "was deleted" in refused.text) == (409, True)


def test_spellings_that_are_in_a_folder_already_are_all_served(own: OwnIndex) -> None:
    index, client = own.start()
    for version in ("1.0", "1.0.0"):
        spelled(index.root, version)
    assert len(client.filenames("spelled")) == 2


def test_overwriting_replaces_the_stored_spelling(own: OwnIndex, tmp_path: Path) -> None:
    _, client = own.start("--overwrite")
    client.upload(spelled(tmp_path, "1.0"))
    assert client.upload(spelled(tmp_path, "1.0.0", "newer")).status_code == 200
    assert client.filenames("spelled") == ["spelled-1.0-py3-none-any.whl"]


def test_a_file_of_a_yanked_release_is_yanked(own: OwnIndex, tmp_path: Path) -> None:
    _, client = own.start()
    client.upload(make_wheel(tmp_path, "late"))
    client.request("PUT", "projects/late/1.0/yanked", json={"reason": "broken"})
    assert client.upload(make_sdist(tmp_path, "late")).status_code == 200
    assert {file["yanked"] for file in client.page("late")["files"]} == {"broken"}
    assert client.upload(make_sdist(tmp_path, "late", "2.0")).status_code == 200
    assert [file["yanked"] for file in client.page("late")["files"]].count(False) == 1
    client.request("DELETE", "projects/late/1.0/yanked")
    assert {file["yanked"] for file in client.page("late")["files"]} == {False}


def test_a_name_that_is_not_utf_8_affects_only_its_file(own: OwnIndex) -> None:
    index, client = own.start()
    make_wheel(index.root, "plain")
    Path(str(index.root) + "/caf\udce9-1.0.zip").write_bytes(b"x")
    for path in ("simple/", "", "packages/"):
        assert client.get(path).status_code == 200
    assert client.filenames("plain") == ["plain-1.0-py3-none-any.whl"]


def test_a_lost_disk_is_noticed_by_whatever_comes_first(own: OwnIndex, tmp_path: Path) -> None:
    firsts = [
        ("GET", "health", {}),
        ("PUT", "projects/kept/1.0/yanked", {"json": {"reason": "x"}}),
        ("DELETE", "projects/kept/1.0", {}),
    ]
    for number, (method, path, options) in enumerate(firsts):
        index, client = own.start(name=f"index{number}")
        client.upload(make_wheel(tmp_path, "kept"))
        client.page("kept")
        away = index.root.rename(index.root.with_name("away"))
        index.root.mkdir()
        assert client.request(method, path, **options).status_code == 503
        assert client.get("health").status_code == 503
        assert client.get("simple/other/").status_code == 503
        assert client.upload(make_wheel(tmp_path, "late")).status_code == 503
        assert not list(index.root.iterdir())
        assert (away / "kept-1.0-py3-none-any.whl").exists()
