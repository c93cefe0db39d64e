"""Uploading: what is taken, what is refused, and what happens to names that are there already."""

import errno
import hashlib
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from publisher.server.storage import groupsync
from tests.helpers.dists import make_sdist, make_wheel, metadata
from tests.helpers.http import Client, sha256
from tests.helpers.index import RunningIndex
from tests.helpers.inside import serving, serving_app
from tests.server.conftest import OwnIndex
from tests.storage.worlds import Containers

pytestmark = pytest.mark.essential


@pytest.mark.parametrize("to", ["", "legacy/"])
def test_an_upload_is_listed_at_once(client: Client, tmp_path: Path, to: str) -> None:
    wheel = make_wheel(tmp_path, f"at_{to.strip('/') or 'root'}")
    response = client.upload(wheel, to=to)
    assert (response.status_code, response.content) == (200, b"")
    name = wheel.name.partition("-")[0].replace("_", "-")
    assert client.filenames(name) == [wheel.name]


def test_attestations_are_accepted_and_ignored(client: Client, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "attested")
    statement = '[{"version": 1, "verification_material": {}, "envelope": {"statement": "e30=", "signature": "x"}}]'
    fields = [(":action", "file_upload"), ("sha256_digest", sha256(wheel)), ("attestations", statement)]
    assert client.upload(wheel, fields=fields).status_code == 200
    (listed,) = client.page("attested")["files"]
    assert listed["hashes"] == {"sha256": sha256(wheel)}
    assert not listed.get("provenance")


def test_the_slashless_legacy_url_is_redirected_with_its_method(client: Client) -> None:
    response = client.request("POST", "legacy")
    assert (response.status_code, response.headers["Location"]) == (308, f"{client.url}legacy/")


def test_the_same_bytes_again_are_success_and_other_bytes_are_refused(client: Client, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "twice")
    assert [client.upload(wheel).status_code for _ in range(3)] == [200, 200, 200]
    before = client.page("twice")
    changed = make_wheel(tmp_path, "twice", members={"twice/more.py": b""})
    response = client.upload(changed)
    assert response.status_code == 409
    assert response.text.startswith("File already exists")
    assert client.page("twice") == before


def test_overwrite_lets_other_bytes_in(own: OwnIndex, tmp_path: Path) -> None:
    _, client = own.start("--overwrite")
    client.upload(make_wheel(tmp_path, "replaced"))
    changed = make_wheel(tmp_path, "replaced", members={"replaced/more.py": b""})
    assert client.upload(changed).status_code == 200
    assert client.page("replaced")["files"][0]["hashes"]["sha256"] == sha256(changed)


def test_every_digest_that_is_given_is_verified_wherever_it_stands(client: Client, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "digested")
    data = wheel.read_bytes()
    digests = {
        "sha256_digest": hashlib.sha256(data).hexdigest().upper(),
        "blake2_256_digest": hashlib.blake2b(data, digest_size=32).hexdigest(),
        "md5_digest": hashlib.md5(data).hexdigest(),
    }
    for field, digest in digests.items():
        wrong = {**digests, field: "0" * len(digest)}
        response = client.upload(wheel, fields=[(":action", "file_upload"), *wrong.items()])
        assert response.status_code == 400
        assert field in response.text
    assert client.get("simple/digested/").status_code == 404
    after = [("content", (wheel.name, data)), *((name, (None, value)) for name, value in digests.items())]
    files = [(":action", (None, "file_upload")), *after]
    assert client.request("POST", "", files=files).status_code == 200


def test_refusals_are_json_for_those_who_read_json(client: Client, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "negotiated")
    wrong = [(":action", "file_upload"), ("sha256_digest", "0" * 64)]
    uv = "application/json;q=0.9, text/plain;q=0.8, text/html;q=0.7"
    response = client.upload(wheel, fields=wrong, headers={"Accept": uv})
    assert response.headers["Content-Type"] == "application/json"
    assert response.json()["code"].startswith("400 The digest supplied does not match")
    assert client.upload(wheel, fields=wrong).headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("action", "status"),
    [("submit_pkg_info", 410), ("doc_upload", 410), ("frobnicate", 400)],
)
def test_other_actions_are_refused_with_a_reason(client: Client, action: str, status: int) -> None:
    response = client.request("POST", "", files={":action": (None, action)})
    assert response.status_code == status
    assert action in response.text


def test_a_file_over_the_limit_is_refused(client: Client, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "heavy")
    with wheel.open("ab") as file:
        file.write(bytes(3 * 2**20))
    response = client.upload(wheel)
    assert response.status_code == 413
    assert "3145728 bytes" in response.text
    assert client.get("simple/heavy/").status_code == 404


def test_name_and_version_are_compared_normalized(client: Client, tmp_path: Path) -> None:
    sdist = make_sdist(tmp_path, "Some.Name", "1.0")
    form = [(":action", "file_upload"), ("name", "some_name"), ("version", "1.0.0"), ("filetype", "sdist")]
    assert client.upload(sdist, fields=form).status_code == 200
    for field, value in (("name", "other"), ("version", "2.0"), ("filetype", "bdist_wheel"), ("protocol_version", "2")):
        response = client.upload(sdist, fields=[*(pair for pair in form if pair[0] != field), (field, value)])
        assert response.status_code == 400


