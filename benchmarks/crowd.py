"""Let 32 publishers and 32 installers loose on one index, and count failures and losses."""

import argparse
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.helpers.dists import make_wheel
from tests.helpers.http import JSON, Client, sha256
from tests.helpers.index import RunningIndex

USER, PASSWORD = "crowd", "correct horse"
CROWD = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("releases", nargs="?", type=int, default=10, help="releases of each publisher (10)")
    releases = parser.parse_args().releases
    statuses: Counter[int] = Counter()
    published: dict[str, str] = {}
    wrong: list[str] = []
    done = threading.Event()
    with TemporaryDirectory() as folder:
        work = Path(folder)
        index = RunningIndex.start(work / "index", "--log-format", "none")
        index.add_user(USER, PASSWORD)

        def publish(number: int) -> None:
            client = Client(index.url, (USER, PASSWORD))
            for release in range(releases):
                wheel = make_wheel(work, f"crowd{number % 8}", f"{number}.{release}")
                answer = client.upload(wheel)
                statuses[answer.status_code] += 1
                published[wheel.name] = sha256(wheel)

        def install(number: int) -> None:
            client = Client(index.url, (USER, PASSWORD))
            while not done.is_set():
                page = client.get(f"simple/crowd{number % 8}/", {"Accept": JSON})
                statuses[page.status_code] += 1
                for file in page.json()["files"][-3:] if page.status_code == 200 else []:
                    answer = client.get(file["url"].lstrip("/"))
                    statuses[answer.status_code] += 1
                    if len(answer.content) != file["size"]:
                        wrong.append(file["filename"])

        began = time.perf_counter()
        publishers = [threading.Thread(target=publish, args=(number,)) for number in range(CROWD)]
        installers = [threading.Thread(target=install, args=(number,)) for number in range(CROWD)]
        for thread in publishers + installers:
            thread.start()
        for thread in publishers:
            thread.join()
        done.set()
        for thread in installers:
            thread.join()
        took = time.perf_counter() - began
        client = Client(index.url, (USER, PASSWORD))
        files = [file for number in range(8) for file in client.page(f"crowd{number}")["files"]]
        listed = {file["filename"]: file["hashes"]["sha256"] for file in files}
        index.stop()
    failures = sum(count for status, count in statuses.items() if status >= 500)
    lost = [name for name, digest in published.items() if listed.get(name) != digest]
    print(f"{sum(statuses.values())} requests in {took:.1f} s: {dict(statuses)}")
    print(f"{len(published)} published, {failures} answers of 5xx, {len(lost)} lost, {len(wrong)} of a wrong size")
    sys.exit(1 if failures or lost or wrong else 0)


if __name__ == "__main__":
    main()
