"""The simple API as installers read it."""

import gzip
import hashlib
import zipfile
from pathlib import Path

import pytest

from publisher.server.http.negotiation import GZIP_ACCEPTED
from publisher.server.routes.page_memory import PAGE_TYPES
from tests.helpers.dists import make_sdist, make_wheel, metadata
from tests.helpers.http import HTML, JSON, Client, sha256
from tests.server.conftest import OwnIndex

pytestmark = pytest.mark.essential

PIP = f"{JSON}, {HTML}; q=0.1, text/html; q=0.01"
UV = f"{JSON}, {HTML};q=0.2, text/html;q=0.01"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (PIP, JSON),
        (UV, JSON),
        (f"{JSON}, */*;q=0.1", JSON),
        ("*/*", "text/html"),
        ("", "text/html"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html"),
        (HTML, HTML),
        ("application/vnd.pypi.simple.latest+json", JSON),
        ("application/*", HTML),
        ("image/png", "text/html"),
        ("text/html;q=0.5, application/vnd.pypi.simple.v1+json;q=0.5", "text/html"),
        (f"{JSON};q=nonsense", "text/html"),
        (f"{JSON};q=0, text/html;q=0.1", "text/html"),
    ],
)
def test_content_negotiation_is_that_of_pypi(accept: str, expected: str) -> None:
    assert PAGE_TYPES[accept.encode()] == expected


def test_the_json_page_has_the_keys_that_installers_read(client: Client, tmp_path: Path) -> None:
    data = metadata("paged", "1.0", "Requires-Python: >=3.11\n")
    wheel, sdist = (
        make_wheel(tmp_path, "paged", metadata_bytes=data),
        make_sdist(tmp_path, "paged", metadata_bytes=data),
    )
    assert [client.upload(path).status_code for path in (wheel, sdist)] == [200, 200]

    response = client.get("simple/paged/", {"Accept": JSON})

    assert response.headers["Content-Type"] == JSON
    page = response.json()
    assert page["meta"] == {"api-version": "1.4"}
    assert (page["name"], page["versions"]) == ("paged", ["1.0"])
    by_name = {file["filename"]: file for file in page["files"]}
    file = by_name[wheel.name]
    assert file["url"].rpartition("/")[2] == wheel.name
    assert file["hashes"] == {"sha256": sha256(wheel)}
    assert file["size"] == wheel.stat().st_size
    assert file["requires-python"] == ">=3.11"
    assert file["yanked"] is False
    assert file["upload-time"].endswith("Z")
    assert file["core-metadata"] == {"sha256": hashlib.sha256(data).hexdigest()}
    assert file["data-dist-info-metadata"] == file["core-metadata"]
    assert "dist-info-metadata" not in file  # pip 22.3 to 23.1.2 fail on an object there
    assert "core-metadata" not in by_name[sdist.name]
    assert None not in file.values()


def test_the_html_page_agrees_with_the_json_page(client: Client, tmp_path: Path) -> None:
    data = metadata("anchored", "1.0", "Requires-Python: >=3.11, <4\n")
    wheel = make_wheel(tmp_path, "anchored", metadata_bytes=data)
    client.upload(wheel)
    response = client.get("simple/anchored/", {"Accept": "text/html"})
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    digest = hashlib.sha256(data).hexdigest()
    assert f'/packages/{wheel.name}#sha256={sha256(wheel)}"' in response.text
    assert 'data-requires-python="&gt;=3.11, &lt;4"' in response.text
    assert f'data-core-metadata="sha256={digest}"' in response.text
    assert f'data-dist-info-metadata="sha256={digest}"' in response.text
    assert '<meta name="pypi:repository-version" content="1.4">' in response.text


def test_the_list_of_projects(client: Client, tmp_path: Path) -> None:
    client.upload(make_wheel(tmp_path, "Listed_Project"))
    assert {"name": "listed-project"} in client.get("simple/", {"Accept": JSON}).json()["projects"]
    assert '<a href="listed-project/">listed-project</a>' in client.get("simple/").text


def test_metadata_is_served_byte_for_byte(client: Client, tmp_path: Path) -> None:
    data = metadata("verbatim", "1.0", description="# Ünïcode\r\nwith odd line ends\n")
    wheel = make_wheel(tmp_path, "verbatim", metadata_bytes=data)
    client.upload(wheel)
    url = client.page("verbatim")["files"][0]["url"].lstrip("/")
    response = client.get(f"{url}.metadata")
    assert response.content == data == zipfile.ZipFile(wheel).read("verbatim-1.0.dist-info/METADATA")
    assert "immutable" in response.headers["Cache-Control"]
    assert client.get("packages/no-such-1.0-py3-none-any.whl.metadata").status_code == 404


