"""An index whose event loop is watched from inside: how long others held it, in seconds of processor time."""

import asyncio
import mmap
import os
import re
import struct
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from publisher.cli.main import main
from publisher.server.app import IndexApp
from tests.helpers.index import RunningIndex

VARIABLE = "WATCHED_INDEX"
"""Names the file that the watched index writes to."""

TICK = 0.002
IDLE = 36 * 2**10
"""Kilobytes of a process that reads archives, before it has read any."""
_RECORD = struct.Struct("dQ")


class WatchedIndex(RunningIndex):
    """An index with a ticker in its loop."""

    module = "tests.helpers.watched"

    @classmethod
    def begin(cls, folder: Path, *options: str) -> "WatchedIndex":
        """Start an index over ``folder/packages``."""
        folder.mkdir(parents=True, exist_ok=True)
        record = folder / "ticks"
        record.write_bytes(bytes(_RECORD.size))
        root = str(Path(__file__).parents[2])
        path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
        started = cls.start(folder, *options, env={VARIABLE: str(record), "PYTHONPATH": path})
        assert isinstance(started, cls)
        return started

    def longest_hold(self) -> float:
        """Return the longest time since the last call that the loop was kept from a tick."""
        with (self.folder / "ticks").open("r+b") as file, mmap.mmap(file.fileno(), 0) as record:
            held, ticks = _RECORD.unpack(record[:])
            record[:] = _RECORD.pack(0.0, ticks)
        return float(held)

    def processor_time(self) -> float:
        """Return the seconds of processor time that the index and its processes have used."""
        used = sum(map(int, _stat(self.process.pid)[11:15]))  # those that ended are in the index's own
        for pid in self._children():
            with suppress(FileNotFoundError, ProcessLookupError):
                used += sum(map(int, _stat(pid)[11:13]))
        return float(used) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> int:
        """
        Return the memory of the index in MB, and of its processes the part beyond what an idle one takes.

        There are at most two, they start at any moment, and stay for a while. Pages that are shared count once.
        """
        kilobytes = _kilobytes(self.process.pid)
        for pid in self._children():
            with suppress(FileNotFoundError, ProcessLookupError):
                kilobytes += max(0, _kilobytes(pid) - IDLE)
        return kilobytes // 2**10

    def _children(self) -> list[int]:
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            with suppress(FileNotFoundError, ProcessLookupError):
                if _stat(int(path.name))[1] == str(self.process.pid):
                    found.append(int(path.name))
        return found


def _kilobytes(pid: int) -> int:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss: +(\d+) kB", rollup, re.MULTILINE)[1])  # type: ignore[index]


def _stat(pid: int) -> list[str]:
    """Return the fields of a process after its name."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


async def _tick(path: str) -> None:
    """
    Note the longest hold.

    A tick that is late because the machine is busy costs this process no processor time; one that is late because a
    request or another thread had the interpreter costs as much as it is late.
    """
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as record:  # noqa: ASYNC230, PTH123 - once
        while True:
            wall, used = time.perf_counter(), time.process_time()
            await asyncio.sleep(TICK)
            late = min(time.perf_counter() - wall - TICK, time.process_time() - used)
            held, ticks = _RECORD.unpack(record[:])
            record[:] = _RECORD.pack(max(held, late), ticks + 1)


def _watch() -> None:
    start = IndexApp.start
    tasks: list[Any] = []

    async def watched(app: IndexApp) -> None:
        if not tasks:
            tasks.append(asyncio.create_task(_tick(os.environ[VARIABLE])))
        await start(app)

    IndexApp.start = watched  # type: ignore[assignment,method-assign]


if __name__ == "__main__":
    _watch()
    main()
