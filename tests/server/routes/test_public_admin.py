"""The administration of public packages answers in time, also when upstream does not."""

import asyncio
from typing import Any, cast

import pytest

from publisher.limits import LIMITS
from publisher.server.http.messages import HttpError, Request
from publisher.server.routes.public import admin


class _Requests:
    """Requests that never end, or that end with an error."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    async def show(self, _path: str) -> Any:
        if self.error is not None:
            raise self.error
        await asyncio.Event().wait()


async def _show(requests: _Requests) -> None:
    routes = admin.PublicAdminRoutes(cast("Any", requests), cast("Any", None))
    await routes.show(cast("Request", None), "why/torch")


def test_a_command_that_does_not_finish_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = LIMITS._replace(upstream=LIMITS.upstream._replace(admin_patience=0.01))
    monkeypatch.setattr(admin, "LIMITS", limits)
    with pytest.raises(HttpError, match="send the request again") as caught:
        asyncio.run(_show(_Requests()))
    assert caught.value.status == 503


def test_a_timeout_of_something_else_is_not_taken_for_the_limit() -> None:
    with pytest.raises(TimeoutError):
        asyncio.run(_show(_Requests(TimeoutError())))
