"""
Kill the index at random moments while it takes uploads, and look for damage.

Each round starts an index over the same folder, uploads from several threads, kills the process (SIGKILL), and starts
it anew: no file that is listed may be truncated, and no upload that was answered with 200 may be missing.
"""

import argparse
import hashlib
import os
import random
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

import requests

from tests.helpers.dists import make_wheel
from tests.helpers.http import Client, sha256
from tests.helpers.index import RunningIndex

USER, PASSWORD = "killer", "correct horse"
UPLOADERS = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rounds", nargs="?", type=int, default=100, help="starts of the index (100)")
    rounds = parser.parse_args().rounds
    acknowledged: dict[str, str] = {}
    problems = 0
    sent = 0
    with TemporaryDirectory() as folder:
        work = Path(folder)
        for number in range(rounds):
            index = RunningIndex.start(work / "index", "--log-format", "none")
            index.add_user(USER, PASSWORD)
            wheels = [
                make_wheel(
                    work, "victim", f"{number}.{each}", members={"victim/data": os.urandom(random.choice([100, 10**6]))}
                )
                for each in range(UPLOADERS * 2)
            ]
            sent += len(wheels)
            client = Client(index.url, (USER, PASSWORD))
            client.get("whoami")

            def upload(mine: list[Path], client: Client = client) -> None:
                for wheel in mine:
                    try:
                        if client.upload(wheel).status_code == 200:
                            acknowledged[wheel.name] = sha256(wheel)
                    except requests.RequestException:
                        return

            threads = [threading.Thread(target=upload, args=(wheels[each::UPLOADERS],)) for each in range(UPLOADERS)]
            for thread in threads:
                thread.start()
            time.sleep(random.uniform(0, 0.12))
            index.kill()
            for thread in threads:
                thread.join()
            for wheel in wheels:
                wheel.unlink()
            problems += check(work, acknowledged, number)
    print(f"{rounds} rounds, {sent} uploads begun, {len(acknowledged)} acknowledged, {problems} problems")
    sys.exit(1 if problems else 0)


def check(work: Path, acknowledged: dict[str, str], number: int) -> int:
    """Start the index again, compare its files with acknowledged ones, and return the number of problems."""
    index = RunningIndex.start(work / "index", "--log-format", "none")
    try:
        client = Client(index.url, (USER, PASSWORD))
        if not acknowledged:
            return 0
        files = {file["filename"]: file for file in client.page("victim")["files"]}
        problems = [f"missing: {name}" for name in acknowledged if name not in files]
        for name, file in files.items():
            data = (index.root / name).read_bytes()
            digest = hashlib.sha256(data).hexdigest()
            if digest != file["hashes"]["sha256"] or acknowledged.get(name, digest) != digest:
                problems.append(f"wrong digest: {name}")
            if len(data) != file["size"]:
                problems.append(f"truncated: {name}")
        problems += [f"rubbish: {path}" for path in index.root.rglob("upload-*")]
        for problem in problems:
            print(f"round {number}: {problem}")
        return len(problems)
    finally:
        index.stop()


if __name__ == "__main__":
    main()
