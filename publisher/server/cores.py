"""The processor cores that this process may use, as far as the system and its container say."""

import math
import os
from contextlib import suppress
from pathlib import Path

_GROUPS = Path("/sys/fs/cgroup")


def usable_cores(groups: Path = _GROUPS) -> int:
    """Return the number of cores, at least 1; a container's share of the time counts as so many whole cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for group in {groups, _own_group(groups)}:
        with suppress(OSError, ValueError):  # no Linux, an older kind of group, or no quota ("max")
            allowed, period = (group / "cpu.max").read_text().split()
            cores = min(cores, math.ceil(int(allowed) / int(period)))
    return max(1, cores)


def _own_group(groups: Path) -> Path:
    """Return the control group of this process: a container has it as its root, a service of systemd below."""
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            if line.startswith("0::/"):
                return groups / line[len("0::/") :]
    return groups
