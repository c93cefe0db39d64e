"""
Run many random histories of an index with two writers and faults, and report those that end wrong.

`python benchmarks/histories.py COUNT [FIRST_SEED]`; half are containers on a volume, half processes on a folder.
Ctrl-C ends it with what it has found.
"""

import asyncio
import logging
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.storage.histories import run_history, with_cheap_passwords


def main() -> int:
    """Run the campaign; 1 when a history was wrong."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    logging.disable(logging.CRITICAL)
    started, done, wrong = time.monotonic(), 0, 0
    try:
        for seed in range(first, first + count):
            with TemporaryDirectory(prefix="history-", ignore_cleanup_errors=True) as place:
                work = run_history(Path(place), seed, volume=seed % 2 == 1)
                faults = asyncio.run(with_cheap_passwords(work))
            for fault in faults:
                print(f"history {seed}: {fault}", flush=True)
            done, wrong = done + 1, wrong + bool(faults)
            if done % 100 == 0:
                print(f"{done} done, {wrong} wrong", flush=True)
    except KeyboardInterrupt:
        pass
    print(f"{done} histories from seed {first}: {wrong} wrong, {time.monotonic() - started:.0f} s")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
