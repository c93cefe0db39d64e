"""One line for each request: who, what, how it ended, how much and how long; no secrets."""

import json
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Literal

from publisher.server.http.messages import Request

LogFormat = Literal["text", "json", "none"]


def log_request(request: Request, status: int, sent: int, started: float, form: LogFormat) -> None:
    """
    Log one request; ``started`` is what ``time.perf_counter`` said when it came, ``sent`` the bytes of body.

    Queries and headers are left out: people put tokens there.
    """
    if form == "none":
        return
    milliseconds = (time.perf_counter() - started) * 1000
    path = request.path if request.path.isprintable() else ascii(request.path)
    user = request.username or "-"
    if form == "json":
        told = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "client": request.client,
            "user": request.username,
            "method": request.method,
            "path": path,
            "status": status,
            "bytes": sent,
            "ms": round(milliseconds, 1),
        }
        line = json.dumps(told)
    else:
        quoted = path.replace('"', "%22")
        line = f'{request.client} {user} "{request.method} {quoted}" {status} {sent} {milliseconds:.1f}ms'
    with suppress(OSError, ValueError):  # whoever read the log went away: that is no reason to stop serving
        sys.stderr.write(line + "\n")
