"""Names are owned: what was published here is never looked for elsewhere, whatever happens to its files."""

import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.helpers.dists import make_wheel
from tests.helpers.http import Client
from tests.helpers.tool import Result, run
from tests.helpers.waiting import eventually
from tests.server.conftest import PASSWORD, USER, OwnIndex

NAMES = ("owned", "deleted", "acme_reserved", "public_only")


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[str]:
    """Serve a "public" index that has version 99 of every name."""
    site = tmp_path / "public"
    for name in NAMES:
        folder = site / "simple" / name.replace("_", "-")
        folder.mkdir(parents=True)
        wheel = make_wheel(folder, name, "99.0.0")
        (folder / "index.html").write_text(
            f'<!DOCTYPE html><html><body><a href="{wheel.name}">{wheel.name}</a></body></html>'
        )

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(site))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/simple/"
    server.shutdown()
    server.server_close()
    thread.join()


def _install(tool: str, url: str, name: str, target: Path) -> tuple[Result, set[str]]:
    """Install a name with a tool that knows this index alone; return what happened and the versions that came."""
    index = url.replace("://", f"://{USER}:{quote(PASSWORD)}@") + "simple/"
    unset = {"PIP_NO_INDEX": "0", "PIP_FIND_LINKS": "", "UV_DEFAULT_INDEX": "", "UV_FIND_LINKS": ""}
    unset |= {"PIP_RETRIES": "0", "UV_HTTP_RETRIES": "0"}
    commands = {
        "pip": [sys.executable, "-m", "pip", "install", "--no-cache-dir", "--no-deps", "--index-url", index],
        "uv": ["uv", "pip", "install", "--no-cache", "--no-deps", "--default-index", index],
    }
    result = run([*commands[tool], "--target", str(target), name], env=unset)
    return result, {path.name.split("-")[1].removesuffix(".dist") for path in target.glob("*.dist-info")}


def test_the_fallback_is_off_unless_it_is_chosen(own: OwnIndex) -> None:
    _, client = own.start()
    assert client.get("simple/public-only/").status_code == 404


def test_unknown_names_are_redirected_and_ours_are_not(own: OwnIndex, hostile: str, tmp_path: Path) -> None:
    index, client = own.start("--fallback-url", hostile, "--reserve", "acme-*")
    client.upload(make_wheel(tmp_path, "owned", "1.1.0"))
    client.upload(make_wheel(tmp_path, "deleted", "1.1.0"))
    assert client.request("DELETE", "projects/deleted/1.1.0").status_code == 200

    public = client.get("simple/public-only/")
    assert (public.status_code, public.headers["Location"]) == (302, f"{hostile}public-only/")
    for name in ("deleted", "acme-reserved", "acme", "acme-anything"):
        assert client.get(f"simple/{name}/").status_code == 404, name
    stranger = Client(index.url, (USER, "wrong"))
    assert stranger.get("simple/public-only/").status_code == 401

    index.stop()  # what is owned is not forgotten by a restart, nor by losing the record of a deleted file
    _, client = own.start("--fallback-url", hostile)
    assert client.get("simple/deleted/").status_code == 404
    (index.root / "owned-1.1.0-py3-none-any.whl").unlink()
    assert client.get("simple/owned/").status_code == 404


def test_a_name_is_owned_before_its_first_request(own: OwnIndex, hostile: str) -> None:
    index, client = own.start("--fallback-url", hostile)
    wheel = make_wheel(index.root, "owned", "1.1.0")
    assert client.get("simple/").status_code == 200
    assert eventually(lambda: b'"owned"' in (index.root / ".pypi-publish/names.jsonl").read_bytes())
    index.stop()
    wheel.unlink()
    _, client = own.start("--fallback-url", hostile)
    assert client.get("simple/owned/").status_code == 404


def test_a_name_that_could_not_be_noted_is_noted_later(own: OwnIndex, hostile: str) -> None:
    index, client = own.start("--fallback-url", hostile)
    names = index.root / ".pypi-publish" / "names.jsonl"
    names.rename(names.with_name("away"))
    names.mkdir()
    wheel = make_wheel(index.root, "owned", "1.1.0")
    assert client.get("simple/").status_code == 200
    assert client.get("simple/public-only/").status_code == 503  # whose it is can't be found out
    names.rmdir()
    names.with_name("away").rename(names)
    make_wheel(index.root, "another", "1.1.0")
    assert eventually(lambda: client.get("simple/public-only/").status_code == 302 and b'"owned"' in names.read_bytes())
    index.stop()
    wheel.unlink()
    _, client = own.start("--fallback-url", hostile)
    assert client.get("simple/owned/").status_code == 404


@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_installers_never_get_the_strangers_version(own: OwnIndex, hostile: str, tmp_path: Path, tool: str) -> None:
    # slow (a real installer, once for each state): the attack that all this is about
    index, client = own.start("--fallback-url", hostile, "--reserve", "acme-*")
    client.upload(make_wheel(tmp_path, "owned", "1.1.0"))
    client.upload(make_wheel(tmp_path, "deleted", "1.1.0"))

    assert _install(tool, index.url, "owned", tmp_path / "private")[1] == {"1.1.0"}
    public, versions = _install(tool, index.url, "public-only", tmp_path / "public-target")
    assert versions == {"99.0.0"}, public.everything

    client.request("DELETE", "projects/deleted/1.1.0")
    for name in ("deleted", "acme-reserved"):
        result, versions = _install(tool, index.url, name, tmp_path / name)
        assert (result.code != 0, versions) == (True, set()), result.everything

    index.root.rename(index.root.with_name("away"))
    assert eventually(lambda: client.get("health").status_code == 503)
    for name in ("owned", "public-only"):
        result, versions = _install(tool, index.url, name, tmp_path / f"lost-{name}")
        assert (result.code != 0, versions) == (True, set()), result.everything


def test_two_projects_of_one_reserved_prefix_can_be_published(own: OwnIndex, hostile: str, tmp_path: Path) -> None:
    _, client = own.start("--fallback-url", hostile, "--reserve", "acme-*")
    for name in ("acme_reserved", "acme"):
        assert client.upload(make_wheel(tmp_path, name)).status_code == 200
    assert client.filenames("acme-reserved") == ["acme_reserved-1.0-py3-none-any.whl"]
