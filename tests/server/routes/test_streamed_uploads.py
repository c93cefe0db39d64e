"""Large uploads to a bucket: their parts are in the store before the last byte has come, and nothing else stays."""

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit
from zipfile import ZipFile

import pytest
import requests

from publisher.server.storage.bucket.objects import Objects
from tests.helpers.bucket_index import new_index, serving_bucket
from tests.helpers.dists import make_wheel
from tests.helpers.faulty_store import FaultyStore, faulty_way
from tests.helpers.http import Client, sha256
from tests.helpers.index import RunningIndex
from tests.helpers.object_store import ObjectStore
from tests.server.conftest import PASSWORD, USER

BEGUN, FIRST, SECOND, REMOVED, COMPLETE = (
    "POST .uploads=",
    "partNumber=1&",
    "partNumber=2&",
    "DELETE .uploadId=",
    "POST .uploadId=",
)


DATA = os.urandom(18_000_000)


@dataclass
class Bucket:
    """An index in a bucket, and the way to the store on which its requests are seen."""

    url: str
    index: RunningIndex
    objects: Objects
    way: FaultyStore
    client: Client

    def has_seen(self, sign: str) -> bool:
        method, _, part = sign.rpartition(" .")
        return any(part in each and each.startswith(method) for each in self.way.asked)

    def wait_for(self, *signs: str) -> None:
        deadline = time.monotonic() + 30
        while not all(map(self.has_seen, signs)):
            assert time.monotonic() < deadline, (signs, self.way.asked)
            time.sleep(0.01)

    @property
    def files(self) -> list[str]:
        return [key for key, _ in self.objects.walk("files")]


