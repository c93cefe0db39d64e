"""The store as pypiserver's backend: files that the sender may see, their digests, uploads, and removals."""

import argparse
import asyncio
import hashlib
import importlib
import io
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from publisher.server.app import create_app
from publisher.server.http.messages import Message, Request
from publisher.server.routes.authorization import ReadScope
from publisher.server.routes.legacy.mounted import PypiserverRoutes
from publisher.server.routes.legacy.scope import READ_SCOPE
from publisher.server.settings import ServerSettings
from publisher.server.store.errors import StoreError
from publisher.server.store.interface import PackageCatalog
from tests.helpers.dists import make_sdist, make_wheel

pytestmark = [
    pytest.mark.filterwarnings("ignore:'cgi' is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ImportWarning"),
]

Use = Callable[[Any, PackageCatalog], Coroutine[Any, Any, None]]


def backed(root: Path, use: Use, *, hidden: str | None = None, overwrite: bool = False) -> None:
    """Run a backend over a folder, for a sender who sees everything, or all but one project."""

    async def run() -> None:
        app = create_app(ServerSettings((root,), authenticate=frozenset(), overwrite=overwrite), "none")
        await app.start()
        READ_SCOPE.set(ReadScope(None if hidden is None else lambda name: name != hidden))
        loop = asyncio.get_running_loop()
        try:
            ours = importlib.import_module("publisher.server.routes.legacy.pypiserver")
            backend = ours.StoreBackend(argparse.Namespace(hash_algo=None), app._catalog, app._changes, loop)
            await use(backend, app._catalog)
        finally:
            await app.stop()

    asyncio.run(run())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "below").mkdir()
    make_wheel(tmp_path, "acme_widgets", "1.0")
    make_sdist(tmp_path / "below", "acme_widgets", "2.0")
    make_wheel(tmp_path, "secret", "1.0")
    return tmp_path


def test_packages_are_listed_with_their_places(root: Path) -> None:
    async def use(backend: Any, _: PackageCatalog) -> None:
        found = {package.relfn: package for package in backend.get_all_packages()}
        assert found.keys() == {
            "acme_widgets-1.0-py3-none-any.whl",
            "below/acme_widgets-2.0.tar.gz",
            "secret-1.0-py3-none-any.whl",
        }
        below = found["below/acme_widgets-2.0.tar.gz"]
        assert (below.pkgname, below.version) == ("acme-widgets", "2.0")
        assert (below.fn, below.root) == (str(root / "below/acme_widgets-2.0.tar.gz"), str(root))
        own = {package.version for package in backend.find_project_packages("acme-widgets")}
        assert own == {"1.0", "2.0"}
        assert list(backend.find_project_packages("acme")) == []
        assert set(backend.get_projects()) == {"acme-widgets", "secret"}
        assert backend.package_count() == 3

    backed(root, use)


def test_a_sender_sees_no_more_than_it_may_read(root: Path) -> None:
    async def use(backend: Any, _: PackageCatalog) -> None:
        assert {package.pkgname for package in backend.get_all_packages()} == {"acme-widgets"}
        assert list(backend.find_project_packages("secret")) == []
        assert list(backend.get_projects()) == ["acme-widgets"]
        assert backend.package_count() == 2
        assert backend.exists("acme_widgets-1.0-py3-none-any.whl")
        assert not backend.exists("secret-1.0-py3-none-any.whl")

    backed(root, use, hidden="secret")


@pytest.mark.parametrize(
    ("filename", "exists"),
    [
        ("secret-1.0-py3-none-any.whl", True),
        ("secret-1.1-py3-none-any.whl", False),
        ("acme_widgets-2.0.tar.gz", True),
        ("other-1.0.tar.gz", False),
        ("notes.txt", False),
        ("", False),
    ],
)
def test_a_file_exists_that_is_listed(root: Path, *, filename: str, exists: bool) -> None:
    (root / "notes.txt").write_text("none of a project")

    async def use(backend: Any, _: PackageCatalog) -> None:
        assert backend.exists(filename) is exists

    backed(root, use)


