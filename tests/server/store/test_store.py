"""The folder is the truth: what others do to it, other processes, lost disks, records that are missing or torn."""

import errno
import json
import os
import shutil
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from publisher.server.storage.folder import FolderStorage
from publisher.server.store import loading
from publisher.server.store.contents import FolderContents
from publisher.server.store.metadata import FileMetadata, read_metadata
from publisher.server.store.records import Records
from publisher.server.store.scan import FolderLostError, read_folders
from tests.helpers.dists import make_sdist, make_wheel
from tests.helpers.http import Client, sha256
from tests.helpers.inside import serving, serving_app
from tests.helpers.waiting import eventually
from tests.server.conftest import PASSWORD, USER, OwnIndex
from tests.server.test_hostile import Post, form, wheel


def test_an_existing_folder_is_served_as_it_is(own: OwnIndex, tmp_path: Path) -> None:
    flat, nested = tmp_path / "flat", tmp_path / "nested"
    (nested / "team/deep").mkdir(parents=True)
    flat.mkdir()
    make_wheel(flat, "flat_one")
    make_sdist(nested / "team/deep", "nested.one", "2.0")
    for name in ("Legacy_Thing-1.0.zip", "odd-name-with-dashes-0.1dev.tar.gz", "plain-3.tgz", "old-1.0-py2.7.egg"):
        (flat / name).write_bytes(b"whatever it is")
    (flat / "flat_one-1.0.tar.gz.asc").write_text("a signature")
    (flat / "README.txt").write_text("no package")
    (flat / ".hidden-1.0.tar.gz").write_bytes(b"")
    _, client = own.start(roots=(flat, nested))

    listed = {
        project["name"]
        for project in client.get("simple/", {"Accept": "application/vnd.pypi.simple.v1+json"}).json()["projects"]
    }
    assert listed == {"flat-one", "nested-one", "legacy-thing", "odd-name-with-dashes", "plain", "old"}
    file = client.page("nested-one")["files"][0]
    assert file["url"] == "/packages/team/deep/nested.one-2.0.tar.gz"
    assert client.get(file["url"][1:]).content == (nested / "team/deep/nested.one-2.0.tar.gz").read_bytes()
    assert client.page("legacy-thing")["files"][0]["hashes"]["sha256"] == sha256(flat / "Legacy_Thing-1.0.zip")
    assert client.filenames("old") == ["old-1.0-py2.7.egg"]


def test_pypiservers_own_routes_work_over_the_store(own: OwnIndex, tmp_path: Path) -> None:
    index, client = own.start()
    client.upload(make_wheel(tmp_path, "routed", "1.0"))
    client.upload(make_wheel(tmp_path, "routed", "1.1"))
    assert client.get("routed/json").json()["info"] == {"version": "1.1"}
    assert "routed-1.1-py3-none-any.whl" in client.get("packages/").text
    search = "<?xml version='1.0'?><methodCall><methodName>search</methodName><params><param><value><struct><member>"
    search += (
        "<name>name</name><value><array><data><value><string>rout</string></value></data></array></value></member>"
    )
    search += "</struct></value></param></params></methodCall>"
    assert "routed" in client.request("POST", "RPC2", data=search).text
    assert client.get("routed/").headers["Location"].endswith("/simple/routed/")
    files = {":action": (None, "remove_pkg"), "name": (None, "routed"), "version": (None, "1.0")}
    assert client.request("POST", "", files=files).status_code == 200
    assert client.filenames("routed") == ["routed-1.1-py3-none-any.whl"]
    assert Client(index.url, None).get("packages/").status_code == 401


def test_files_that_come_and_go_are_seen_without_a_restart(own: OwnIndex) -> None:
    index, client = own.start()
    assert client.get("simple/copied/").status_code == 404
    make_wheel(index.root, "copied")
    assert client.filenames("copied") == ["copied-1.0-py3-none-any.whl"]
    (index.root / "below").mkdir()
    make_wheel(index.root / "below", "copied", "1.1")
    assert eventually(lambda: len(client.filenames("copied")) == 2)
    (index.root / "copied-1.0-py3-none-any.whl").unlink()
    assert client.filenames("copied") == ["copied-1.1-py3-none-any.whl"]
    assert client.get("packages/copied-1.0-py3-none-any.whl").status_code == 404
    shutil.rmtree(index.root / "below")
    assert client.get("simple/copied/").status_code == 404


