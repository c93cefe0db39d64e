"""One line for each request: user, URL, status, bytes and duration; no secrets."""

import json
import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal

from publisher.server.http.log_writer import LogWriter
from publisher.server.http.messages import Request

LogFormat = Literal["text", "json", "none"]

_quoted = json.JSONEncoder().encode


class AccessLog:
    """Formats requests for a log, as text or JSON."""

    def __init__(self, form: LogFormat, writer: LogWriter) -> None:
        self._form = form
        self._writer = writer

    @property
    def is_on(self) -> bool:
        """Whether requests are logged at all."""
        return self._form != "none"

    def log(self, request: Request, status: int, sent: int, started: float) -> None:
        """
        Log one request; ``started`` is the ``time.perf_counter`` of its arrival, ``sent`` the bytes of body.

        Queries and headers are left out: people put tokens there.
        """
        if self.is_on:
            self.log_again(self.fixed_part(request, status, sent), request.client, started)

    def fixed_part(self, request: Request, status: int, sent: int) -> str:
        """Return the part of a line that is the same whenever this request gets this answer, from any client."""
        if self._form == "json":  # encoding each field takes a third of the time that encoding a dict takes
            user, method, path = _quoted(request.username), _quoted(request.method), _quoted(_printable(request.path))
            return f'"user": {user}, "method": {method}, "path": {path}, "status": {status}, "bytes": {sent}'
        path = _printable(request.path).replace('"', "%22")
        user = _printable(request.username or "-").replace(" ", "%20").replace('"', "%22")
        return f'{user} "{request.method} {path}" {status} {sent}'

    def log_again(self, fixed: str, client: str, started: float) -> None:
        """Log one request, given the result of `fixed_part`."""
        milliseconds = (time.perf_counter() - started) * 1000
        if self._form == "json":
            now = log_time(time.time_ns() // 10**6)
            line = f'{{"time": "{now}", "client": {_quoted(client)}, {fixed}, "ms": {milliseconds:.1f}}}'
        else:
            line = f"{client} {fixed} {milliseconds:.1f}ms"
        self._writer.write_soon(line)


def log_time(milliseconds: int) -> str:
    """Return a time in milliseconds since 1970 as text (RFC 3339), in UTC."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{_second_text(seconds)}.{rest:03}+00:00"


@lru_cache(maxsize=1)
def _second_text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _printable(text: str) -> str:
    return text if text.isprintable() else ascii(text)
