"""Running commands in turn, several rounds of them, and printing the ratios of their medians."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.helpers.projects import ABSENT_INDEX

BIN = Path(sys.executable).parent
WHEELS = BIN.parent / "wheels"
FOREIGN = ("UV_", "PIP_", "TWINE_", "PYTHON")  # settings of this machine: without bytecode Python starts half as fast

Command = list[str]
Step = tuple[Path, Command]


@dataclass(frozen=True)
class Took:
    """The cost of a run of some commands: seconds on the clock, seconds of processors, megabytes of the largest one."""

    wall: float
    cpu: float
    memory: float


class Rounds:
    """A folder to work in, the environment of the commands, and how often each is run."""

    def __init__(self, work: Path, rounds: int, settings: Mapping[str, str] | None = None) -> None:
        self.work = work
        self.rounds = rounds
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)},
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "UV_DEFAULT_INDEX": ABSENT_INDEX,
            "UV_FIND_LINKS": str(WHEELS),
            "UV_NO_CONFIG": "1",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(WHEELS),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            **(settings or {}),
        }

    def in_turn(self, *runs: Callable[[], Took]) -> list[Took]:
        """Measure one after the other, several rounds after one that is not counted; return each one's medians."""
        found = [[run() for run in runs] for _ in range(self.rounds + 1)][1:]
        return [
            Took(
                statistics.median(took.wall for took in column),
                statistics.median(took.cpu for took in column),
                max(took.memory for took in column),
            )
            for column in zip(*found, strict=True)
        ]

    def run(self, steps: Iterable[Step]) -> Took:
        """Run commands one after the other, each in its folder, and return their total cost."""
        began, cpu, memory = time.perf_counter(), 0.0, 0.0
        for folder, command in steps:
            with (self.work / "log").open("wb") as log:
                process = subprocess.Popen(
                    command, cwd=folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
                _, status, usage = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
            assert process.returncode == 0, f"{command}\n{(self.work / 'log').read_text()}"
            cpu += usage.ru_utime + usage.ru_stime
            memory = max(memory, usage.ru_maxrss / 1024)
        return Took(time.perf_counter() - began, cpu, memory)
