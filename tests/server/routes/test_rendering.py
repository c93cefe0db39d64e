"""Bodies that are made in pieces are those that would be made at once, and their making is left to threads."""

import asyncio
import json
import random
import time
from pathlib import Path

import pytest

from publisher.server.app import create_app
from publisher.server.http.messages import Request
from publisher.server.routes.page_memory import JSON
from publisher.server.routes.rendering.lists import PIECE, NameOrder, index_html, index_json
from publisher.server.settings import ServerSettings

MANY = [f"project-{number}" for number in range(3 * PIECE + 7)]


@pytest.mark.parametrize("count", [0, 1, PIECE - 1, PIECE, PIECE + 1, len(MANY)])
def test_a_list_in_pieces_is_the_list(count: int) -> None:
    names = MANY[:count]
    body = index_json(iter(names))
    expected = {"meta": {"api-version": "1.4"}, "projects": [{"name": name} for name in names]}
    assert body == json.dumps(expected, separators=(",", ":")).encode()
    assert index_html(names).count(b"<a href=") == count


def test_names_are_in_order_after_every_change() -> None:
    chosen = random.Random(1)
    order = NameOrder()
    for size in (0, 10, len(MANY), len(MANY) - 1, 20, 5000 % len(MANY), len(MANY), 0):
        names = chosen.sample(MANY, size)
        assert order.sorted(names) == sorted(names)


def test_a_list_that_was_returned_stays_as_it_is() -> None:
    order = NameOrder()
    first = order.sorted(["b", "a"])
    order.sorted(["c", "a", "b"])
    assert first == ["a", "b"]


def test_the_event_loop_has_no_part_in_making_the_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_app(ServerSettings((tmp_path,), authenticate=frozenset()), "none")
    names = [f"project-{number}" for number in random.Random(2).sample(range(10**6), 50_000)]
    scope = {"type": "http", "method": "GET", "path": "/simple/", "headers": [(b"accept", JSON.encode())]}

    async def receive() -> None:
        raise AssertionError

    async def run() -> tuple[float, float]:
        await app.start()
        monkeypatch.setattr(app._catalog, "names", lambda: list(names))
        loop, whole = time.thread_time(), time.process_time()
        answer = await app.table.find("GET", "simple/")[0].handler(Request(scope, receive), "")  # type: ignore[arg-type]
        used = time.thread_time() - loop, time.process_time() - whole
        assert len(json.loads(answer.body)["projects"]) == len(names)  # type: ignore[union-attr]
        await app.stop()
        return used

    in_loop, in_all = asyncio.run(run())
    assert in_loop < in_all / 5