def test_an_upload_that_is_removed_at_once_is_not_listed(own: OwnIndex, tmp_path: Path) -> None:
    index, client = own.start()
    for version in ("1.0", "2.0"):
        wheel = make_wheel(tmp_path, "fleeting", version)
        assert client.upload(wheel).status_code == 200
    (index.root / wheel.name).unlink()
    assert client.filenames("fleeting") == ["fleeting-1.0-py3-none-any.whl"]
    assert client.get(f"packages/{wheel.name}").status_code == 404


def test_a_file_that_is_overwritten_in_place_is_noticed(own: OwnIndex, tmp_path: Path) -> None:
    index, client = own.start()
    client.upload(make_wheel(tmp_path, "changing"))
    listed = index.root / "changing-1.0-py3-none-any.whl"
    assert client.page("changing")["files"][0]["hashes"]["sha256"] == sha256(listed)
    changed = make_wheel(tmp_path, "changing", members={"changing/more.py": b"x"})
    listed.write_bytes(changed.read_bytes())
    assert client.get(f"packages/{listed.name}").content == changed.read_bytes()
    assert eventually(lambda: client.page("changing")["files"][0]["hashes"]["sha256"] == sha256(changed))


def test_two_processes_on_one_folder_agree(own: OwnIndex, tmp_path: Path) -> None:
    one, first = own.start()
    other, second = own.start()
    assert one.url != other.url
    for number in range(5):
        writer, reader = (first, second) if number % 2 else (second, first)
        path = make_wheel(tmp_path, "shared", f"1.{number}")
        assert writer.upload(path).status_code == 200
        assert path.name in reader.filenames("shared")
    assert first.page("shared") == second.page("shared")
    changed = make_wheel(tmp_path, "shared", "1.0", members={"shared/x.py": b""})
    assert {client.upload(changed).status_code for client in (first, second)} == {409}
    assert first.request("PUT", "projects/shared/1.0/yanked", json={"reason": "broken"}).status_code == 200
    assert eventually(lambda: second.page("shared")["files"][0]["yanked"] == "broken")


def test_records_that_are_torn_stale_or_missing_are_made_anew(own: OwnIndex, tmp_path: Path) -> None:
    index, client = own.start()
    for number in range(3):
        client.upload(make_wheel(tmp_path, "recorded", f"1.{number}"))
    before = client.page("recorded")
    index.stop()
    record = index.root / ".pypi-publish/facts/recorded.jsonl"
    lines = record.read_text().splitlines()
    stale = json.loads(lines[1]) | {"sha256": "0" * 64, "size": 1}
    damages = {
        "torn": "\n".join(lines)[:-40],
        "stale": "\n".join([lines[0], json.dumps(stale), lines[2], ""]),
        "foreign": "\n".join([*lines, "[1, 2]", "{}", '{"filename": 3}', "\x00\x00", "[" * 50_000, ""]),
        "empty": "",
    }
    with (index.root / ".pypi-publish/names.jsonl").open("a") as names:
        names.write("[" * 50_000 + "\n\xff\n")
    for damaged in damages.values():
        record.write_text(damaged)
        index, client = own.start()
        assert client.page("recorded") == before
        assert client.upload(make_wheel(tmp_path, "recorded", "1.0")).status_code == 200
        index.stop()
    shutil.rmtree(record.parent)
    _, client = own.start()
    assert client.page("recorded") == before


def test_recorded_metadata_is_not_read_again(own: OwnIndex, tmp_path: Path) -> None:
    index, client = own.start()
    client.upload(make_wheel(tmp_path, "remembered"))
    make_wheel(index.root, "adopted")
    client.page("adopted")
    index.stop()
    for name in ("remembered", "adopted"):
        record = index.root / f".pypi-publish/facts/{name}.jsonl"
        assert len(record.read_text().splitlines()) == 1
        facts = json.loads(record.read_text())
        record.write_text(json.dumps(facts | {"sha256": "f" * 64}) + "\n")
    index, client = own.start()
    for name in ("remembered", "adopted"):
        assert client.page(name)["files"][0]["hashes"]["sha256"] == "f" * 64  # believed, not hashed


