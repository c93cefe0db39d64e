"""Reading strangers' bytes for a request: in its user's turn, and no longer than its client stays."""

from collections.abc import Callable
from typing import TypeVar

from publisher.server.http.forwarding import place_of
from publisher.server.http.messages import ClientGoneError, Request
from publisher.server.work.inspection import Checkpoint, InspectionEndedError, InspectionPool

_Result = TypeVar("_Result")


def turn_key(request: Request) -> str:
    """Return whose turn a request takes: an account's, or that of a place where everybody may ask."""
    return request.username or place_of(request.client)


async def inspect(pool: InspectionPool, request: Request, work: Callable[[Checkpoint], _Result]) -> _Result:
    """Work on bytes that a stranger sent; raise ClientGoneError when the client goes away, BusyError for no turn."""
    try:
        return await pool.run(turn_key(request), work, request.gone)
    except InspectionEndedError:
        raise ClientGoneError from None
