"""Change the source at random, one small place at a time, and list the changes that no test notices.

    python tests/tools/mutate.py --count 200 --seed 1 [publisher/server/auth ...]

Run it in a clean checkout that nobody else works in: it changes files in place and puts them back.
Each change meets the tests that lie nearest first: those that import its module, those of its folder, of its room.
Tests of other rooms run with --thorough only, so the score is a lower bound.
A change that no test can notice, because it means the same, is yours to tell apart.
"""

import argparse
import os
import random
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.tools.mutations import Mutation, mutations  # noqa: E402 - the script may be run from anywhere

AREAS = ("publisher", "deployments/pypi_deploy.py")
STAGE_LIMIT = 900
"""Seconds for the tests of one stage; a change that makes them hang is noticed."""


def main() -> None:
    """Draw changes, try them one after the other, and print the score by area."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("areas", nargs="*", default=AREAS, help="files or folders to change (default: all)")
    parser.add_argument("--count", type=int, default=200, help="how many changes (default 200)")
    parser.add_argument("--seed", type=int, default=1, help="which sample (default 1)")
    parser.add_argument("--pytest", default="-n 2", help="further options of pytest (default: -n 2)")
    parser.add_argument("--thorough", action="store_true", help="run the whole suite against what survives its room's")
    options = parser.parse_args()
    if changed := git("status", "--porcelain", "--untracked-files=no"):
        parser.error(f"commit first; these files differ:\n{changed}")
    score: Counter[tuple[str, bool]] = Counter()
    for number, mutation in enumerate(sample(options.areas, options.count, options.seed), 1):
        caught = notice(mutation, options.pytest.split(), thorough=options.thorough)
        score[area_of(mutation.path), bool(caught)] += 1
        verdict = f"noticed by {caught}" if caught else "SURVIVED"
        print(f"{number:3} {mutation.path.relative_to(ROOT)}:{mutation.line}: {verdict}", flush=True)  # noqa: T201
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


def notice(mutation: Mutation, options: Sequence[str], *, thorough: bool) -> str:
    """Return the test that fails with a change and passes without it, ``a hang``, or an empty text."""
    for tests in stages(mutation.path, thorough=thorough):
        kept = mutation.path.read_bytes()
        try:
            mutation.apply()
            failed = failing(tests, options)
        finally:
            mutation.path.write_bytes(kept)
        if failed == "a hang" or (failed and not failing([failed], ())):
            return failed
    return ""


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
            output, _ = pytest.communicate(timeout=STAGE_LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(pytest.pid, signal.SIGKILL)
            return "a hang"
    if pytest.returncode in {0, 5}:  # 5: no test was collected
        return ""
    found = re.search(r"^(?:FAILED|ERROR) (\S+?\.py(?:::\S+?)?)(?: - |$)", output, re.MULTILINE)
    return found[1] if found else tests[0]


def stages(path: Path, *, thorough: bool) -> Iterator[list[str]]:
    """Yield the tests of a file, nearest first."""
    relative = path.relative_to(ROOT)
    if relative.parts[0] == "deployments":
        yield ["tests/modal"]
        return
    room = Path("tests", *relative.parent.parts[1:])
    direct = {test for test in importing(path, ROOT / "tests") if test.stem.startswith("test_")}
    if near := direct | {*(ROOT / room).glob(f"test_{path.stem}*.py")}:
        yield sorted(str(test.relative_to(ROOT)) for test in near)
    while room.parts[2 if room.parts[1:2] == ("server",) and not thorough else 1 :]:
        if (ROOT / room).is_dir():
            yield [str(room)]
        room = room.parent
    users = importing(path, ROOT / "publisher")
    if through := {test for user in users for test in importing(user, ROOT / "tests") if test.stem.startswith("test_")}:
        yield sorted(str(test.relative_to(ROOT)) for test in through)
    if thorough:
        yield ["tests"]


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
