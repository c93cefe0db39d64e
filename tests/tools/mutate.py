"""Change the source at random, one small place at a time, and list the changes that no test notices.

    python tests/tools/mutate.py --count 200 --seed 1 [publisher/server/auth ...]

Run it in a clean checkout in which no other work is done: it changes files in place and puts them back.
First the suite runs once with a mark at each place of the sample, so that each change meets the tests that run it, the
quickest first; for a place that runs at import, the tests that import its module.
Slow tests beyond two minutes are left out, so the score is a lower bound.
Equivalent changes, which no test can notice, are listed too: sort them out by hand.
"""

import argparse
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.tools.mutations import Mutation, mutations  # noqa: E402 - the script may be run from anywhere
from tests.tools.reaching import IMPORT, Reached, reaching  # noqa: E402

AREAS = ("publisher", "deployments/pypi_deploy.py")
LIMIT = 600
"""Seconds for the tests of one change; one that makes them hang is noticed."""
BUDGET = 120.0
"""Total seconds of the tests that are chosen for one change."""
MOST = 400
"""Most tests that are chosen for one change."""
PARALLEL = 15.0
"""Seconds of tests from which several processes are worth their start."""


def main() -> None:
    """Draw changes, try them one after the other, and print the score by area."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("areas", nargs="*", default=AREAS, help="files or folders to change (default: all)")
    parser.add_argument("--count", type=int, default=200, help="how many changes (default 200)")
    parser.add_argument("--seed", type=int, default=1, help="which sample (default 1)")
    parser.add_argument("--pytest", default="-n 2", help="further options of pytest (default: -n 2)")
    options = parser.parse_args()
    if changed := git("status", "--porcelain", "--untracked-files=no"):
        parser.error(f"commit first; these files differ:\n{changed}")
    drawn = sample(options.areas, options.count, options.seed)
    parallel = options.pytest.split()
    score: Counter[tuple[str, bool]] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        reached = reaching(drawn, parallel, Path(folder), ROOT)
    for number, mutation in enumerate(drawn):
        tests, seconds = chosen(number, mutation, reached)
        caught = notice(mutation, tests, parallel if seconds > PARALLEL else ()) if tests else ""
        score[area_of(mutation.path), bool(caught)] += 1
        verdict = f"noticed by {caught}" if caught else f"SURVIVED {len(tests)} tests"
        print(f"{number + 1:3} {mutation.path.relative_to(ROOT)}:{mutation.line}: {verdict}", flush=True)  # noqa: T201
        if not caught:
            print(f"    - {mutation.before}\n    + {mutation.after}", flush=True)  # noqa: T201
    for area in sorted({area for area, _ in score}):
        caught_here, all_here = score[area, True], score[area, True] + score[area, False]
        print(f"{area}: {caught_here} of {all_here} noticed ({caught_here / all_here:.0%})")  # noqa: T201


def sample(areas: Sequence[str], count: int, seed: int) -> list[Mutation]:
    """Draw changes from all places of all files, each place as likely as any other."""
    files = [ROOT / area for area in areas if area.endswith(".py")]
    folders = [ROOT / area for area in areas if not area.endswith(".py")]
    files += [path for folder in folders for path in sorted(folder.rglob("*.py"))]
    places = [mutation for path in files for mutation in mutations(path)]
    return random.Random(seed).sample(places, min(count, len(places)))


def notice(mutation: Mutation, tests: Sequence[str], options: Sequence[str]) -> str:
    """Return the test that fails with a change and passes without it, ``a hang``, or an empty text."""
    kept = mutation.path.read_bytes()
    try:
        mutation.apply()
        failed = failing(tests, options)
    finally:
        mutation.path.write_bytes(kept)
    return failed if failed == "a hang" or (failed and not failing([failed], ())) else ""


def failing(tests: Sequence[str], options: Sequence[str]) -> str:
    """Return the first test that fails, ``a hang`` when they don't end, or an empty text when all pass."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "not campaign and not wide"]
    with subprocess.Popen(
        [*command, *options, *tests],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as pytest:
        try:
            output, _ = pytest.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(pytest.pid, signal.SIGKILL)
            return "a hang"
    if pytest.returncode in {0, 5}:  # 5: no test was collected
        return ""
    found = re.search(r"^(?:FAILED|ERROR) (.+?\.py(?:::.+?)?)(?: - |$)", output, re.MULTILINE)
    return found[1] if found else tests[0]


def chosen(number: int, mutation: Mutation, reached: Reached) -> tuple[list[str], float]:
    """Return the tests that may notice a change, the quickest first, and the seconds that they take."""
    tests: list[str] = []
    seconds = 0.0
    for test in reached.quickest_first(number):
        if seconds > BUDGET or len(tests) >= MOST:
            break
        tests.append(test)
        seconds += reached.seconds[test]
    if reached.tests[number] <= {IMPORT, ""} or IMPORT in reached.tests[number]:
        near = {test for test in importing(mutation.path, ROOT / "tests") if test.stem.startswith("test_")}
        near |= {*(ROOT / "tests").rglob(f"test_{mutation.path.stem}.py")}
        tests += sorted(str(test.relative_to(ROOT)) for test in near)
        seconds += BUDGET if near else 0.0
    return tests, seconds


def importing(path: Path, folder: Path) -> Iterator[Path]:
    """Yield the files of a folder that import a module, however they write it."""
    parents = ".".join(path.relative_to(ROOT).parent.parts)
    ways = re.compile(rf"\b{re.escape(parents)}(?:\.| import (?:.*\b)?){re.escape(path.stem)}\b")
    for other in folder.rglob("*.py"):
        if other != path and ways.search(other.read_text(encoding="utf-8")):
            yield other


def area_of(path: Path) -> str:
    """Return the room of a file, two names deep in the server."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return "/".join(parts[: 3 if parts[1:2] == ("server",) else 2])


def git(*words: str) -> str:
    """Return the output of git in this checkout."""
    return subprocess.run(["git", *words], cwd=ROOT, text=True, check=True, stdout=subprocess.PIPE).stdout


if __name__ == "__main__":
    main()
