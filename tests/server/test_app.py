"""The application as an ASGI server calls it: start and end, other protocols, failures, and the answers from memory."""

import asyncio
import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from publisher.server.app import IndexApp, create_app
from publisher.server.http.messages import ClientGoneError, Message, Response
from publisher.server.routes import simple
from publisher.server.routes.kept_pages import KeptPages, PageKey
from publisher.server.routes.page_memory import JSON
from publisher.server.routes.rendering.projects import project_json
from publisher.server.settings import Activity, ServerSettings, UpstreamSettings, UpstreamSource
from publisher.server.store.projects import StoredFile
from tests.helpers.dists import make_wheel

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ImportWarning")  # of pypiserver


@asynccontextmanager
async def open_app(folder: Path, **settings: Any) -> AsyncIterator[IndexApp]:
    """An index that is open to everybody, and not yet started."""
    (folder / "packages").mkdir()
    chosen = {"authenticate": frozenset(), "htpasswd": folder / "htpasswd", **settings}
    app = create_app(ServerSettings(roots=(folder / "packages",), **chosen), "text")
    try:
        yield app
    finally:
        await app.stop()


def scope_of(path: str, method: str = "GET", **headers: str) -> dict[str, Any]:
    given = [(b"host", b"index"), *((name.encode(), value.encode()) for name, value in headers.items())]
    return {"type": "http", "method": method, "path": path, "headers": given, "client": ("::1", 1), "query_string": b""}


async def ask(app: IndexApp, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes, dict[bytes, bytes]]:
    """Return status, body and headers of an answer, 0 for none."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope_of(path, method, **headers), receive, send)
    if not sent:
        return 0, b"", {}
    return sent[0]["status"], b"".join(each.get("body", b"") for each in sent[1:]), dict(sent[0]["headers"])


async def answer_from_memory(app: IndexApp, scope: dict[str, Any]) -> tuple[Response, bytes]:
    """
    Ask for a page until its answer is in memory; return that, and the body of the answer before.

    A folder that changed a moment ago may have changed again within the same tick of the file system's clock, and is
    read again.
    """
    deadline = time.monotonic() + 30
    while True:
        _, body, _ = await ask(app, scope["path"])
        answer = app.quick.from_memory(app.quick.begin(scope))
        if answer is not None:
            return answer, body
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def lines_of(app: IndexApp, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list to which the log's lines go from now on."""
    lines: list[str] = []
    monkeypatch.setattr(app.log_writer, "write", lines.append)
    monkeypatch.setattr(app.log_writer, "write_soon", lines.append)
    return lines


def test_the_server_s_start_and_end_are_acknowledged_in_turn(tmp_path: Path) -> None:
    async def follow() -> list[str]:
        sent: list[str] = []
        waiting = ["lifespan.startup", "lifespan.shutdown"]

        async def receive() -> Message:
            return {"type": waiting.pop(0)}

        async def send(message: Message) -> None:
            sent.append(message["type"])

        async with open_app(tmp_path) as app:
            assert app.quick.from_memory(app.quick.begin(scope_of("/simple/"))) is None
            await app({"type": "lifespan"}, receive, send)
        return sent

    assert asyncio.run(follow()) == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_a_web_socket_is_closed(tmp_path: Path) -> None:
    async def connect() -> list[Message]:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            raise AssertionError

        async with open_app(tmp_path) as app:
            await app({"type": "websocket"}, receive, send)
        return sent

    assert asyncio.run(connect()) == [{"type": "websocket.close", "code": 1000}]


def test_the_first_request_starts_an_index_that_no_server_started(tmp_path: Path) -> None:
    async def first() -> None:
        async with open_app(tmp_path) as app:
            make_wheel(tmp_path / "packages", "acme")
            status, body, _ = await ask(app, "/simple/acme/", accept="application/vnd.pypi.simple.v1+json")
            assert (status, json.loads(body)["name"]) == (200, "acme")
            assert (await ask(app, "//simple/acme/"))[0] == 200
            await app.start()

    asyncio.run(first())


def test_a_page_that_was_made_is_answered_from_memory_and_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def again() -> None:
        async with open_app(tmp_path) as app:
            lines = lines_of(app, monkeypatch)
            make_wheel(tmp_path / "packages", "acme")
            answer, body = await answer_from_memory(app, scope_of("/simple/acme/"))
            assert (answer.status, answer.body) == (200, body)
            assert len(lines) >= 2
            assert all(f'"GET /simple/acme/" 200 {len(body)} ' in line for line in lines)
            assert app.quick.from_memory(app.quick.begin(scope_of("/simple/other/"))) is None
            assert app.quick.from_memory(app.quick.begin(scope_of("/health"))) is None

    asyncio.run(again())