def test_digests_are_those_of_the_records(root: Path) -> None:
    expected = hashlib.sha256((root / "secret-1.0-py3-none-any.whl").read_bytes()).hexdigest()

    async def use(backend: Any, _: PackageCatalog) -> None:
        (package,) = backend.find_project_packages("secret")
        assert await asyncio.to_thread(backend.digest, package) == f"sha256={expected}"
        package.fn = str(root / "secret-1.1-py3-none-any.whl")
        assert await asyncio.to_thread(backend.digest, package) is None
        for unknown in (str(root / "other-1.0.tar.gz"), str(root / "notes.txt"), "", None):
            package.fn = unknown
            assert backend.digest(package) is None

    backed(root, use)


def test_a_file_is_taken_in_and_removed_as_by_other_routes(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    wheel = make_wheel(tmp_path_factory.mktemp("new"), "added")
    body = wheel.read_bytes()

    async def use(backend: Any, catalog: PackageCatalog) -> None:
        await asyncio.to_thread(backend.add_package, wheel.name, io.BytesIO(body))
        assert (root / wheel.name).read_bytes() == body
        assert backend.exists(wheel.name)
        (package,) = backend.find_project_packages("added")
        await asyncio.to_thread(backend.remove_package, package)
        assert not (root / wheel.name).exists()
        assert not backend.exists(wheel.name)
        assert await catalog.was_published("added")
        with pytest.raises(StoreError, match="stays reserved"):
            await asyncio.to_thread(backend.add_package, wheel.name, io.BytesIO(body + b"another"))
        assert not list(catalog.spool_folder.glob("legacy-*"))

    backed(root, use)


def test_a_file_may_replace_another_with_overwrite(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = make_wheel(tmp_path_factory.mktemp("other"), "secret", members={"secret/other.py": b""})
    body = other.read_bytes()

    async def use(backend: Any, catalog: PackageCatalog) -> None:
        assert (root / other.name).read_bytes() != body
        await asyncio.to_thread(backend.add_package, other.name, io.BytesIO(body))
        assert (root / other.name).read_bytes() == body
        assert not list(catalog.spool_folder.glob("legacy-*"))

    backed(root, use, overwrite=True)


def test_requests_are_answered_by_one_application_once_they_are_here(root: Path) -> None:
    async def run() -> None:
        settings = ServerSettings((root,), authenticate=frozenset())
        app = create_app(settings, "none")
        await app.start()
        routes = PypiserverRoutes(settings, app._catalog, app._changes, app._authorization)
        try:
            page = await _ask(routes, "GET", "/packages/")
            assert b"acme_widgets-1.0-py3-none-any.whl" in page
            assert b"secret-1.0-py3-none-any.whl" in page
            make_wheel(root, "later")
            await _until_shown(routes, b"later-1.0-py3-none-any.whl")
            head = await _ask(routes, "HEAD", "/packages/")
            assert head == b""
            assert b"Missing" in await _ask(routes, "POST", "/", b":action=file_upload")
        finally:
            await app.stop()

    asyncio.run(run())


async def _until_shown(routes: PypiserverRoutes, text: bytes) -> None:
    """Ask for the list of files until it has a text: a folder that takes long to read is read in the background."""
    deadline = time.monotonic() + 30
    while text not in await _ask(routes, "GET", "/packages/"):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def _ask(routes: PypiserverRoutes, method: str, path: str, body: bytes = b"") -> bytes:
    """Return the body of an answer; only a request that may have one is asked for its own."""
    left = [body] if method == "POST" else []
    gone = asyncio.Event()
    sent: list[Message] = []

    async def receive() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"host", b"pypi.acme.example"), (b"content-type", b"application/x-www-form-urlencoded")]
    scope = {"type": "http", "http_version": "1.1", "method": method, "path": path, "query_string": b""}
    request = Request({**scope, "scheme": "http", "headers": headers, "server": ("127.0.0.1", 80)}, receive)
    answer = await routes.answer(request, path)
    size = await answer.send(request, send)
    gone.set()
    found = b"".join(message.get("body", b"") for message in sent)
    assert size == len(found)
    return found
