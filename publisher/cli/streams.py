"""The standard streams of the process, which may be closed, full or in another encoding than UTF-8."""

import os
import sys
from contextlib import suppress

_NAMES = ("stdin", "stdout", "stderr")


def prepare_streams() -> None:
    """Replace closed streams with the null device, and unprintable characters with `?`."""
    for descriptor, name in enumerate(_NAMES):
        _keep_open(descriptor)
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(descriptor, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - for the process's whole life
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def abandon_unwritable_streams() -> None:
    """Flush the outputs, and replace those that can't be written, so that Python does not complain at its end."""
    for name in ("stdout", "stderr"):
        try:
            getattr(sys, name).flush()
        except (OSError, ValueError):
            with suppress(OSError):
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, getattr(sys, name).fileno())
                os.close(null)


def _keep_open(descriptor: int) -> None:
    """Open a closed descriptor on the null device, before another file gets its number."""
    try:
        os.fstat(descriptor)
    except OSError:
        opened = os.open(os.devnull, os.O_RDWR)
        if opened != descriptor:
            os.dup2(opened, descriptor)
            os.close(opened)