@pytest.mark.parametrize(("path", "method", "status"), [("/simple/none/", "GET", 404), ("/simple/", "DELETE", 405)])
def test_a_refusal_is_text_and_logged_with_its_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, method: str, status: int
) -> None:
    async def refused() -> None:
        async with open_app(tmp_path) as app:
            lines = lines_of(app, monkeypatch)
            found, body, headers = await ask(app, path, method)
            assert found == status
            assert headers[b"content-type"].startswith(b"text/plain")
            assert f'"{method} {path}" {status} {len(body)} ' in lines[-1]

    asyncio.run(refused())


def test_an_unexpected_failure_is_a_500_and_the_next_request_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail() -> None:
        async with open_app(tmp_path) as app:
            assert (await ask(app, "/simple/"))[0] == 200
            lines = lines_of(app, monkeypatch)
            with monkeypatch.context() as patched, caplog.at_level(logging.ERROR):
                patched.setattr(app, "_answer", _raising(ValueError("odd")))
                status, body, _ = await ask(app, "/a\nb")
                assert (status, body) == (500, b"The index failed unexpectedly; its log says why.\n")
                patched.setattr(app, "_answer", _raising(ClientGoneError()))
                assert (await ask(app, "/simple/"))[0] == 0
            assert " 500 " in lines[0]
            assert '"GET /simple/" 499 0 ' in lines[1]
            assert "unexpected failure while answering GET '/a\\nb'" in caplog.text
            assert (await ask(app, "/simple/"))[0] == 200

    asyncio.run(fail())


def _raising(error: Exception) -> Any:
    async def answer(_request: object) -> None:
        raise error

    return answer


@pytest.mark.parametrize(("settings", "scheme"), [({"scheme": "https"}, "https"), ({}, "http")])
def test_urls_have_the_scheme_that_the_settings_name(tmp_path: Path, settings: dict[str, str], scheme: str) -> None:
    async def redirected() -> None:
        async with open_app(tmp_path, **settings) as app:
            _, _, headers = await ask(app, "/simple")
            assert headers[b"location"] == f"{scheme}://index/simple/".encode()

    asyncio.run(redirected())


def test_an_index_without_an_upstream_has_none_to_administer(tmp_path: Path) -> None:
    async def look() -> None:
        async with open_app(tmp_path) as app:
            assert app.upstream is None
            assert app.admin_requests() is None

    asyncio.run(look())


def test_an_index_without_an_upstream_has_no_client_in_memory(tmp_path: Path) -> None:
    code = """
import asyncio, sys
from pathlib import Path
import publisher.cli.run.admin.serving
from publisher.server.app import create_app
from publisher.server.settings import ServerSettings, UpstreamSettings, UpstreamSource

async def main():
    plain = ServerSettings((Path("packages"),), Path("htpasswd"))
    await create_app(plain, "text").stop()
    without = "aiohttp" in sys.modules
    passing_on = UpstreamSettings((UpstreamSource("http://127.0.0.1:9/simple/"),), Path("cache"))
    await create_app(ServerSettings((Path("packages"),), Path("htpasswd"), upstream=passing_on), "text").stop()
    print(without, "aiohttp" in sys.modules)

asyncio.run(main())
"""
    (tmp_path / "packages").mkdir()
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "False True\n", done.stderr


def test_a_reload_reads_files_that_were_put_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def reload() -> None:
        async with open_app(tmp_path) as app:
            await app.start()
            (tmp_path / "htpasswd").write_text("dan:!\n")
            make_wheel(tmp_path / "packages", "acme")
            with caplog.at_level(logging.INFO):
                await app.reload()
            assert (await ask(app, "/simple/acme/"))[0] == 200

    asyncio.run(reload())
    assert "reading accounts and package folders again" in caplog.text
    assert "1 accounts are locked" in caplog.text


def test_a_trusted_proxy_names_scheme_and_client_also_of_answers_from_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forwarded = {"x-forwarded-for": "192.0.2.7", "x-forwarded-proto": "https"}

    async def proxied() -> None:
        async with open_app(tmp_path, trusted_proxies=("::1",)) as app:
            lines = lines_of(app, monkeypatch)
            make_wheel(tmp_path / "packages", "acme")
            _, _, headers = await ask(app, "/simple", **forwarded)
            assert headers[b"location"] == b"https://index/simple/"
            await answer_from_memory(app, scope_of("/simple/acme/", **forwarded))
            assert {line.split()[0] for line in lines[1:-1]} == {"::1"}
            assert (lines[0].split()[0], lines[-1].split()[0]) == ("192.0.2.7", "192.0.2.7")

    asyncio.run(proxied())


