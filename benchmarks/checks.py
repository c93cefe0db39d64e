"""
Check the same project with this command and with the tools that people run instead, and print a table of ratios.

The project has 200 modules, its sdist and wheel are built beforehand. Each row runs ours and theirs in turn, with warm
caches (a first round is not counted). Usage: python benchmarks/checks.py [--rounds N]
"""

import argparse
import os
import platform
import sys
from functools import partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.rounds import BIN, Command, Rounds, Took
from benchmarks.tables import heading, row
from tests.helpers.projects import commit, make_project

OURS, UV, PYTHON = (str(BIN / name) for name in ("pypi-publish", "uv", "python"))
MODULES = 200
AFTER_START = 0.5
"""Seconds that a check of the sources may take besides starting, for a hook that runs at every commit."""


def write_project(folder: Path) -> Path:
    """Write a project that passes every tool."""
    project = make_project(folder, "bench-checked", readme="# A project\n\nIt has many modules.\n")
    package = project / "src" / "bench_checked"
    (package / "py.typed").touch()
    for number in range(MODULES):
        (package / f"module_{number:03}.py").write_text(
            f'"""Module {number}."""\n\n\ndef area_{number}(width: float, height: float) -> float:\n'
            f'    """Return an area, times {number}."""\n    return width * height * {number}\n'
        )
    (project / "LICENSE").write_text("All rights reserved.\n")
    commit(project)
    return project


class Tools:
    """The commands on both sides, with the files that they are given."""

    def __init__(self, project: Path) -> None:
        self.project = project
        files = sorted(str(path) for path in (project / "dist").iterdir())
        wheels = [name for name in files if name.endswith(".whl")]
        self.schema: Command = [str(BIN / "validate-pyproject"), "pyproject.toml"]
        self.on_files: list[Command] = [
            [str(BIN / "check-wheel-contents"), *wheels],
            [str(BIN / "twine"), "check", *files],
        ]
        self.our_source: Command = [OURS, "check", "--only", "source"]
        self.our_files: Command = [OURS, "check", "--only", "build", *files]

    def run(self, bench: Rounds, *commands: Command) -> partial[Took]:
        """Return a function that runs commands one after the other in the project."""
        return partial(bench.run, [(self.project, command) for command in commands])


def compare(bench: Rounds, tools: Tools) -> None:
    """Measure everything, each pair in turn."""
    run = partial(tools.run, bench)
    start, source, schema = bench.in_turn(run([OURS, "--version"]), run(tools.our_source), run(tools.schema))
    row("the sources, of validate-pyproject", source.wall, schema.wall, "<= 1.25", " s")
    row("the sources, without start-up, of half a second", source.wall - start.wall, AFTER_START, "<= 1", " s")
    print(f"{'  (start-up alone: pypi-publish --version)':<62}{start.wall:>9.3g} s", flush=True)

    files, theirs = bench.in_turn(run(tools.our_files), run(*tools.on_files))
    row("sdist and wheel, of check-wheel-contents; twine check", files.wall, theirs.wall, "<= 0.7", " s")
    both, all_three = bench.in_turn(run(tools.our_source, tools.our_files), run(tools.schema, *tools.on_files))
    row("the two above, of the three tools one after the other", both.wall, all_three.wall, "<= 0.9", " s")

    rest = [tools.schema, *tools.on_files]
    whole, with_uv, with_pip = bench.in_turn(
        run([OURS, "check"]), run([UV, "build", "--quiet"], *rest), run([PYTHON, "-m", "build"], *rest)
    )
    row("everything with the build, of uv build; the three", whole.wall, with_uv.wall, "<= 1", " s")
    row("the same, of build with pip; the three", whole.wall, with_pip.wall, "<= 0.5", " s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    tools = ("uv", "build", "validate-pyproject", "check-wheel-contents", "twine", "hatchling")
    versions = ", ".join(f"{name} {version(name)}" for name in tools)
    print(f"{os.cpu_count()} cores, {platform.platform()}, Python {platform.python_version()}, {versions}")
    heading()
    with TemporaryDirectory() as folder:
        bench = Rounds(Path(folder), arguments.rounds)
        project = write_project(Path(folder) / "project")
        bench.run([(project, [OURS, "build"])])
        compare(bench, Tools(project))


if __name__ == "__main__":
    main()
