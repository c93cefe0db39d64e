"""Routes of an index whose packages are in a bucket: those of a folder, and files from the store itself."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.helpers.bucket_index import new_index, serving_bucket
from tests.helpers.dists import make_sdist, make_wheel
from tests.helpers.http import Client
from tests.helpers.index import RunningIndex
from tests.helpers.object_store import ObjectStore
from tests.server.conftest import PASSWORD, USER
from tests.server.routes.test_files import (  # noqa: F401 - the same tests over another storage
    file,
    test_a_file_comes_whole,
    test_a_range_comes_alone,
)


@pytest.fixture(scope="module")
def bucket_index(shared_store: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningIndex]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in shared_store.environment.items():
            patch.setenv(name, value)
        url, _ = new_index(USER, PASSWORD)
        options = ("--no-signed-urls", "--max-size", "20")
        with serving_bucket(tmp_path_factory.mktemp("index"), url, *options) as index:
            yield index


@pytest.fixture
def client(bucket_index: RunningIndex) -> Client:
    return Client(bucket_index.url, (USER, PASSWORD))


def test_a_release_is_published_yanked_and_deleted(client: Client, tmp_path: Path) -> None:
    wheel, sdist = make_wheel(tmp_path, "cycle"), make_sdist(tmp_path, "cycle")
    for path in (wheel, sdist, wheel):  # the same bytes again are success
        assert client.upload(path).status_code == 200
    assert client.filenames("cycle") == sorted([wheel.name, sdist.name])
    (tmp_path / "other").mkdir()
    other = make_wheel(tmp_path / "other", "cycle", members={"cycle/other": b"x"})
    refused = client.upload(other)
    assert (refused.status_code, refused.text[:19]) == (409, "File already exists")
    assert client.request("PUT", "projects/cycle/1.0/yanked", json={"reason": "broken"}).status_code == 200
    assert [each["yanked"] for each in client.page("cycle")["files"]] == ["broken", "broken"]
    assert client.request("DELETE", f"projects/cycle/1.0/{sdist.name}").status_code == 200
    assert client.filenames("cycle") == [wheel.name]
    assert client.get(f"packages/{sdist.name}").status_code == 404
    assert client.upload(sdist).status_code == 409


def test_metadata_and_signature_lie_beside_a_wheel(client: Client, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "beside")
    fields = [(":action", "file_upload"), ("gpg_signature", "a signature")]
    assert client.upload(wheel, fields=fields).status_code == 200
    assert client.get(f"packages/{wheel.name}.metadata").content.startswith(b"Metadata-Version")
    assert client.get(f"packages/{wheel.name}.asc").content == b"a signature"
    assert client.get("packages/beside-2.0-py3-none-any.whl.metadata").status_code == 404
    sdist = make_sdist(tmp_path, "beside")
    assert client.upload(sdist).status_code == 200
    assert client.get(f"packages/{sdist.name}.metadata").status_code == 404
    assert client.get(f"packages/{sdist.name}.asc").status_code == 404


def test_lists_and_pages_for_people_show_the_bucket(client: Client, tmp_path: Path) -> None:
    assert client.upload(make_wheel(tmp_path, "shown")).status_code == 200
    assert "shown" in [each["name"] for each in client.get("simple/", {"Accept": _JSON}).json()["projects"]]
    assert "A project" in client.get("projects/shown/", {"Accept": "text/html"}).text


def test_pypiservers_own_routes_answer(client: Client, tmp_path: Path) -> None:
    assert client.upload(make_wheel(tmp_path, "legacy")).status_code == 200
    assert client.get("legacy/json").json()["info"]["version"] == "1.0"
    assert "legacy-1.0-py3-none-any.whl" in client.get("packages/").text
    call = (
        "<methodCall><methodName>search</methodName><params><param><value><struct><member><name>name</name>"
        "<value><string>legacy</string></value></member></struct></value></param></params></methodCall>"
    )
    assert "legacy" in client.request("POST", "RPC2", data=call, headers={"Content-Type": "text/xml"}).text


def test_a_large_file_is_fetched_from_the_store_by_a_url_that_stays(object_store: ObjectStore, tmp_path: Path) -> None:
    url, _ = new_index(USER, PASSWORD)
    wheel = make_wheel(tmp_path, "large", members={"large/data": random.Random(1).randbytes(1_500_000)})
    small = make_wheel(tmp_path, "small")
    with serving_bucket(tmp_path / "index", url) as index:
        client = Client(index.url, (USER, PASSWORD))
        for path in (wheel, small):
            assert client.upload(path).status_code == 200
        found = [client.get(f"packages/{wheel.name}") for _ in range(3)]
        assert {each.status_code for each in found} == {302}
        location = found[0].headers["Location"]
        assert {each.headers["Location"] for each in found} == {location}
        assert location.startswith(object_store.endpoint)
        answer = requests.get(location, timeout=30)
        assert answer.content == wheel.read_bytes()
        assert "immutable" in answer.headers["Cache-Control"]
        assert client.get(f"packages/{small.name}").content == small.read_bytes()
        head = client.request("HEAD", f"packages/{wheel.name}")
        assert (head.status_code, head.headers["Content-Length"]) == (200, str(wheel.stat().st_size))


_JSON = "application/vnd.pypi.simple.v1+json"
