"""Requests handed to a mounted application: body, scope and turn, and its page for unknown paths."""

import asyncio
from typing import Any

import pytest

from publisher.server.http.messages import HttpError, Message, Request
from publisher.server.routes.authorization import ReadScope
from publisher.server.routes.legacy.mounted import MountedAnswer
from publisher.server.routes.legacy.scope import READ_SCOPE
from publisher.server.work.turns import FairTurns

BROWSER = [(b"accept", b"text/html,application/xhtml+xml,*/*;q=0.8"), (b"user-agent", b"Mozilla/5.0")]


class _App:
    """Notes what it gets, and answers with a status."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.received: list[Message] = []
        self.scope: ReadScope | None = None

    async def __call__(self, _scope: Any, receive: Any, send: Any) -> None:
        self.scope = READ_SCOPE.get()
        self.received = [await receive(), await receive()]
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b"from the app"})


def _sent(app: _App, headers: list[tuple[bytes, bytes]], scope: ReadScope | None = None) -> tuple[int, list[Message]]:
    """Return the bytes and the messages that go out for a request whose sender leaves after its body."""

    coming: list[Message] = [{"type": "http.request"}, {"type": "http.disconnect"}]

    async def gone() -> Message:
        return coming.pop(0)

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def run() -> int:
        request = Request({"type": "http", "method": "GET", "path": "/x", "headers": headers}, gone)
        turns = FairTurns("requests", running=1, waiting=1, patience=1)
        answer = MountedAnswer(app, b"the body", turns, "ada", scope or ReadScope(None))
        try:
            return await answer.send(request, send)
        finally:
            assert coming == []  # the application heard of the end when it came

    return asyncio.run(run()), sent


def test_the_application_gets_the_whole_body_once_and_the_senders_scope() -> None:
    app, scope = _App(200), ReadScope(lambda name: name == "acme")
    size, sent = _sent(app, BROWSER, scope)
    assert app.received == [
        {"type": "http.request", "body": b"the body", "more_body": False},
        {"type": "http.disconnect"},
    ]
    assert app.scope is scope
    assert size == len(b"from the app")
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]


@pytest.mark.parametrize(("status", "headers"), [(404, []), (403, BROWSER), (200, BROWSER)])
def test_its_answers_go_out_as_they_are(status: int, headers: list[tuple[bytes, bytes]]) -> None:
    _, sent = _sent(_App(status), headers)
    assert (sent[0]["status"], sent[1]["body"]) == (status, b"from the app")


def test_its_page_for_unknown_paths_is_not_for_browsers() -> None:
    sent: list[Message] = []
    with pytest.raises(HttpError, match="no such page") as refused:
        _, sent = _sent(_App(404), BROWSER)
    assert (refused.value.status, sent) == (404, [])