def test_open_activities_need_no_right_to_read(own: OwnIndex, tmp_path: Path) -> None:
    index, client = own.start("--authenticate", "update")
    client.upload(make_wheel(tmp_path, "open_to_all"))
    stranger = Client(index.url, None)
    assert stranger.get("packages/open_to_all-1.0-py3-none-any.whl").status_code == 200
    assert stranger.filenames("open-to-all") == ["open_to_all-1.0-py3-none-any.whl"]
    assert stranger.upload(make_wheel(tmp_path, "by_stranger")).status_code == 401


@pytest.mark.parametrize("call", ["write", "fsync", "link", "sync_directory"])
@pytest.mark.parametrize(("number", "status"), [(errno.ENOSPC, 507), (errno.EDQUOT, 507), (errno.EIO, 503)])
def test_a_full_or_broken_disk_refuses_and_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, status: int
) -> None:
    module = groupsync if call == "sync_directory" else os
    allowed = getattr(module, call)
    broken = threading.Event()

    def refuse(*arguments: Any, **options: Any) -> Any:
        if broken.is_set() and threading.current_thread().name.startswith("nearby"):
            raise OSError(number, os.strerror(number))
        return allowed(*arguments, **options)

    monkeypatch.setattr(module, call, refuse)
    path = make_wheel(tmp_path, "full")
    with serving(tmp_path) as ((host, port), root):
        client = Client(f"http://{host}:{port}/", ("ada", "correct horse"))
        broken.set()
        refused = client.upload(path)
        assert (refused.status_code, "nothing was stored" in refused.text) == (status, True)
        assert not list(root.rglob("*.whl")) + list(root.rglob("upload-*"))
        assert client.get("simple/full/").status_code == 404
        broken.clear()
        assert client.upload(path).status_code == 200
        assert client.filenames("full") == [path.name]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_failed_commit_is_reported_and_loses_nothing(tmp_path: Path, *, overwrite: bool) -> None:
    containers = Containers(tmp_path)
    storage = containers.writer()
    mount = containers.mounts[storage]
    settings = {"packages_storage": storage, "overwrite": overwrite, "roots": (mount.folder,)}
    with serving(tmp_path, settings) as ((host, port), _):
        client = Client(f"http://{host}:{port}/", ("ada", "correct horse"))
        assert client.upload(make_wheel(tmp_path, "kept")).status_code == 200
        mount.trouble.failing_commits = 10**6
        again = make_wheel(tmp_path, "kept", "1.0" if overwrite else "1.1", members={"kept/more": b""})
        refused = client.upload(again)
        assert (refused.status_code, "durable" in refused.text) == (503, True)
        assert client.filenames("kept") == ["kept-1.0-py3-none-any.whl"]
        mount.trouble.failing_commits = 0
        assert client.upload(again).status_code == 200
        assert (containers.volume.store / again.name).read_bytes() == again.read_bytes()
        assert client.get(f"packages/{again.name}").content == again.read_bytes()
        assert again.name in client.filenames("kept")


def test_an_upload_does_not_read_the_whole_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    scandir = os.scandir

    def counted(path: str) -> Any:
        read.append(path)
        return scandir(path)

    with serving(tmp_path) as ((host, port), root):
        client = Client(f"http://{host}:{port}/", ("ada", "correct horse"))
        make_wheel(root, "older")
        assert client.filenames("older")
        monkeypatch.setattr(os, "scandir", counted)
        for version in ("1.0", "2.0"):
            for name in ("newer", "older", "newest"):
                expected = 409 if (name, version) == ("older", "1.0") else 200
                wheel = make_wheel(tmp_path, name, version, members={f"{name}/changed.py": b""})
                assert client.upload(wheel).status_code == expected
        assert len(read) <= 1  # for the one that is there
        monkeypatch.undo()
        assert client.filenames("newer") == ["newer-1.0-py3-none-any.whl", "newer-2.0-py3-none-any.whl"]


def test_a_file_that_was_put_there_this_moment_is_not_replaced(own: OwnIndex, tmp_path: Path) -> None:
    index, client = own.start()
    (index.root / "below").mkdir()
    assert client.upload(make_wheel(tmp_path, "widgets", "1.0")).status_code == 200
    make_wheel(index.root / "below", "widgets", "2.0")
    wheel = make_wheel(tmp_path, "widgets", "2.0", members={"widgets/changed.py": b""})
    assert client.upload(wheel).status_code == 409
    assert client.filenames("widgets") == ["widgets-1.0-py3-none-any.whl", "widgets-2.0-py3-none-any.whl"]


@pytest.mark.parametrize("action", ["submit", "verify"])
def test_register_and_verify_of_old_tools_succeed(client: Client, action: str) -> None:
    for options in ({"files": {":action": (None, action)}}, {"data": {":action": action}}):
        assert client.request("POST", "", **options).status_code == 200


