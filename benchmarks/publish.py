"""
Publish the same corpora with this command, uv, build with twine and curl in turn, and print a table of ratios.

Everything is on this machine: the index, the build backends (a folder of wheels), the caches (warm: a first round is
not counted). Needs curl and Linux. Usage: python benchmarks/publish.py [--rounds N] [--only WORD]
"""

import argparse
import asyncio
import base64
import os
import platform
import shutil
import sys
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.rounds import BIN, WHEELS, Command, Rounds, Took
from benchmarks.tables import heading, row
from publisher.building.builder import PLAIN_VARIABLE
from tests.helpers.dists import make_wheel
from tests.helpers.index import RunningIndex
from tests.helpers.projects import commit, make_project

USER, PASSWORD = "bench", "correct horse"
OURS, UV, TWINE, PYTHON = (str(BIN / name) for name in ("pypi-publish", "uv", "twine", "python"))
BACKENDS = {"hatchling": "<= 0.6", "setuptools": "<= 0.4", "uv_build": "<= 1"}
"""Bounds for building and publishing with each, as parts of uv's time."""

REPRODUCIBLE = ("hatchling", "uv_build")  # without SOURCE_DATE_EPOCH, which uv does not set
MEGABYTE = 2**20
DELAY = 0.01


class Bench(Rounds):
    """An index, and the environment that reaches it."""

    def __init__(self, index: RunningIndex, work: Path, rounds: int) -> None:
        self.index = index
        self.number = 0
        settings = {
            "PYPI_PUBLISH_INDEX_URL": index.url,
            "PYPI_PUBLISH_USERNAME": USER,
            "PYPI_PUBLISH_PASSWORD": PASSWORD,
            "UV_PUBLISH_URL": index.url,
            "UV_PUBLISH_USERNAME": USER,
            "UV_PUBLISH_PASSWORD": PASSWORD,
            "TWINE_REPOSITORY_URL": index.url,
            "TWINE_USERNAME": USER,
            "TWINE_PASSWORD": PASSWORD,
            "TWINE_NON_INTERACTIVE": "1",
        }
        super().__init__(work, rounds, settings)

    def reach(self, url: str) -> None:
        """Let every tool reach the index at another URL."""
        for name in ("PYPI_PUBLISH_INDEX_URL", "UV_PUBLISH_URL", "TWINE_REPOSITORY_URL"):
            self.environment[name] = url

    def fresh(self) -> str:
        """Return a version that was not published yet."""
        self.number += 1
        return f"1.{self.number}"


def single(bench: Bench) -> None:
    """Build and publish one small project; then publish it again."""
    for backend, bound in BACKENDS.items():
        folder = make_project(bench.work / backend, f"bench-{backend.replace('_', '-')}", "0.0", backend=backend)

        def published(commands: Sequence[Command], folder: Path = folder) -> Took:
            _set_version(folder, bench.fresh())
            return bench.run((folder, command) for command in _with_files(commands, folder))

        ours, uv, with_uv, with_pip = bench.in_turn(
            partial(published, [[OURS]]),
            partial(published, [[UV, "build"], [UV, "publish"]]),
            partial(published, [[PYTHON, "-m", "build", "--installer", "uv"], [TWINE, "upload"]]),
            partial(published, [[PYTHON, "-m", "build"], [TWINE, "upload"]]),
        )
        row(f"{backend}: build and publish, of uv build && uv publish", ours.wall, uv.wall, bound, " s")
        row(f"{backend}: the same, of build with uv && twine", ours.wall, with_uv.wall, "<= 0.6", " s")
        row(f"{backend}: the same, of build with pip && twine", ours.wall, with_pip.wall, "<= 0.35", " s")

        if backend not in REPRODUCIBLE:
            continue
        commit(folder)

        def again(commands: Sequence[Command], folder: Path = folder) -> Took:
            return bench.run((folder, command) for command in _with_files(commands, folder))

        def released(commands: Sequence[Command], folder: Path = folder) -> None:
            _set_version(folder, bench.fresh())
            commit(folder)
            again(commands)

        uv_check = [[UV, "build"], [UV, "publish", "--check-url", f"{bench.index.url}simple/"]]
        released([[OURS]])
        (ours_again,) = bench.in_turn(partial(again, [[OURS]]))
        released(uv_check)
        (uv_again,) = bench.in_turn(partial(again, uv_check))
        row(f"{backend}: again, nothing new, of uv build && uv publish", ours_again.wall, uv_again.wall, "<= 0.2", " s")