def test_a_record_that_grew_is_written_anew(tmp_path: Path) -> None:
    records, files = Records(), FolderStorage(tmp_path).files()
    metadata = FileMetadata(1, 2, "0" * 64, "2026-01-01T00:00:00.000000Z")
    newer = b'{"v":2,"filename":"a-1.0.tar.gz","sha512":"of a newer server"}'
    files.append(".pypi-publish/facts/grown.jsonl", newer + b"\n")
    for number in range(200):
        records.add(files, "grown", {"a-1.0.tar.gz": replace(metadata, size=number)})
    assert records.load(files, "grown") == {"a-1.0.tar.gz": replace(metadata, size=199)}
    lines = (tmp_path / ".pypi-publish/facts/grown.jsonl").read_bytes().splitlines()
    assert len(lines) == 2
    assert lines[0] == newer
    assert records.knows(files, "grown")
    assert not records.knows(files, "unknown")


def test_a_folder_that_can_not_be_written_is_served(own: OwnIndex, tmp_path: Path) -> None:
    root = tmp_path / "readonly"
    root.mkdir()
    make_wheel(root, "kept")
    (root / ".pypi-publish").write_text("a file where the records would go")
    _, client = own.start(roots=(root,))
    assert client.filenames("kept") == ["kept-1.0-py3-none-any.whl"]
    assert client.get("health").status_code == 503
    response = client.upload(make_wheel(tmp_path, "new"))
    assert (response.status_code, "can't write" in response.text) == (503, True)


def test_a_disk_that_is_gone_is_a_failure_and_never_an_empty_index(own: OwnIndex, tmp_path: Path) -> None:
    index, client = own.start("--fallback-url", "http://elsewhere.invalid/simple/")
    client.upload(make_wheel(tmp_path, "kept"))
    make_wheel(index.root, "copied")
    assert client.get("simple/").status_code == 200
    assert eventually((index.root / ".pypi-publish/facts/copied.jsonl").exists)  # its files are in memory now
    pages = "simple/", "simple/kept/", "simple/copied/", "", "projects/kept/", "packages/", "pypi/kept/json"
    for path in (*pages, "packages/kept-1.0-py3-none-any.whl"):
        assert client.get(path).status_code == 200
    away = index.root.rename(index.root.with_name("away"))
    for there in (False, True):  # not there, and there but empty
        if there:
            index.root.mkdir()
        assert eventually(lambda: client.get("health").status_code == 503)
        for path in pages:
            assert client.get(path).status_code == 503, path
        assert client.get("packages/kept-1.0-py3-none-any.whl").status_code == 503
        assert client.get("simple/unknown/").status_code == 503
        assert client.get("packages/unknown-1.0.tar.gz").status_code == 503
        assert client.upload(make_wheel(tmp_path, "late")).status_code == 503  # it would make another folder of it
        assert client.get("simple/kept/").status_code == 503
    index.root.rmdir()
    away.rename(index.root)
    assert eventually(lambda: client.get("health").status_code == 200)
    assert client.get("packages/kept-1.0-py3-none-any.whl").status_code == 200
    assert client.get("simple/unknown/").status_code == 302


def test_a_killed_server_leaves_no_half_file_and_no_rubbish(own: OwnIndex) -> None:
    index, client = own.start()
    wire = Post(form(wheel(members={"evil/data": os.urandom(2 * 2**20)}))).wire()
    parts = urlsplit(index.url)
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.sendall(wire[: len(wire) - 1000])
        assert eventually(lambda: any(index.root.rglob("upload-*")))
        index.kill()
    assert list(index.root.rglob("upload-*"))
    index, client = own.start()
    assert not list(index.root.rglob("upload-*"))
    assert client.get("simple/evil/").status_code == 404


def test_another_process_does_not_take_away_a_running_upload(own: OwnIndex) -> None:
    index, client = own.start()
    wire = Post(form(wheel(members={"evil/data": os.urandom(2 * 2**20)}))).wire()
    parts = urlsplit(index.url)
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.sendall(wire[: len(wire) - 1000])
        assert eventually(lambda: any(index.root.rglob("upload-*")))
        _, other = own.start()
        connection.sendall(wire[len(wire) - 1000 :])
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
    assert client.filenames("evil") == other.filenames("evil") == ["evil-1.0-py3-none-any.whl"]


