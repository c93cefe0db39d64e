"""A real browser in which ada is logged in: pages of other servers change nothing, the index's own pages would."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.helpers.browser import visit
from tests.helpers.dists import make_wheel
from tests.helpers.http import Client
from tests.helpers.index import RunningIndex, running_index

ADA = ("ada", "correct horse")
FORMS = {
    "change the password": ("password", "text/plain", {'{"password":"changed by evil","a":"': '"}'}),
    "delete": ("", "multipart/form-data", {":action": "remove_pkg", "name": "framed", "version": "1.0"}),
    "delete by a short form": (
        "",
        "application/x-www-form-urlencoded",
        {":action": "remove_pkg", "name": "framed", "version": "1.0"},
    ),
}
"""A form of a foreign page: its path, its encoding, and its fields."""

FETCHES = {
    "yank": (
        "projects/framed/1.0/yanked",
        "{method: 'PUT', headers: {'Content-Type': 'application/json'}, body: '{}'}",
    ),
    "delete": ("projects/framed/1.0", "{method: 'DELETE'}"),
    "change the password": (
        "password",
        """{method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{"password": "changed by evil"}'}""",
    ),
    "change it as text": ("password", """{method: 'POST', body: '{"password": "changed by evil"}'}"""),
}

UPLOAD = """
async ([url, mode, bytes]) => {
  const form = new FormData();
  form.append(":action", "file_upload");
  form.append("content", new Blob([new Uint8Array(bytes)]), "forged-1.0-py3-none-any.whl");
  try { return (await fetch(url, {method: "POST", body: form, mode: mode, credentials: "include"})).status; }
  catch (error) { return "refused"; }
}
"""
FETCH = """
async ([url, mode]) => {
  try { return (await fetch(url, {...OPTIONS, mode: mode, credentials: "include"})).status; }
  catch (error) { return "refused"; }
}
"""


@pytest.fixture
def index(tmp_path: Path) -> Iterator[RunningIndex]:
    with running_index(tmp_path / "index", *ADA) as index:
        make_wheel(index.root, "framed")
        yield index


class _Foreign(BaseHTTPRequestHandler):
    """Answers every path with an empty page."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!DOCTYPE html><title>foreign</title>")

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def foreign() -> Iterator[int]:
    """Serve a page on another port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Foreign)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def logged_in(browser: Browser, index: RunningIndex) -> Iterator[Page]:
    """Yield a page of a browser that keeps ada's password, as after she has looked at the index."""
    credentials = {"username": ADA[0], "password": ADA[1]}
    with visit(browser, http_credentials=credentials, bypass_csp=True) as ada:
        assert ada.open(f"{index.url}simple/") == 200
        assert ada.open(f"{index.url}whoami") == 200
        yield ada.page


def unchanged(index: RunningIndex) -> None:
    client = Client(index.url, ADA)
    assert client.get("whoami").status_code == 200
    assert client.page("framed")["files"][0]["yanked"] is False
    assert client.get("simple/forged/").status_code == 404


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"], ids=["the same site", "another site"])
@pytest.mark.parametrize("case", FORMS)
def test_a_form_of_a_foreign_page_is_refused(
    browser: Browser, index: RunningIndex, foreign: int, host: str, case: str
) -> None:
    path, encoding, fields = FORMS[case]
    with logged_in(browser, index) as page:
        page.goto(f"http://{host}:{foreign}/")
        with page.expect_response(lambda response: response.request.method == "POST") as answered:
            page.evaluate(
                """([url, encoding, fields]) => {
                  const form = document.createElement("form");
                  Object.assign(form, {method: "POST", action: url, enctype: encoding});
                  for (const [name, value] of Object.entries(fields)) {
                    const field = document.createElement("input");
                    Object.assign(field, {type: "hidden", name: name, value: value});
                    form.append(field);
                  }
                  document.body.append(form);
                  form.submit();
                }""",
                [index.url + path, encoding, fields],
            )
        assert answered.value.status == 403
        assert "authorization" in {name.lower() for name in answered.value.request.all_headers()}
    unchanged(index)


@pytest.mark.parametrize("mode", ["cors", "no-cors"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"], ids=["the same site", "another site"])
def test_scripts_of_a_foreign_page_are_refused(
    browser: Browser, index: RunningIndex, foreign: int, host: str, mode: str
) -> None:
    content = list(make_wheel(index.folder, "forged").read_bytes())
    with logged_in(browser, index) as page:
        page.goto(f"http://{host}:{foreign}/")
        answers = [page.evaluate(UPLOAD, [index.url, mode, content])]
        for path, options in FETCHES.values():
            answers.append(page.evaluate(FETCH.replace("OPTIONS", options), [index.url + path, mode]))
    assert set(answers) <= {"refused", 0}  # 0 is an answer that a page may not look at
    unchanged(index)


def test_a_foreign_page_shows_nothing_of_the_index(browser: Browser, index: RunningIndex, foreign: int) -> None:
    with logged_in(browser, index) as page:
        page.goto(f"http://127.0.0.1:{foreign}/")
        read = page.evaluate(FETCH.replace("OPTIONS", "{method: 'GET'}"), [f"{index.url}simple/", "cors"])
        page.set_content(f'<iframe src="{index.url}"></iframe>')
        page.wait_for_load_state()
        framed = [frame.content() for frame in page.frames[1:]]
    assert read == "refused"
    assert not any("framed" in each for each in framed)


def test_the_same_from_the_index_s_own_page_is_done(browser: Browser, index: RunningIndex, tmp_path: Path) -> None:
    """The tests above would fail if ada were not logged in, or the browser sent nothing."""
    content = list(make_wheel(tmp_path, "forged").read_bytes())
    with logged_in(browser, index) as page:
        assert page.evaluate(UPLOAD, [index.url, "cors", content]) == 200
        path, options = FETCHES["yank"]
        assert page.evaluate(FETCH.replace("OPTIONS", options), [index.url + path, "cors"]) == 200
    client = Client(index.url, ADA)
    assert client.filenames("forged") == ["forged-1.0-py3-none-any.whl"]
    assert client.page("framed")["files"][0]["yanked"] is not False