def plain(bench: Bench) -> None:
    """Build and publish a small project as build and twine do, without the acceleration of builds."""
    folder = make_project(bench.work / "plain", "bench-plain", "0.0", backend="hatchling")

    def published(commands: Sequence[Command], environment: Mapping[str, str]) -> Took:
        _set_version(folder, bench.fresh())
        kept, bench.environment = bench.environment, {**bench.environment, **environment}
        try:
            return bench.run((folder, command) for command in _with_files(commands, folder))
        finally:
            bench.environment = kept

    ours, theirs = bench.in_turn(
        partial(published, [[OURS]], {PLAIN_VARIABLE: "1"}),
        partial(published, [[PYTHON, "-m", "build", "--installer", "uv"], [TWINE, "upload"]], {}),
    )
    row("hatchling without build acceleration, of build with uv && twine", ours.wall, theirs.wall, "<= 0.9", " s")


def workspace(bench: Bench) -> None:
    """Publish a workspace of 20 packages, against uv in a loop."""
    folders = [make_project(bench.work / f"packages/p{n:02}", f"bench-member-{n:02}", "0.0") for n in range(20)]

    def published(*commands: Command) -> Took:
        for folder in folders:
            _set_version(folder, f"1.{bench.number}")
        bench.number += 1
        return bench.run((folder, command) for folder in folders for command in _with_files(commands, folder))

    def at_once() -> Took:
        for folder in folders:
            _set_version(folder, f"1.{bench.number}")
        bench.number += 1
        return bench.run([(bench.work, [OURS, *map(str, folders)])])

    ours, uv = bench.in_turn(at_once, partial(published, [UV, "build"], [UV, "publish"]))
    row("a workspace of 20 packages (hatchling), of uv in a loop", ours.wall, uv.wall, "<= 0.5", " s")


def wheels(bench: Bench) -> None:
    """Upload 100 built wheels of 20 KB."""

    ours, uv, twine = bench.in_turn(
        *(partial(_uploaded, bench, command, 100) for command in ([OURS, "upload"], [UV, "publish"], [TWINE, "upload"]))
    )
    row("100 built wheels of 20 KB, of uv publish", ours.wall, uv.wall, "<= 0.6", " s")
    row("100 built wheels of 20 KB, of twine", ours.wall, twine.wall, "<= 0.3", " s")
    for what, command in (
        ("pypi-publish", [OURS, "upload"]),
        ("pypi-publish --dry-run", [OURS, "upload", "--dry-run"]),
        ("uv", [UV, "publish"]),
        ("twine", [TWINE, "upload"]),
    ):
        begun = _processor_time(bench.index.process.pid)
        took = _uploaded(bench, command, 100)
        of_index = _processor_time(bench.index.process.pid) - begun
        print(f"  (once more, processor time: {what} {took.cpu:.2f} s, the index {of_index:.2f} s)", flush=True)


def far_away(bench: Bench) -> None:
    """Upload 100 built wheels of 20 KB to an index whose answers take a while, as they do over a network."""
    with line_to(bench.index.url) as url:
        bench.reach(url)
        ours, uv, twine = (
            partial(_uploaded, bench, command, 100)
            for command in ([OURS, "upload"], [UV, "publish"], [TWINE, "upload"])
        )
        found = bench.in_turn(ours, uv, twine)
    row(f"100 wheels, {2000 * DELAY:.0f} ms away, of uv publish", found[0].wall, found[1].wall, "<= 0.5", " s")
    row(f"100 wheels, {2000 * DELAY:.0f} ms away, of twine", found[0].wall, found[2].wall, "<= 0.5", " s")


