"""Rendering of descriptions in a process of its own, which ends in time whatever it was given."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from publisher.limits import LIMITS
from publisher.project.child_environment import bare_environment

_LOOK_EVERY = 0.25


def render_bounded(
    text: str, content_type: str, checkpoint: Callable[[], None], *, time_limit: float = LIMITS.pages.rendering
) -> str | None:
    """
    Return a description as safe HTML; None where it is too long, takes too long, or does not render.

    ``checkpoint`` is called now and then, and may raise to end the work.
    """
    if len(text) > LIMITS.pages.readme:
        return None
    if content_type.partition(";")[0].strip().lower() == "text/plain" or not text.strip():
        return None
    command = [sys.executable, "-P", "-m", "publisher.server.web.readme"]
    environment = bare_environment(os.environ)
    given: bytes | None = json.dumps({"text": text, "content_type": content_type}).encode()
    deadline = time.monotonic() + time_limit
    with subprocess.Popen(  # noqa: S603 - ourselves
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            while True:
                checkpoint()
                with suppress(subprocess.TimeoutExpired):
                    output, _ = process.communicate(given, timeout=_LOOK_EVERY)
                    break
                given = None
                if time.monotonic() > deadline:
                    return None
        finally:
            process.kill()
    try:
        found = json.loads(output) if process.returncode == 0 else None
    except ValueError:
        return None
    return found if isinstance(found, str) else None