def test_pages_are_revalidated_and_zipped(client: Client, tmp_path: Path) -> None:
    for number in range(12):
        client.upload(make_wheel(tmp_path, "cached", f"1.{number}"))
    plain = client.get("simple/cached/", {"Accept": JSON})
    assert plain.headers["Cache-Control"] == "private, max-age=0, must-revalidate"
    assert "Accept" in plain.headers["Vary"]
    zipped = client.get("simple/cached/", {"Accept": JSON, "Accept-Encoding": "gzip"}, stream=True)
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(zipped.raw.read(decode_content=False)) == plain.content
    assert plain.headers["ETag"] != zipped.headers["ETag"]
    for etag in (plain.headers["ETag"], zipped.headers["ETag"]):
        again = client.get("simple/cached/", {"Accept": JSON, "If-None-Match": etag})
        assert (again.status_code, again.content) == (304, b"")
    html = client.get("simple/cached/", {"Accept": HTML, "If-None-Match": plain.headers["ETag"]})
    assert html.status_code == 200
    client.upload(make_wheel(tmp_path, "cached", "2.0"))
    assert client.get("simple/cached/", {"Accept": JSON, "If-None-Match": plain.headers["ETag"]}).status_code == 200


def test_nothing_is_answered_from_a_cache_without_authentication(client: Client, tmp_path: Path) -> None:
    client.upload(make_wheel(tmp_path, "guarded"))
    etag = client.get("simple/guarded/").headers["ETag"]
    stranger = Client(client.url, None)
    for path in ("simple/guarded/", "simple/", "packages/guarded-1.0-py3-none-any.whl", "simple/no-such-project/"):
        response = stranger.get(path, {"If-None-Match": etag})
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("simple", "simple/"),
        ("simple/Some_Project/", "simple/some-project/"),
        ("simple/some.project", "simple/some-project/"),
        ("simple/some-project", "simple/some-project/"),
        ("+simple/Some.Project/", "simple/some-project/"),
    ],
)
def test_other_spellings_are_redirected_to_the_one_url(client: Client, path: str, target: str) -> None:
    response = client.get(path)
    assert (response.status_code, response.headers["Location"]) == (301, client.url + target)


def test_redirects_are_absolute_as_a_proxy_shows_the_index(client: Client) -> None:
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "pypi.acme.example", "X-Forwarded-Prefix": "/team"}
    assert client.get("simple", headers).headers["Location"] == "https://pypi.acme.example/team/simple/"


def test_file_urls_are_below_the_prefix_of_a_proxy(client: Client, tmp_path: Path) -> None:
    client.upload(make_wheel(tmp_path, "prefixed"))
    page = client.get("simple/prefixed/", {"Accept": JSON, "X-Forwarded-Prefix": "/team/"}).json()
    assert page["files"][0]["url"] == "/team/packages/prefixed-1.0-py3-none-any.whl"
    assert client.page("prefixed")["files"][0]["url"] == "/packages/prefixed-1.0-py3-none-any.whl"


def test_head_works_wherever_get_does(client: Client, tmp_path: Path) -> None:
    client.upload(make_wheel(tmp_path, "headed"))
    file = "packages/headed-1.0-py3-none-any.whl"
    for path in (
        "",
        "simple/",
        "simple/headed/",
        file,
        f"{file}.metadata",
        "health",
        "projects/headed/",
        "whoami",
        "packages/",
    ):
        whole, head = client.get(path), client.request("HEAD", path)
        assert (head.status_code, head.content) == (200, b""), path
        assert head.headers.get("Content-Length") == whole.headers.get("Content-Length"), path


def test_the_alias_that_hatch_reads(client: Client, tmp_path: Path) -> None:
    client.upload(make_wheel(tmp_path, "aliased"))
    assert client.get("+simple/aliased/").text == client.get("simple/aliased/").text


def test_an_unknown_project_is_a_404_only_with_a_password(client: Client) -> None:
    assert client.get("simple/nobody-has-this/").status_code == 404
    assert Client(client.url, ("ada", "wrong")).get("simple/nobody-has-this/").status_code == 401


def test_names_that_no_project_has_are_unknown_and_never_leave(own: OwnIndex) -> None:
    _, client = own.start("--fallback-url", "http://public.invalid/simple")
    for name in ("x" * 500, "/etc", "..%2f..%2fetc", "a%00b", "%ff", "a b", "-"):
        response = client.get(f"simple/{name}/")
        while response.status_code == 301:
            response = client.get(response.headers["Location"].removeprefix(client.url))
        assert response.status_code == 404, name
    assert client.get("simple/some-name/").status_code == 302


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (b"gzip, deflate, zstd", True),
        (b"deflate, GZIP;q=0.5", True),
        (b"gzip;q=0", False),
        (b"identity, gzip; q=0.000", False),
        (b"x-gzip-like", False),
        (b"", False),
    ],
)
def test_pages_are_zipped_for_those_who_take_it(header: bytes, *, expected: bool) -> None:
    assert GZIP_ACCEPTED[header] is expected


def test_a_prefix_is_never_markup(client: Client) -> None:
    home = client.get("", {"X-Forwarded-Prefix": '/"><script>alert(1)</script>', "Accept": "text/html"})
    assert "<script>" not in home.text