@contextmanager
def line_to(url: str) -> Iterator[str]:
    """Serve an index from another port, where all bytes take `DELAY` seconds longer in each direction."""
    parts = urlsplit(url)
    loop = asyncio.new_event_loop()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(MEGABYTE):
            loop.call_later(DELAY, writer.write, data)
        loop.call_later(DELAY, writer.close)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(parts.hostname, parts.port)
        await asyncio.gather(pump(reader, there_writer), pump(there_reader, writer))

    server = loop.run_until_complete(asyncio.start_server(connected, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


def large_wheel(folder: Path) -> Path:
    """Return a wheel of 500 MB."""
    source = make_wheel(folder, "bench_heavy")
    with zipfile.ZipFile(source, "a", zipfile.ZIP_STORED) as archive:
        for number in range(500):
            archive.writestr(f"bench_heavy/data{number}", os.urandom(MEGABYTE))
    return source


def curl_command(bench: Bench, source: Path) -> list[str]:
    """Return the command by which curl uploads a file."""
    header = "Authorization: Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    return ["curl", "-sf", "-H", header, "-F", ":action=file_upload", "-F", f"content=@{source}", bench.index.url]


def send_large(bench: Bench, source: Path, command: Command) -> Took:
    """Run a command that uploads the large wheel, which the index does not have yet."""
    (bench.index.root / source.name).unlink(missing_ok=True)
    shutil.rmtree(bench.index.root / ".pypi-publish/facts/bench-heavy", ignore_errors=True)
    return bench.run([(bench.work, command)])


def large(bench: Bench) -> None:
    """Upload one wheel of 500 MB."""
    source = large_wheel(bench.work)
    ours, other = bench.in_turn(
        partial(send_large, bench, source, [OURS, "upload", str(source)]),
        partial(send_large, bench, source, curl_command(bench, source)),
    )
    row("one wheel of 500 MB, of curl -F", ours.wall, other.wall, "<= 1.2", " s")
    row("peak memory while it goes up, of 100 MB", ours.memory, 100, "<= 1", " MB")


def starting(bench: Bench) -> None:
    """Print the version."""
    ours, click, uv = bench.in_turn(
        *(
            partial(bench.run, [(bench.work, command)] * 5)
            for command in ([OURS, "--version"], [PYTHON, "-c", "import click"], [UV, "--version"])
        )
    )
    row('pypi-publish --version, of python -c "import click"', ours.wall / 5, click.wall / 5, "<= 1.2", " s")
    print(f"{'  (uv --version)':<62}{uv.wall / 5:>9.3g} s", flush=True)


def _processor_time(pid: int) -> float:
    """Return the seconds of processor that a process has used (Linux)."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _uploaded(bench: Bench, command: Command, count: int) -> Took:
    """Upload new wheels."""
    bench.number += 1
    folder = bench.work / f"wheels-{bench.number}"
    folder.mkdir()
    names = [f"bench_small_{bench.number}_{number}" for number in range(count)]
    files = [make_wheel(folder, name, members={f"{name}/data": os.urandom(20_000)}) for name in names]
    return bench.run([(folder, [*command, *map(str, files)])])


def _set_version(folder: Path, text: str) -> None:
    """Give a project another version, and remove the files of the last."""
    shutil.rmtree(folder / "dist", ignore_errors=True)
    lines = (folder / "pyproject.toml").read_text().splitlines(keepends=True)
    changed = [f'version = "{text}"\n' if line.startswith("version = ") else line for line in lines]
    (folder / "pyproject.toml").write_text("".join(changed))


def _with_files(commands: Sequence[Command], folder: Path) -> Iterator[Command]:
    """Yield commands when they are needed; those that upload files get the files built by then."""
    for command in commands:
        takes_files = command[0] == TWINE or command == [OURS, "upload"]
        yield [*command, *map(str, sorted((folder / "dist").iterdir()))] if takes_files else command


@contextmanager
def serving(work: Path) -> Iterator[RunningIndex]:
    index = RunningIndex.start(work / "index", "--log-format", "none", "--max-size", "4000")
    index.add_user(USER, PASSWORD)
    try:
        yield index
    finally:
        index.stop()


SECTIONS = (single, plain, workspace, wheels, far_away, large, starting)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="sections whose name contains this word")
    arguments = parser.parse_args()
    tools = [f"{name} {version(name)}" for name in ("uv", "build", "twine", "pip")]
    tools += [" ".join(wheel.name.split("-")[:2]) for name in BACKENDS for wheel in WHEELS.glob(f"{name}-*")]
    print(f"{os.cpu_count()} cores, {platform.platform()}, Python {platform.python_version()}, {', '.join(tools)}")
    heading()
    for section in SECTIONS:
        if arguments.only in section.__name__:
            with TemporaryDirectory() as folder, serving(Path(folder)) as index:
                section(Bench(index, Path(folder), arguments.rounds))


if __name__ == "__main__":
    main()
