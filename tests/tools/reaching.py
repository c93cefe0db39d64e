"""Find the tests that run each of many places of the source, by one run of the suite with a mark at each place."""

import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.tools.mutations import Mutation

IMPORT = "import"
"""Placeholder for a test, for code that runs at import."""

RUNTIME = """
import builtins, os

_folder = {folder!r}
_open, _read, _write, _close, _pid, _stat = os.open, os.read, os.write, os.close, os.getpid, os.stat
_known = {{}}

def _contents(path):
    file = _open(path, os.O_RDONLY)
    try:
        return _read(file, 4096).decode()
    finally:
        _close(file)

def _owner(pid):
    "Return the file of the nearest ancestor that runs tests."
    while pid > 1:
        path = f"{{_folder}}/test.{{pid}}"
        try:
            _stat(path)
            return path
        except OSError:
            pid = int(_contents(f"/proc/{{pid}}/stat").rpartition(") ")[2].split()[1])
    return ""

def _reached(place):
    pid = _pid()
    try:
        if pid not in _known:
            _known[pid] = _owner(pid), set()
        owner, seen = _known[pid]
        test = _contents(owner) if owner else ""
        if (place, test) not in seen:
            seen.add((place, test))
            file = _open(f"{{_folder}}/reached.{{pid}}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            try:
                _write(file, f"{{place}}\\t{{test}}\\n".encode())
            finally:
                _close(file)
    except OSError:
        pass

builtins._reached = _reached
"""


def marked(source: bytes, places: Sequence[tuple[int, Mutation]]) -> bytes:
    """Return a source that calls ``_reached(number)`` whenever the place with that number runs."""
    pieces: list[tuple[int, int, int, bytes]] = []
    for number, place in places:
        if place.is_statement:
            pieces.append((place.start, 1, -place.end, b"_reached(%d); " % number))
        else:
            pieces.append((place.start, 1, -place.end, b"(_reached(%d) or (" % number))
            pieces.append((place.end, 0, -place.start, b"))"))
    for at, _, _, piece in sorted(pieces, reverse=True):
        source = source[:at] + piece + source[at:]
    return source


def can_be_marked(place: Mutation) -> bool:
    """Return whether a call may stand at a place; in a pattern of ``match`` it may not."""
    try:
        compile(marked(place.path.read_bytes(), [(0, place)]), place.path, "exec")
    except SyntaxError:
        return False
    return True


def reaching(places: Sequence[Mutation], options: Sequence[str], folder: Path, root: Path) -> "Reached":
    """Run the suite once, in a checkout at ``root`` that is not used by others; ``folder`` is for notes."""
    by_file: dict[Path, list[tuple[int, Mutation]]] = defaultdict(list)
    for number, place in enumerate(places):
        if can_be_marked(place):
            by_file[place.path].append((number, place))
    with ExitStack() as undo:
        for site in sorted((root / ".venv").glob("**/site-packages")):
            for name, text in (
                ("_reached.py", RUNTIME.format(folder=str(folder))),
                ("_reached.pth", "import _reached"),
            ):
                (site / name).write_text(text, encoding="utf-8")
                undo.callback((site / name).unlink)
        for path, here in by_file.items():
            source = path.read_bytes()
            undo.callback(path.write_bytes, source)
            path.write_bytes(marked(source, here))
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.tools.watching"]
        subprocess.run(
            [*command, "--tb=no", "-m", "not campaign and not wide", *options, "tests"],
            cwd=root,
            env={**os.environ, "NOTES_OF_TESTS": str(folder)},
            stdout=subprocess.DEVNULL,
            check=False,  # tests of the source's form fail on marks
        )
    return Reached(folder)


class Reached:
    """The tests that ran each place, and the seconds that each test took."""

    def __init__(self, folder: Path) -> None:
        self.tests: defaultdict[int, set[str]] = defaultdict(set)
        self.seconds: defaultdict[str, float] = defaultdict(float)
        for notes in folder.glob("reached.*"):
            for line in notes.read_text(encoding="utf-8").splitlines():
                number, _, test = line.partition("\t")
                self.tests[int(number)].add(test)
        for notes in folder.glob("seconds.*"):
            for line in notes.read_text(encoding="utf-8").splitlines():
                seconds, _, test = line.partition("\t")
                self.seconds[test] += float(seconds)

    def quickest_first(self, number: int) -> list[str]:
        """Return the tests that ran a place."""
        return sorted(self.tests[number] - {IMPORT, ""}, key=lambda test: (self.seconds[test], test))