def test_a_signal_lets_a_running_upload_finish(own: OwnIndex) -> None:
    index, _ = own.start()
    wire = Post(form(wheel(members={"evil/data": os.urandom(2**20)}))).wire()
    parts = urlsplit(index.url)
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.sendall(wire[: len(wire) - 1000])
        assert eventually(lambda: any(index.root.rglob("upload-*")))
        index.process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        connection.sendall(wire[len(wire) - 1000 :])
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
    assert index.process.wait(30) == 0
    assert (index.root / "evil-1.0-py3-none-any.whl").exists()


def test_a_client_that_stalls_is_let_go(tmp_path: Path) -> None:
    with serving(tmp_path, stalled_upload=0.3) as (url, root), socket.create_connection(url) as connection:
        connection.sendall(Post(form(wheel())).wire()[:600])
        assert connection.recv(100).startswith(b"HTTP/1.1 408")
        assert not list(root.rglob("upload-*"))


def large_upload(name: str) -> bytes:
    """Return an upload whose first part alone is enough to make a file."""
    return Post(form(wheel(name, members={"data": os.urandom(2**21)}), f"{name}-1.0-py3-none-any.whl")).wire()


def test_waiting_clients_do_not_delay_others(tmp_path: Path) -> None:
    with serving(tmp_path, parallel_uploads=1) as (url, root), socket.create_connection(url) as connection:
        connection.sendall(large_upload("waits")[: 3 * 2**19])
        assert eventually(lambda: any(root.rglob("upload-*")))
        with socket.create_connection(url) as other:
            other.sendall(Post(form(wheel("goes"), "goes-1.0-py3-none-any.whl")).wire())
            assert other.recv(100).startswith(b"HTTP/1.1 200")
        assert [path.name for path in root.glob("*.whl")] == ["goes-1.0-py3-none-any.whl"]


def test_uploads_that_have_begun_are_bounded(tmp_path: Path) -> None:
    with serving(tmp_path, open_uploads=1) as (url, root), socket.create_connection(url) as connection:
        wire = large_upload("waits")
        half = 3 * 2**19
        connection.sendall(wire[:half])
        assert eventually(lambda: any(root.rglob("upload-*")))
        with socket.create_connection(url) as other:
            other.sendall(Post(form(wheel("goes"), "goes-1.0-py3-none-any.whl")).wire())
            time.sleep(0.3)
            assert not (root / "goes-1.0-py3-none-any.whl").exists()
            connection.sendall(wire[half:])
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
            assert other.recv(100).startswith(b"HTTP/1.1 200")


def test_the_log_holds_no_secret(own: OwnIndex, tmp_path: Path) -> None:
    index, client = own.start("--log-format", "json")
    client.upload(make_wheel(tmp_path, "logged"))
    client.get("simple/logged/?token=s3cret")
    client.request("POST", "register", json={"username": "x", "password": "s3cret-password"})
    index.stop()
    text = index.log.read_text()
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert {"user": USER, "method": "POST", "path": "/", "status": 200}.items() <= lines[0].items()
    assert lines[0]["ms"] > 0
    assert PASSWORD not in text
    assert "s3cret" not in text


def test_unreadable_files_do_not_hide_the_others(own: OwnIndex) -> None:
    root = own.folder / "index/packages"
    root.mkdir(parents=True)
    make_wheel(root, "sound")
    (root / "itself").symlink_to(root)
    (root / "loop").symlink_to("loop")
    (root / "sound-2.0-py3-none-any.whl").symlink_to("sound-2.0-py3-none-any.whl")
    (root / "sound-3.0-py3-none-any.whl").symlink_to("nowhere")
    os.mkfifo(root / "sound-4.0-py3-none-any.whl")
    _, client = own.start()
    assert client.filenames("sound") == ["sound-1.0-py3-none-any.whl"]
    assert client.get("health").status_code == 200
    assert client.get("packages/sound-4.0-py3-none-any.whl").status_code in {404, 503}


