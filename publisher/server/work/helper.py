"""A process of low priority that reads files for an index: JSON lines, one request in, one answer out."""

import importlib
import json
import os
import select
import signal
import sys
from base64 import b64decode
from pathlib import Path
from typing import Any

from publisher.errors import InvalidDistributionError
from publisher.limits import LIMITS, DistributionLimits
from publisher.project.archives import no_checkpoint

_NICE = 10
"""All spare processor time, and a tenth of a busy one: a large file is read, if later."""


def main() -> None:
    """Answer until there was no request for a while, or the index is gone."""
    for number in (signal.SIGINT, signal.SIGTERM):  # the index handles them, and ends its helpers
        signal.signal(number, signal.SIG_IGN)
    _limit()
    waiting = select.poll()
    waiting.register(0, select.POLLIN)
    while waiting.poll(LIMITS.helper_idle * 1000):
        request = sys.stdin.buffer.readline()
        if not request:
            return
        sys.stdout.buffer.write(json.dumps(_answer(json.loads(request))).encode() + b"\n")
        sys.stdout.buffer.flush()


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    """Return a function's result, or its failure."""
    try:
        function = getattr(importlib.import_module(request["module"]), request["function"])
        limits = DistributionLimits(**request["limits"])
        source = Path(request["path"]) if "path" in request else b64decode(request["bytes"])
        return {"result": function(source, *request["arguments"], limits=limits, checkpoint=no_checkpoint)}
    except InvalidDistributionError as error:
        return {"refused": error.message}
    except OSError as error:
        return {"errno": error.errno, "reason": error.strerror}
    except MemoryError:
        return {"refused": "reading it takes more memory than this index gives a file"}
    except Exception as error:  # noqa: BLE001 - it is raised again in the index
        return {"failed": repr(error)}


def _limit() -> None:
    import resource  # noqa: PLC0415 - not on Windows

    os.nice(_NICE)
    if sys.platform == "linux":
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        resource.setrlimit(resource.RLIMIT_AS, (LIMITS.helper_memory,) * 2)


if __name__ == "__main__":
    main()