def test_releases_are_removed_by_any_kind_of_form(client: Client, tmp_path: Path) -> None:
    for name, kind in (("by_parts", "files"), ("by_line", "data")):
        client.upload(make_wheel(tmp_path, name))
        fields = {":action": "remove_pkg", "name": name, "version": "1.0"}
        form = {key: (None, value) for key, value in fields.items()} if kind == "files" else fields
        assert client.request("POST", "", **{kind: form}).status_code == 200
        assert client.get(f"simple/{name.replace('_', '-')}/").status_code == 404
    upload = client.request("POST", "", data={":action": "file_upload"})
    assert (upload.status_code, "multipart" in upload.text) == (400, True)


def test_a_signature_is_stored_beside_its_file(client: Client, shared_index: RunningIndex, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "countersigned")
    signature = "-----BEGIN PGP SIGNATURE-----\nx\n"
    fields = [(":action", "file_upload"), ("gpg_signature", signature)]
    assert client.upload(wheel, fields=fields).status_code == 200
    assert (shared_index.root / f"{wheel.name}.asc").read_text() == signature
    assert client.get(f"packages/{wheel.name}.asc").text == signature
    assert client.filenames("countersigned") == [wheel.name]
    client.request("DELETE", "projects/countersigned/1.0")
    assert client.get(f"packages/{wheel.name}.asc").status_code == 404
    large = [(":action", "file_upload"), ("gpg_signature", "x" * 100_000)]
    assert client.upload(make_wheel(tmp_path, "oversigned"), fields=large).status_code == 413


@pytest.mark.parametrize(
    "field",
    [
        "Requires-Python: UNKNOWN",
        "Requires-Python: garbage",
        "Requires-Dist: not a requirement!",
        "Requires-Dist: a >=",
        "Requires-Python: ===\u202e3",
        "Requires-Dist: a===\u202e3",
    ],
)
def test_requirements_that_installers_can_not_read_are_refused(client: Client, tmp_path: Path, field: str) -> None:
    refused = client.upload(make_wheel(tmp_path, "unread", metadata_bytes=metadata("unread", "1.0", f"{field}\n")))
    assert refused.status_code == 400
    assert field.partition(":")[0] in refused.text


@pytest.mark.parametrize("written", [">=3.8,\n  <4", "'>=3.8, <4'", " >=3.8,  <4 "])
def test_requirements_are_one_line_without_quotes(client: Client, tmp_path: Path, written: str) -> None:
    name = f"folded{abs(hash(written))}"
    data = metadata(name, "1.0", f"Requires-Python: {written}\n")
    assert client.upload(make_wheel(tmp_path, name, metadata_bytes=data)).status_code == 200
    assert client.page(name)["files"][0]["requires-python"].replace(" ", "") == ">=3.8,<4"


@pytest.mark.parametrize(
    "filename",
    [
        "acme-1.0-py3-<img src=x>-any.whl",
        "acme-1.0-py3-none-any\u202e.whl",
        "\u212aeras-1.0-py3-none-any.whl",
        "acme-1.0-{{7*7}}-none-any.whl",
        "acme-1.0-py3-none-a b.whl",
        "acme-1.0-py3-none-a#b?c.whl",
    ],
)
def test_names_with_other_characters_are_refused(client: Client, tmp_path: Path, filename: str) -> None:
    wheel = make_wheel(tmp_path, "acme")
    assert client.upload(wheel, filename=filename).status_code == 400


def test_old_formats_are_accepted_only_where_the_operator_says_so(own: OwnIndex, tmp_path: Path) -> None:
    _, strict = own.start(name="strict")
    _, kind = own.start("--accept-legacy", name="kind")
    names = ["old-1.0-py2.7.egg", "old-1.1.tar.bz2", "old-1.2.tgz", "old-1.3.win32-py2.7.exe", "old-final.tar.gz"]
    for name in names:
        path = tmp_path / name
        path.write_bytes(b"whatever it is")
        assert strict.upload(path).status_code == 400, name
        assert kind.upload(path).status_code == (400 if name == "old-final.tar.gz" else 200), name
    assert len(kind.filenames("old")) == 4
    assert kind.upload(make_wheel(tmp_path, "modern")).status_code == 200
    path = tmp_path / "../evil-1.0.egg"
    assert kind.upload(tmp_path / names[0], filename="../evil-1.0.egg").status_code == 400


def test_who_publishes_a_project_may_not_remove_its_releases(tmp_path: Path) -> None:
    (tmp_path / "access.toml").write_text('[users.ada]\n"kept" = "publisher"\n"managed" = "maintainer"\n')
    with serving_app(tmp_path) as (url, _):
        for name, status in (("kept", 403), ("managed", 200)):
            wheel = make_wheel(tmp_path / "packages", name)
            client = Client(url, ("ada", "correct horse"))
            fields = {":action": (None, "remove_pkg"), "name": (None, name), "version": (None, "1.0")}
            assert client.filenames(name) == [wheel.name]
            assert client.request("POST", "", files=fields).status_code == status
            assert wheel.exists() is (status == 403)
