"""One line for each request: user, URL, status, bytes and duration; no secrets."""

import json
import time
from datetime import UTC, datetime
from typing import Literal

from publisher.server.http.log_writer import LogWriter
from publisher.server.http.messages import Request

LogFormat = Literal["text", "json", "none"]


class AccessLog:
    """Formats requests for a log, as text or JSON."""

    def __init__(self, form: LogFormat, writer: LogWriter) -> None:
        self._form = form
        self._writer = writer

    def log(self, request: Request, status: int, sent: int, started: float) -> None:
        """
        Log one request; ``started`` is the ``time.perf_counter`` of its arrival, ``sent`` the bytes of body.

        Queries and headers are left out: people put tokens there.
        """
        if self._form == "none":
            return
        milliseconds = (time.perf_counter() - started) * 1000
        if self._form == "json":
            self._writer.write_soon(_as_json(request, status, sent, milliseconds))
        else:
            path = _printable(request.path).replace('"', "%22")
            user = _printable(request.username or "-").replace(" ", "%20").replace('"', "%22")
            line = f'{request.client} {user} "{request.method} {path}" {status} {sent} {milliseconds:.1f}ms'
            self._writer.write_soon(line)


def _as_json(request: Request, status: int, sent: int, milliseconds: float) -> str:
    fields = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "client": request.client,
        "user": request.username,
        "method": request.method,
        "path": _printable(request.path),
        "status": status,
        "bytes": sent,
        "ms": round(milliseconds, 1),
    }
    return json.dumps(fields)


def _printable(text: str) -> str:
    return text if text.isprintable() else ascii(text)
