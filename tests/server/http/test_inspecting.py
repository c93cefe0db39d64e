"""Reading for a request: whose turn it is, and its end with the client."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from publisher.limits import Limits
from publisher.server.auth.principal import Principal, PrincipalKind
from publisher.server.http.inspecting import inspect, turn_key
from publisher.server.http.messages import ClientGoneError, Message, Request
from publisher.server.work.inspection import InspectionPool


def request(client: str = "192.0.2.1", user: str | None = None, receive: Any = None) -> Request:
    async def nothing() -> Message:
        return await asyncio.Event().wait()  # type: ignore[return-value]

    found = Request({"method": "POST", "path": "/", "headers": [], "client": (client, 1)}, receive or nothing)
    if user is not None:
        found.principal = Principal(user, PrincipalKind.ACCOUNT)
    return found


@pytest.mark.parametrize(
    ("client", "user", "key"),
    [
        ("192.0.2.1", "ada", "ada"),
        ("192.0.2.1", None, "192.0.2.1"),
        ("2001:db8::1", None, "2001:db8::/64"),
        ("2001:db8::1", "ada", "ada"),
    ],
)
def test_a_turn_is_an_account_s_or_else_a_place_s(client: str, user: str | None, key: str) -> None:
    assert turn_key(request(client, user)) == key


def test_work_is_done_and_its_result_returned() -> None:
    pool = InspectionPool(Limits())

    def work(checkpoint: Callable[[], None]) -> str:
        checkpoint()
        return "read"

    assert asyncio.run(inspect(pool, request(), work)) == "read"
    pool.close()


def test_work_for_a_client_that_has_gone_ends() -> None:
    pool = InspectionPool(Limits())

    async def gone() -> Message:
        return {"type": "http.disconnect"}

    def work(checkpoint: Callable[[], None]) -> None:
        while True:
            checkpoint()

    async def ask() -> None:
        async with asyncio.timeout(20):
            await inspect(pool, request(receive=gone), work)

    with pytest.raises(ClientGoneError):
        asyncio.run(ask())
    pool.close()