def test_an_answer_from_memory_is_found_below_the_prefix_that_a_proxy_keeps(tmp_path: Path) -> None:
    forwarded = {"x-forwarded-prefix": "/pypi"}

    async def proxied() -> None:
        async with open_app(tmp_path, trusted_proxies=("::1",)) as app:
            make_wheel(tmp_path / "packages", "acme")
            scope = partial(scope_of, "/pypi/simple/acme/", **forwarded)
            async with asyncio.timeout(30):
                while (answer := app.quick.from_memory(app.quick.begin(scope()))) is None:
                    await ask(app, "/simple/acme/", **forwarded)
                    await asyncio.sleep(0.01)
            assert b"/pypi/packages/acme-1.0" in answer.body

    asyncio.run(proxied())


def test_a_prefix_that_a_proxy_keeps_is_no_part_of_the_path(tmp_path: Path) -> None:
    async def proxied() -> None:
        async with open_app(tmp_path, trusted_proxies=("::1",)) as app:
            await answer_from_memory(app, scope_of("/simple/"))
            scope = scope_of("/simple/", **{"x-forwarded-prefix": "/simple"})
            assert app.quick.from_memory(app.quick.begin(scope)) is None, "it is the home page"

    asyncio.run(proxied())


def test_only_pages_ask_browsers_to_sign_in(tmp_path: Path) -> None:
    browser = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}

    async def closed() -> None:
        async with open_app(tmp_path, authenticate=frozenset(Activity)) as app:
            status, _, headers = await ask(app, "/packages/acme-1.0.tar.gz", **browser)
            assert status == 401
            assert headers[b"www-authenticate"].startswith(b"Basic ")
            assert headers[b"content-type"].startswith(b"text/plain")
            _, _, headers = await ask(app, "/projects/acme/", **browser)
            assert headers[b"content-type"].startswith(b"text/html")
            assert b"www-authenticate" not in headers

    asyncio.run(closed())


def test_an_index_with_an_upstream_administers_it_and_knows_its_own_names(tmp_path: Path) -> None:
    upstream = UpstreamSettings((UpstreamSource("http://127.0.0.1:9/simple/"),), tmp_path / "cache")

    async def look() -> None:
        async with open_app(tmp_path, upstream=upstream) as app:
            assert app.upstream is not None
            assert app.admin_requests() is not None

    asyncio.run(look())


class SlowPages:
    """Pages that are not finished before a test allows it; counts requests for them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.may_finish = threading.Event()
        self.begun = 0
        self.waiting = 0
        make = KeptPages.make

        def slow_json(name: str, files: list[StoredFile], prefix: str) -> bytes:
            self.begun += 1
            self.may_finish.wait(20)
            return project_json(name, files, prefix)

        def counted(pages: KeptPages, key: PageKey, work: Any) -> Any:
            self.waiting += 1
            return make(pages, key, work)

        monkeypatch.setattr(simple, "project_json", slow_json)
        monkeypatch.setattr(KeptPages, "make", counted)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110 - a thread makes the pages
                await asyncio.sleep(0.01)


def test_requests_at_the_same_time_share_one_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = SlowPages(monkeypatch)

    async def run() -> None:
        async with open_app(tmp_path) as app:
            make_wheel(tmp_path / "packages", "acme")
            asking = [asyncio.create_task(ask(app, "/simple/acme/", accept=JSON))]
            await pages.until(lambda: pages.begun == 1)
            asking += [asyncio.create_task(ask(app, "/simple/acme/", accept=JSON)) for _ in range(7)]
            await pages.until(lambda: pages.waiting == 8)
            pages.may_finish.set()
            assert {status for status, _, _ in await asyncio.gather(*asking)} == {200}
            assert pages.begun == 1

    asyncio.run(run())


def test_a_project_that_is_removed_while_a_request_waits_is_not_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = SlowPages(monkeypatch)

    async def run() -> None:
        async with open_app(tmp_path) as app:
            wheel = make_wheel(tmp_path / "packages", "acme")
            first = asyncio.create_task(ask(app, "/simple/acme/", accept=JSON))
            await pages.until(lambda: pages.begun == 1)
            second = asyncio.create_task(ask(app, "/simple/acme/", accept=JSON))
            await pages.until(lambda: pages.waiting == 2)
            wheel.unlink()
            await app.reload()
            pages.may_finish.set()
            assert ((await first)[0], (await second)[0]) == (200, 404)

    asyncio.run(run())