def test_a_folder_that_is_forbidden_is_left_out_unless_it_was_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_wheel(tmp_path, "sound")
    forbidden = tmp_path / "lost+found"
    forbidden.mkdir()
    allowed = os.scandir

    def scandir(path: str) -> object:  # nothing is forbidden to root, as whom tests may run
        if path == str(forbidden):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return allowed(path)

    everything = read_folders([tmp_path], {})
    monkeypatch.setattr(os, "scandir", scandir)
    assert set(read_folders([tmp_path], {})) == {str(tmp_path)}
    with pytest.raises(FolderLostError):
        read_folders([tmp_path], everything)


def test_the_same_file_in_two_folders_is_listed_until_both_are_gone(own: OwnIndex, tmp_path: Path) -> None:
    first, second = tmp_path / "one", tmp_path / "one-more"  # one name begins with the other
    first.mkdir()
    second.mkdir()
    path = make_wheel(first, "twin")
    shutil.copy(path, second)
    make_wheel(second, "alone")
    _, client = own.start(roots=(first, second))
    assert client.filenames("twin") == [path.name]
    assert 'href="/packages/alone-1.0-py3-none-any.whl' in client.get("packages/").text
    path.unlink()
    assert client.filenames("twin") == [path.name]
    assert client.get(f"packages/{path.name}").status_code == 200
    (second / path.name).unlink()
    assert client.get("simple/twin/").status_code == 404
    for root in (first, second):
        make_wheel(root, "twin")
    assert client.request("DELETE", "projects/twin/1.0").status_code == 200
    assert not [*first.glob("twin*"), *second.glob("twin*")]
    assert client.get("simple/twin/").status_code == 404


def test_an_older_scan_does_not_undo_a_newer_one(tmp_path: Path) -> None:
    contents = FolderContents([tmp_path])
    older = read_folders([tmp_path], {})
    make_wheel(tmp_path, "sound")
    assert contents.apply(2, read_folders([tmp_path], {}))
    assert not contents.apply(1, older)
    assert set(contents.projects) == {"sound"}


def test_many_questions_after_the_health_at_once_are_all_answered_well(own: OwnIndex) -> None:
    _, client = own.start()
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: client.get("health").status_code, range(64)))
    assert set(answers) == {200}


def test_links_to_outside_are_served_and_one_that_loops_back_ends(own: OwnIndex, tmp_path: Path) -> None:
    root = own.folder / "index/packages"
    outside = tmp_path / "outside"
    root.mkdir(parents=True)
    outside.mkdir()
    make_wheel(root, "sound")
    target = make_wheel(outside, "shared")
    (outside / "back").symlink_to(root)
    (root / "elsewhere").symlink_to(outside)
    (root / "linked-1.0-py3-none-any.whl").symlink_to(target)
    _, client = own.start()
    assert client.filenames("sound") == ["sound-1.0-py3-none-any.whl"]
    assert client.filenames("shared") == [target.name]
    assert client.get(f"packages/elsewhere/{target.name}").content == target.read_bytes()
    assert client.get("packages/elsewhere/../../outside/secret").status_code == 404
    target.unlink()
    assert client.get("simple/shared/").status_code == 404
    assert client.filenames("sound") == ["sound-1.0-py3-none-any.whl"]
    assert client.get("health").status_code == 200


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO], ids=["forbidden", "damaged"])
def test_a_file_that_can_not_be_read_costs_only_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:

    def read(path: Path, filename: str, _checkpoint: object) -> FileMetadata:  # nothing is forbidden to root
        if filename.startswith("sound-2"):
            raise OSError(number, os.strerror(number), str(path))
        return read_metadata(path, filename)

    monkeypatch.setattr(loading, "read_metadata", read)
    with serving_app(tmp_path) as (url, _):
        client = Client(url, (USER, PASSWORD))
        for version in ("1.0", "2.0"):
            make_wheel(tmp_path / "packages", "sound", version)
        make_wheel(tmp_path / "packages", "other")
        assert client.filenames("sound") == ["sound-1.0-py3-none-any.whl"]
        assert client.filenames("other") == ["other-1.0-py3-none-any.whl"]
        assert {"sound", "other"} <= set(client.get("simple/").text.replace('"', "/").split("/"))
        assert client.get("health").status_code == 200
