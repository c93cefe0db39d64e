"""
Run many random histories of an index with two writers and faults, and report those that end wrong.

Half are containers on a volume, half processes on a folder. Ctrl-C ends it with its findings.
"""

import argparse
import asyncio
import logging
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.helpers.object_store import ObjectStore, running_store
from tests.storage.bucket_histories import Buckets
from tests.storage.histories import run_history, with_cheap_passwords


def main() -> int:
    """Run the campaign; 1 when a history was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=100, help="number of histories (100)")
    parser.add_argument("first", nargs="?", type=int, default=0, help="seed of the first one (0)")
    parser.add_argument("--bucket", action="store_true", help="three processes on a bucket of a real store")
    given = parser.parse_args()
    first = given.first
    logging.disable(logging.CRITICAL)
    started, done, wrong = time.monotonic(), 0, 0
    stack = ExitStack()
    try:
        store = _start_store(stack) if given.bucket else None
        for seed in range(first, first + given.count):
            faults = _run(seed, store)
            for fault in faults:
                print(f"history {seed}: {fault}", flush=True)
            done, wrong = done + 1, wrong + bool(faults)
            if done % 100 == 0:
                print(f"{done} done, {wrong} wrong", flush=True)
    except KeyboardInterrupt:
        pass
    finally:
        stack.close()
    print(f"{done} histories from seed {first}: {wrong} wrong, {time.monotonic() - started:.0f} s")
    return int(wrong > 0)


def _run(seed: int, store: ObjectStore | None) -> list[str]:
    """Run one history and return its faults."""
    with TemporaryDirectory(prefix="history-", ignore_cleanup_errors=True) as place, ExitStack() as ways:
        if store is None:
            work = run_history(Path(place), seed, volume=seed % 2 == 1)
        else:
            work = run_history(Path(place), seed, world=Buckets(store, ways), writers=3)
        return asyncio.run(with_cheap_passwords(work))


def _start_store(stack: ExitStack) -> ObjectStore:
    place = stack.enter_context(TemporaryDirectory(prefix="store-", ignore_cleanup_errors=True))
    return stack.enter_context(running_store(Path(place)))


if __name__ == "__main__":
    sys.exit(main())
