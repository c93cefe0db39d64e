"""
Measure processor time, memory and requests of one process of an index in a bucket, as its projects grow.

The bucket is in this process's memory, so that a store's own time is not part of it. Each project has ten files.
"""

import argparse
import asyncio
import gc
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from publisher.server.store.bucket.record import ProjectRecord
from publisher.server.store.bucket.records import record_key
from tests.helpers.memory_bucket import Process, memory_index, metadata_of

FILES = 10


def main() -> None:
    """Measure each size in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "projects", nargs="*", type=int, default=[1000, 10_000], help="numbers of projects (1000 10000)"
    )
    parser.add_argument("--one", action="store_true", help="measure the first number in this process")
    given = parser.parse_args()
    if given.one:
        asyncio.run(measure(given.projects[0]))
        return
    for size in given.projects:
        subprocess.run([sys.executable, __file__, "--one", str(size)], check=True)


async def measure(projects: int) -> None:
    """Print the costs of the first list of all projects, of the next one, and of the projects themselves."""
    process = _published(projects).another()
    process.orders.take()
    print(f"{projects} projects, {projects * FILES} files")
    began, memory = time.process_time(), _private()
    await process.catalog.refresh()
    _report("first list", began, memory, process)
    process.age(1e6)
    began, memory = time.process_time(), _private()
    await process.catalog.refresh()
    _report("list without a change", began, memory, process)
    began, memory = time.process_time(), _private()
    for number in range(projects):
        await process.catalog.find(f"project-{number}")
    _report("every project", began, memory, process)
    process.catalog.close()


def _published(projects: int) -> Process:
    process = memory_index()
    upload = f"{process.storage.identity.identifier[:12]}-{'0' * 32}"
    metadata = metadata_of(200_000, "ab" * 32, requires_python=">=3.9", metadata_sha256="cd" * 32)
    for number in range(projects):
        record = ProjectRecord(f"project-{number}").edited()
        for version in range(FILES):
            record.add(f"project_{number}-1.{version}-py3-none-any.whl", upload, metadata)
        process.objects.overwrite(record_key(record.name), record.to_bytes())
    return process


def _report(what: str, began: float, memory: float, process: Process) -> None:
    spent, requests = time.process_time() - began, len(process.orders.take())
    gc.collect()
    print(f"  {what}: {spent:.2f} s of processor time, {_private() - memory:.0f} MB, {requests} requests")


def _private() -> float:
    """Return the memory of this process that no other one shares, in MB."""
    lines = Path("/proc/self/smaps_rollup").read_text("utf-8").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private")) / 1e3


if __name__ == "__main__":
    main()
