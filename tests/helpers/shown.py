"""The surroundings of a running command, without one: its output settings, and a reader of its streams."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from publisher.cli.display.output import Output
from publisher.github.runner import Runner


@contextmanager
def running(*, verbosity: int = 0, as_json: bool = False, runner: Runner | None = None) -> Iterator[Output]:
    """Run the body as a command with these settings."""
    output = Output(verbosity, as_json, runner, color=None)
    with click.Context(click.Command("test"), obj=output):
        yield output


def make_runner(folder: Path) -> Runner:
    """Return a runner of GitHub Actions with files below a folder."""
    return Runner(folder, folder / "output", folder / "summary", folder / "environment", folder / "temporary")


def outputs(runner: Runner) -> dict[str, str]:
    """Return the outputs that a step has set."""
    assert runner.output_file is not None
    text = runner.output_file.read_text("utf-8") if runner.output_file.exists() else ""
    found, lines = {}, iter(text.splitlines())
    for line in lines:
        name, _, end = line.partition("<<")
        value = []
        while (each := next(lines)) != end:
            value.append(each)
        found[name] = "\n".join(value)
    return found
