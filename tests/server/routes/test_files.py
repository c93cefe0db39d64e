"""Files: whole, in ranges, cached, and never anything that is not listed."""

import base64
import random
import zipfile
from pathlib import Path

import pytest

from tests.helpers.dists import make_sdist, make_wheel
from tests.helpers.http import Client, raw_request
from tests.helpers.index import RunningIndex
from tests.server.conftest import OwnIndex


@pytest.fixture(params=[100, 2 * 2**20], ids=["small", "large"])
def file(request: pytest.FixtureRequest, client: Client, tmp_path: Path) -> Path:
    """Publish a file that is sent from memory, or one that is sent in pieces."""
    name = f"sized{request.param}"
    path = make_wheel(tmp_path, name, members={f"{name}/data": random.Random(1).randbytes(request.param)})
    assert client.upload(path).status_code == 200
    return path


def test_a_file_comes_whole(client: Client, file: Path) -> None:
    response = client.get(f"packages/{file.name}")
    assert response.content == file.read_bytes()
    assert response.headers["Content-Type"] == "application/zip"
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["Cache-Control"] == "private, max-age=365000000, immutable"
    etag = response.headers["ETag"]
    assert client.get(f"packages/{file.name}", {"If-None-Match": etag}).status_code == 304


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [("bytes=0-0", 0, 1), ("bytes=10-19", 10, 20), ("bytes=50-", 50, None), ("bytes=-7", -7, None)],
)
def test_a_range_comes_alone(client: Client, file: Path, header: str, first: int, last: int | None) -> None:
    whole = file.read_bytes()
    response = client.get(f"packages/{file.name}", {"Range": header})
    assert response.status_code == 206
    assert response.content == whole[first:last]
    begin = first % len(whole)
    assert response.headers["Content-Range"] == f"bytes {begin}-{begin + len(response.content) - 1}/{len(whole)}"


def test_ranges_that_can_not_be_are_refused_or_ignored(client: Client, file: Path) -> None:
    size = file.stat().st_size
    beyond = client.get(f"packages/{file.name}", {"Range": f"bytes={size}-"})
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{size}")
    for header in ("bytes=5-2", "bytes=", "bytes=-", "lines=1-2", "bytes=0-1,4-5", "nonsense"):
        assert client.get(f"packages/{file.name}", {"Range": header}).status_code == 200


def test_a_range_of_an_older_file_gets_the_whole(client: Client, file: Path) -> None:
    path = f"packages/{file.name}"
    etag = client.get(path).headers["ETag"]
    assert client.get(path, {"Range": "bytes=0-9", "If-Range": etag}).status_code == 206
    assert client.get(path, {"Range": "bytes=0-9", "If-Range": '"older"'}).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "packages/../htpasswd",
        "packages/%2e%2e/htpasswd",
        "packages/..%2fhtpasswd",
        "packages//etc/passwd",
        "packages/%2fetc%2fpasswd",
        "packages/.pypi-publish/facts/guarded.jsonl",
        "packages/%00",
        "packages/a%0ab-1.0.tar.gz",
        "simple/../htpasswd",
        "packages/" + "a" * 5000,
    ],
)
def test_no_path_leads_out_of_the_listed_files(shared_index: RunningIndex, client: Client, path: str) -> None:

    token = base64.b64encode(b"ada:correct horse").decode()
    head = f"GET /{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {token}\r\nConnection: close\r\n\r\n"
    answer = raw_request(shared_index.url, head.encode())
    assert answer.split()[1] in {b"404", b"301", b"302", b"303", b"400"}, answer[:200]
    assert b"apr1" not in answer
    assert client.get("health").status_code == 200


def test_a_signature_beside_a_file_is_served_and_not_listed(
    shared_index: RunningIndex, client: Client, tmp_path: Path
) -> None:
    sdist = make_sdist(tmp_path, "signed")
    client.upload(sdist)
    (shared_index.root / f"{sdist.name}.asc").write_text("a signature")
    assert client.get(f"packages/{sdist.name}.asc").text == "a signature"
    assert client.filenames("signed") == [sdist.name]


def test_ranges_beyond_the_file_do_not_fail(client: Client, file: Path) -> None:
    for header in ("bytes=" + "9" * 5000 + "-", "bytes=-" + "9" * 5000, "bytes=0-" + "9" * 5000):
        assert client.get(f"packages/{file.name}", {"Range": header}).status_code == 200


def test_a_wheel_with_damaged_metadata_is_served_without_it(own: OwnIndex) -> None:
    index, client = own.start()
    path = make_wheel(index.root, "damaged")
    with zipfile.ZipFile(path) as archive:
        where = (
            archive.getinfo("damaged-1.0.dist-info/METADATA").header_offset + 30 + len("damaged-1.0.dist-info/METADATA")
        )
    data = bytearray(path.read_bytes())
    data[where : where + 20] = b"\xff" * 20
    path.write_bytes(data)
    assert "core-metadata" not in client.page("damaged")["files"][0]
    assert client.get(f"packages/{path.name}").content == data
    assert client.get(f"packages/{path.name}.metadata").status_code == 404
