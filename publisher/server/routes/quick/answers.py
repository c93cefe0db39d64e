"""Answering requests from memory, if the answer is proven to be up to date without waiting."""

import logging
import time
from collections.abc import Callable, Hashable

from publisher.server.http.access_log import AccessLog
from publisher.server.http.forwarding import Forwarding
from publisher.server.http.messages import ClientGoneError, Message, Request, Response, Scope
from publisher.server.routes.authorization import Access, Authorization, Need
from publisher.server.routes.quick.repeats import Repeat, Repeats
from publisher.server.routes.table import RouteTable

_log = logging.getLogger(__name__)


class QuickAnswers:
    """
    Answers GET requests from memory, with the application's route table and authorization.

    A server that asks here before it starts a task answers most requests in a fraction of the time. If the answer is
    not in memory, or if something fails, the application has to answer the request.
    """

    def __init__(  # noqa: PLR0913 - the parts that a request passes
        self,
        table: RouteTable,
        authorization: Authorization,
        forwarding: Forwarding,
        access_log: AccessLog,
        repeats: Repeats,
        *,
        is_started: Callable[[], bool],
    ) -> None:
        self._authorization = authorization
        self._forwarding = forwarding
        self._access_log = access_log
        self._repeats = repeats
        self._is_started = is_started
        self.table = table

    def begin(self, scope: Scope) -> Request:
        """Return the GET request of a scope, for `from_memory`."""
        self._forwarding.apply(scope)
        return Request(scope, _nothing_to_receive)

    def again(self, key: Hashable, request: Request) -> Response | None:
        """
        Return the answer to an earlier request with the same key, if it is proven to be up to date.

        ``request`` is any request of this client; it names the client in the log.
        """
        started = time.perf_counter()
        try:
            repeat = self._repeats.recall(key)
            if repeat is not None and self._access_log.is_on:
                self._access_log.log_again(repeat.log_line, request.client, started)
        except Exception as error:  # noqa: BLE001 - the request is answered in the usual way instead
            _log.warning("an answer can't be given again: %r", error)
            return None
        return repeat.response if repeat is not None else None

    def from_memory(self, request: Request, key: Hashable = None) -> Response | None:
        """
        Return the answer to a request; None if it is not in memory.

        With a ``key``, which must include everything the answer depends on, `again` can reuse the answer.
        """
        if not self._is_started():
            return None
        started = time.perf_counter()
        try:
            answer = self._remembered(request, key)
            if answer is not None:
                self._access_log.log(request, answer.status, len(answer.body), started)
        except Exception as error:  # noqa: BLE001 - the request is answered in the usual way instead
            _log.warning("%s can't be answered from memory: %r", ascii(request.path), error)
            return None
        return answer

    def _remembered(self, request: Request, key: Hashable) -> Response | None:
        """Return an answer from memory, and keep it for later requests with the same key."""
        route, rest = self.table.find("GET", request.path[1:])
        if route.from_memory is None or not self._authorization.from_memory(request, route.right, rest):
            return None
        found = route.from_memory(request, rest)
        if found is None:
            return None
        if key is not None and found.is_right is not None:
            may_read = self._authorization.proof(request, route.right, rest)
            line = self._fixed_line(request, route.right, found.response)
            if may_read is not None and line is not None:
                self._repeats.keep(key, Repeat(found.response, may_read, found.is_right, line))
        return found.response

    def _fixed_line(self, request: Request, need: Need | Access, answer: Response) -> str | None:
        """
        Return the part of the access log line that never changes; None if the user in it may change.

        On an open index, it names the user only while the credentials are known to be valid.
        """
        if not self._access_log.is_on:
            return ""
        if self._authorization.is_open(need) and b"authorization" in request.headers:
            return None
        return self._access_log.fixed_part(request, answer.status, len(answer.body))


async def _nothing_to_receive() -> Message:
    raise ClientGoneError
