"""Running other programs: bounded in time, without a terminal, and with their output captured."""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from publisher.project.child_environment import without_own_secrets
from publisher.secret import mask_urls
from publisher.waiting import waiting_for

TIME_LIMIT = 30.0
"""Seconds that a program may take; one that waits for a person waits for ever."""

_ADVICE = ("WARNING:", "INFO:", "hint:", "See ", "[notice]")
_SIGNS = ("ERROR:", "error:", "cause:")
"""Beginnings of lines that report an error."""

OUR_OWN = ("PYPI_PUBLISH_",)
"""Beginnings of the variables that are none of other programs' business."""

_running: set[subprocess.Popen[bytes]] = set()


class Outcome(NamedTuple):
    """Exit code and output of a program; the code is None when it had to be stopped."""

    code: int | None
    stdout: str
    stderr: str

    @property
    def last_line(self) -> str:
        """The last line that is no advice, which is where programs say why they failed."""
        lines = [line.strip() for line in (self.stderr or self.stdout).splitlines() if line.strip()]
        grave = [line for line in lines if not line.startswith(_ADVICE)]
        said = (grave or lines or ["no output"])[-1]
        said = next((said.removeprefix(sign).strip() for sign in _SIGNS if said.startswith(sign)), said)
        return mask_urls(said)  # some programs repeat the URL


def find_program(name: str) -> Path | None:
    """Return the program that a shell would run under a name."""
    found = shutil.which(name)
    return Path(found) if found else None


def run_program(
    command: Sequence[str | Path],
    *,
    given: str = "",
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    time_limit: float = TIME_LIMIT,
) -> Outcome:
    """Run a program as a shell would, without a terminal; ``environment`` is added to the shell's own."""
    own = {name: value for name, value in without_own_secrets(os.environ).items() if not name.startswith(OUR_OWN)}
    try:
        process = subprocess.Popen(  # noqa: S603 - the command is a list, no shell reads it
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env={**own, **(environment or {})},
            start_new_session=True,  # no terminal to ask on, and a group that can be stopped as a whole
        )
    except OSError as error:
        return Outcome(127, "", error.strerror or str(error))
    _running.add(process)
    try:
        with waiting_for(Path(command[0]).name), process:
            try:
                stdout, stderr = process.communicate(given.encode(), timeout=time_limit)
            except BaseException:
                _stop(process)
                raise
    except subprocess.TimeoutExpired:
        return Outcome(None, "", "")
    finally:
        _running.discard(process)
    return Outcome(process.returncode, stdout.decode(errors="replace"), stderr.decode(errors="replace"))


def stop_programs() -> None:
    """Stop every running program once its caller no longer waits."""
    for process in list(_running):
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Stop a program and those that it started, which would keep its pipes open."""
    if os.name == "nt":
        process.kill()
        return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