@pytest.fixture(scope="module")
def served(shared_store: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        for name, value in shared_store.environment.items():
            patch.setenv(name, value)
        url, objects = new_index(USER, PASSWORD)
        way = stack.enter_context(faulty_way(shared_store.endpoint))
        patch.setenv("AWS_ENDPOINT_URL", way.url)
        index = stack.enter_context(serving_bucket(tmp_path_factory.mktemp("index"), url, "--no-signed-urls"))
        yield Bucket(url, index, objects, way, Client(index.url, (USER, PASSWORD)))


@pytest.fixture
def bucket(served: Bucket) -> Iterator[Bucket]:
    served.way.asked.clear()
    yield served
    served.way.refuse_path = ""


@pytest.fixture
def wheel(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Return a wheel of two parts and a bit, under a name that was never published."""
    path = make_wheel(tmp_path, re.sub(r"\W+", "_", request.node.name).strip("_"))
    with ZipFile(path, "a") as archive:
        archive.writestr("data", DATA)
    return path


class HalfUpload:
    """An upload whose last bytes were not sent yet."""

    def __init__(self, index_url: str, wheel: Path, auth: tuple[str, str], fields: Mapping[str, str]) -> None:
        form = {":action": "file_upload", "sha256_digest": sha256(wheel), **fields}
        content = {"content": (wheel.name, wheel.read_bytes(), "application/octet-stream")}
        request = requests.Request("POST", index_url, data=form, files=content)
        prepared = Client(index_url, auth).prepare(request)
        self.connection = HTTPConnection(urlsplit(index_url).netloc, timeout=30)
        self.connection.putrequest("POST", "/")
        for name, value in prepared.headers.items():
            self.connection.putheader(name, value)
        self.connection.endheaders()
        assert isinstance(prepared.body, bytes)
        self.rest = prepared.body[-100_000:]
        self.connection.send(prepared.body[:-100_000])

    def finish(self) -> tuple[int, str]:
        self.connection.send(self.rest)
        answer = self.connection.getresponse()
        return answer.status, answer.read().decode()

    def break_off(self) -> None:
        self.connection.close()


@contextmanager
def _half_sent(
    bucket: Bucket,
    wheel: Path,
    *,
    auth: tuple[str, str] = (USER, PASSWORD),
    to: str = "",
    fields: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[HalfUpload]:
    """Send most of an upload, and wait until its first parts are in the store."""
    upload = HalfUpload(to or bucket.index.url, wheel, auth, fields)
    try:
        bucket.wait_for(FIRST, SECOND)
        yield upload
    finally:
        upload.break_off()


def test_parts_are_in_the_store_before_the_last_byte_has_come(bucket: Bucket, wheel: Path) -> None:
    before = bucket.files
    with _half_sent(bucket, wheel) as upload:
        assert bucket.files == before
        assert bucket.client.get(f"simple/{_project(wheel)}/").status_code == 404
        assert upload.finish() == (200, "")
    assert bucket.client.get(f"packages/{wheel.name}").content == wheel.read_bytes()
    new = sorted(key.rpartition("/")[2] for key in set(bucket.files) - set(before))
    assert new == [wheel.name, f"{wheel.name}.metadata"]
    assert sum("uploads=" in each for each in bucket.way.asked) == 1
    bucket.way.asked.clear()
    assert bucket.client.upload(wheel).status_code == 200  # the same bytes again
    assert not bucket.has_seen(BEGUN)


def _project(wheel: Path) -> str:
    return wheel.name.partition("-")[0].replace("_", "-")


def _refused(upload: HalfUpload) -> None:
    assert upload.finish()[0] == 400


@pytest.mark.parametrize(
    ("fields", "end"),
    [
        ({"sha256_digest": "0" * 64}, _refused),
        pytest.param({"name": "another"}, _refused, marks=pytest.mark.wide),
        pytest.param({}, HalfUpload.break_off, marks=pytest.mark.wide),
    ],
    ids=["digest", "name", "broken"],
)
def test_an_upload_that_ends_otherwise_leaves_nothing(
    bucket: Bucket, wheel: Path, fields: dict[str, str], end: Callable[[HalfUpload], None]
) -> None:
    before = bucket.files
    with _half_sent(bucket, wheel, fields=fields) as upload:
        end(upload)
        bucket.wait_for(REMOVED)
    assert not bucket.has_seen(COMPLETE)
    assert bucket.files == before
    assert bucket.client.get(f"simple/{_project(wheel)}/").status_code == 404


@pytest.mark.wide
def test_an_upload_whose_sender_loses_the_right_meanwhile_leaves_nothing(bucket: Bucket, wheel: Path) -> None:
    token = {"name": "ci", "rights": ["create", "publish"], "projects": [_project(wheel)]}
    made = bucket.client.request("POST", "-/tokens", json=token)
    assert made.status_code == 201, made.text
    before = bucket.files
    with _half_sent(bucket, wheel, auth=("__token__", made.json()["token"])) as upload:
        bucket.client.request("DELETE", "-/tokens/ci").raise_for_status()
        assert upload.finish()[0] in {401, 403}
        bucket.wait_for(REMOVED)
    assert bucket.files == before


@pytest.mark.wide
def test_parts_that_the_store_refuses_are_sent_again_with_the_whole_file(bucket: Bucket, wheel: Path) -> None:
    bucket.way.refuse_path = SECOND
    with _half_sent(bucket, wheel) as upload:
        while not bucket.way.refused:
            time.sleep(0.01)
        bucket.way.refuse_path = ""
        assert upload.finish() == (200, "")
    assert bucket.has_seen(REMOVED)
    assert bucket.client.get(f"packages/{wheel.name}").content == wheel.read_bytes()


@pytest.mark.wide
def test_an_upload_whose_process_is_killed_is_in_no_listing(bucket: Bucket, wheel: Path, tmp_path: Path) -> None:
    before = bucket.files
    with serving_bucket(tmp_path, bucket.url) as index, _half_sent(bucket, wheel, to=index.url):
        index.kill()
    assert bucket.files == before
    assert bucket.client.upload(wheel).status_code == 200
