"""Every route that takes JSON, as the route table lists them, refuses everything that is not exactly its body."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from publisher.secret import Secret
from publisher.server.app import IndexApp, create_app
from publisher.server.auth.oidc.errors import InvalidPublisherError
from publisher.server.auth.oidc.publishers import create_publisher
from publisher.server.http.json_body import JsonBody, JsonKey, JsonKind, parse_object
from publisher.server.http.messages import HttpError, Request, json_response
from publisher.server.routes.authorization import Access
from publisher.server.routes.table import Route
from publisher.server.settings import ServerSettings, UpstreamSettings, UpstreamSource
from tests.helpers.dists import make_wheel
from tests.helpers.index import ADMIN_TOKEN
from tests.helpers.speed import is_within
from tests.helpers.waiting import eventually_async
from tests.server.auth.test_authenticator import KINDS
from tests.server.routes.test_kept_decisions import ADMIN, basic

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ImportWarning")  # of pypiserver

SECONDS = 0.5
"""Processor time that a refusal may take."""

JSON = "application/json"
BURNT = 202
"""The answer of `_/oidc/burn-token` to every text, token or not."""

SAMPLES: dict[JsonKind, Any] = {
    JsonKind.TEXT: "acme",
    JsonKind.TEXTS: ["acme"],
    JsonKind.FLAG: False,
    JsonKind.NUMBER: 1,
    JsonKind.TABLE: {},
}
WRONG: list[Any] = [None, 0, 1.5, True, "acme", [], [1], ["acme", None], [[["acme"]]], {}, {"acme": {"acme": []}}]
FORMS = JsonBody({"token": JsonKey(JsonKind.TEXT)})
"""Stands for the routes that read forms, or a token for the exchange."""


def hostile_bodies(keys: JsonBody) -> Iterator[tuple[str, str, bytes]]:
    """Return bodies that no route takes, around one that would do: their names, content types, bytes."""
    values = {name: SAMPLES[key.kind] for name, key in keys.keys.items()}
    valid = json.dumps(values).encode()
    first = next(iter(values), "acme")

    def with_value(text: str) -> bytes:
        others = "".join(f", {json.dumps(k)}: {json.dumps(v)}" for k, v in values.items() if k != first)
        return f'{{"{first}": {text}{others}}}'.encode()

    if not keys.optional:
        yield "nothing", JSON, b""
    yield "100,000 brackets", JSON, b"[" * 100_000
    yield "60,000 brackets", JSON, b"[" * 60_000
    yield "10,000 objects", JSON, b'{"a":' * 10_000
    yield "990 lists", JSON, with_value("[" * 990 + "]" * 990)
    yield "ten lists", JSON, with_value("[" * 10 + "]" * 10)
    yield "the same key twice", JSON, with_value(f'"acme", "{first}": "acme"')
    yield "the same key below", JSON, with_value('{"a": 1, "a": 2}')
    yield "a long number", JSON, with_value("9" * 5000)
    yield "a long negative number", JSON, with_value("-" + "9" * 5000)
    yield "a long fraction", JSON, with_value("0." + "9" * 5000)
    yield "an infinite number", JSON, with_value("1e999")
    yield from ((f"the number {name}", JSON, with_value(name)) for name in ("NaN", "Infinity", "-Infinity"))
    yield "half a character", JSON, with_value('"\\ud800"')
    yield "half a character as bytes", JSON, with_value('"acme"').replace(b"acme", b"\xed\xa0\x80")
    yield "NUL", JSON, with_value('"a\\u0000b"')
    yield "a raw NUL", JSON, with_value('"acme"').replace(b"acme", b"a\0b")
    yield "a line break", JSON, with_value('"a\\u000ab"')
    yield "a long text", JSON, with_value(f'"{"x" * 60_000}"')
    yield "a long key", JSON, f'{{"{"x" * 60_000}": 1}}'.encode()
    yield "an unknown key", JSON, json.dumps({**values, "acme-unknown": 1}).encode()
    yield "100,000 bytes", JSON, valid + b" " * 100_000
    yield from ((f"only {text}", JSON, text.encode()) for text in ("null", "true", "5", '"acme"', "[]", "[{}]"))
    yield "cut short", JSON, valid[:-1]
    yield "too many brackets", JSON, valid + b"}"
    yield "two objects", JSON, valid + valid
    yield "a byte order mark", JSON, b"\xef\xbb\xbf" + valid
    yield "UTF-16", JSON, valid.decode().encode("utf-16")
    yield "Latin-1", JSON, with_value('"é"').decode().encode("latin-1")
    yield "single quotes", JSON, valid.replace(b'"', b"'").replace(b"{}", b"{'a': 1}")
    yield "a comment", JSON, b"/* acme */" + valid
    for kind in ("", "text/plain", "text/json", "application/jsonx", f"{JSON}, text/plain", f"text/plain; {JSON}"):
        yield f"the type {kind}", kind, valid
    for charset in ("utf-16", "latin-1", '"utf-7"', "utf-8; charset=utf-16"):
        yield f"the charset {charset}", f"{JSON}; charset={charset}", valid


class Asked:
    """An index in this process, and everything that is wrong about its answers."""

    def __init__(self, app: IndexApp) -> None:
        self.app = app
        self.wrong: list[str] = []
        self.count = 0

    async def ask(self, route: Route, kind: str, body: bytes) -> tuple[int, str]:
        """Return the answer to a body, by a sender whom the route lets in."""
        (method,) = route.methods - {"GET", "HEAD"}
        headers = [(b"host", b"index"), (b"content-length", b"%d" % len(body)), (b"content-type", kind.encode())]
        headers.append((b"authorization", ADMIN if route.right is Access.ADMIN else basic("ada")))
        received: list[Any] = []
        waiting = [{"type": "http.request", "body": body}]

        async def receive() -> Any:
            return waiting.pop() if waiting else await asyncio.Event().wait()

        async def send(message: Any) -> None:
            received.append(message)

        path = "/" + route.path.replace("*", "acme")
        scope = {"type": "http", "method": method, "path": path, "headers": headers, "client": ("::1", 1)}
        scope |= {"query_string": b"", "http_version": "1.1", "scheme": "http", "server": ("::1", 2), "root_path": ""}
        await self.app(scope, receive, send)
        self.count += 1
        return received[0]["status"], b"".join(message.get("body", b"") for message in received).decode()

    async def expect_refused(self, route: Route, name: str, kind: str, body: bytes, words: str = "") -> None:
        before = time.process_time()
        status, text = await self.ask(route, kind, body)
        used = time.process_time() - before
        statuses = {413, 415, 422} if route.body is not None else {*range(300, 500), BURNT}
        one_line = 10 < len(text.rstrip("\n")) < 400 and text.rstrip("\n").isprintable()
        if (
            status not in statuses
            or not is_within(used, SECONDS)
            or words not in text
            or not (one_line or route.body is None)
        ):
            self.wrong.append(f"{route.path}: {name}: {status} after {used:.2f} s: {text[:100]!r}")


def everything_below(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def on_an_index(folder: Path, work: Callable[[Asked, Route], Awaitable[None]]) -> Asked:
    """Do work with each route that takes a body, and require that nothing has changed by it."""
    (folder / "packages").mkdir()
    make_wheel(folder / "packages", "acme")
    (folder / "htpasswd").write_text(f"ada:{KINDS['bcrypt']}\n")
    app = create_app(
        ServerSettings(
            roots=(folder / "packages",),
            htpasswd=folder / "htpasswd",
            admin_token=Secret(ADMIN_TOKEN),
            public_url="https://pypi.acme.example/",
            upstream=UpstreamSettings((UpstreamSource("http://127.0.0.1:9/simple/"),), folder / "cache"),
        ),
        "none",
    )
    asked = Asked(app)
    recorded = folder / "packages" / ".pypi-publish" / "facts" / "acme.jsonl"

    async def run() -> None:
        await app.start()
        routes = [route for route in app.table.routes if route.methods & {"POST", "PUT", "PATCH"}]
        await asked.ask(next(route for route in routes if route.path == "password"), JSON, b"")
        await eventually_async(lambda: recorded.exists() and recorded.read_bytes().endswith(b"\n"))  # in the background
        before = everything_below(folder)
        for route in routes:
            await work(asked, route)
        assert everything_below(folder) == before
        await app.stop()

    asyncio.run(run())
    return asked


def test_nothing_but_a_sound_object_is_taken(tmp_path: Path) -> None:
    async def work(asked: Asked, route: Route) -> None:
        for name, kind, body in hostile_bodies(route.body or FORMS):
            await asked.expect_refused(route, name, kind, body)

    asked = on_an_index(tmp_path, work)
    assert asked.wrong == []
    assert asked.count > 500


def test_every_key_has_values_of_its_kind_only(tmp_path: Path) -> None:
    async def work(asked: Asked, route: Route) -> None:
        declared = (route.body or FORMS).keys
        values = {name: SAMPLES[key.kind] for name, key in declared.items()}
        for name, key in declared.items():
            wrong = [each for each in WRONG if not key.kind.holds(each) and not (each is None and key.nullable)]
            assert len(wrong) > 5, name
            for each in wrong:
                body = json.dumps({**values, name: each}).encode()
                words = f"key {name!r} must have {key.kind.value}" if route.body is not None else ""
                await asked.expect_refused(route, f"{name} as {each!r}", JSON, body, words)
            if key.required:
                body = json.dumps({k: v for k, v in values.items() if k != name}).encode()
                await asked.expect_refused(route, f"without {name}", JSON, body, f"needs the key {name!r}")

    asked = on_an_index(tmp_path, work)
    assert asked.wrong == []
    assert asked.count > 100


def test_sound_objects_are_taken() -> None:
    keys = JsonBody({"text": JsonKey(JsonKind.TEXT), "none": JsonKey(JsonKind.NUMBER, nullable=True)}, optional=True)

    def read(body: bytes, kind: str = JSON) -> dict[str, Any]:
        async def receive() -> Any:
            return {"type": "http.request", "body": body}

        scope = {"type": "http", "method": "PUT", "path": "/", "headers": [(b"content-type", kind.encode())]}
        return asyncio.run(keys.read(Request(scope, receive)))

    assert read(b"", "") == {}
    assert read(b' {"text": "d\\u00e9j\xc3\xa0 \\ud83d\\ude00", "none": null}\r\n') == {"text": "déjà 😀"}
    for kind in ("Application/JSON", "application/json;charset=UTF-8", 'application/json; charset="utf-8"'):
        assert read(b'{"text": "", "none": -1.5e3}', kind) == {"text": "", "none": -1500.0}
    assert read(json.dumps({"none": 1 / 86400}).encode()) == {"none": 1 / 86400}
    with pytest.raises(HttpError, match="application/json"):
        read(b"{}", "text/plain")
    assert parse_object(b'{"a": ' + b"[" * 7 + b"]" * 7 + b"}")


def test_a_misspelled_condition_of_a_publisher_is_refused() -> None:
    settings = {"repository": "acme/widgets", "workflow": "publish.yml"}
    described = {"kind": "github", "projects": ["acme"], "settings": settings}
    assert create_publisher(described, None).settings["environment"] == ""
    with pytest.raises(InvalidPublisherError, match="'enviroment'"):
        create_publisher({**described, "settings": {**settings, "enviroment": "release"}}, None)


def test_half_a_character_in_an_answer_is_escaped() -> None:
    assert json.loads(json_response({"who": "\ud800"}).body) == {"who": "\ud800"}


def test_only_a_key_that_may_be_null_takes_it() -> None:
    JsonBody({"voucher": JsonKey(JsonKind.TEXT, nullable=True)})._check({"voucher": None})
    with pytest.raises(HttpError, match="token"):
        FORMS._check({"token": None})
