"""Running other people's programs: bounded in time, nobody to ask, nothing printed."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from publisher.secret import mask_urls

TIME_LIMIT = 30.0
"""Seconds that a program may take; one that waits for a person waits for ever."""

_ADVICE = ("WARNING:", "INFO:", "hint:", "See ", "[notice]")
_SIGNS = ("ERROR:", "error:", "cause:")
"""What programs put in front of a line that is grave."""

OUR_OWN = ("PYPI_PUBLISH_",)
"""Beginnings of the variables that other programs do not know."""


@dataclass(frozen=True)
class Outcome:
    """What a program did; the code is None when it had to be ended."""

    code: int | None
    stdout: str
    stderr: str

    @property
    def last_line(self) -> str:
        """What it said last, but for its advice, which is where programs say why they failed."""
        lines = [line.strip() for line in (self.stderr or self.stdout).splitlines() if line.strip()]
        grave = [line for line in lines if not line.startswith(_ADVICE)]
        said = (grave or lines or ["it said nothing"])[-1]
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
    """Run a program as a tool would be run in this shell; ``environment`` is added to the shell's own."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(OUR_OWN)}
    try:
        done = subprocess.run(  # noqa: S603 - the command is a list, no shell reads it
            list(command),
            input=given.encode(),
            capture_output=True,
            cwd=folder,
            env={**own, **(environment or {})},
            check=False,
            timeout=time_limit,
        )
    except subprocess.TimeoutExpired:
        return Outcome(None, "", "")
    except OSError as error:
        return Outcome(127, "", error.strerror or str(error))
    return Outcome(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))
