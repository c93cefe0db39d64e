"""Differences of files, in colors."""

from collections.abc import Sequence

import click

from publisher.cli.display.output import Output

_COLORS = {"+": "green", "-": "red", "@": "cyan"}


def show_diff(diff: Sequence[str], output: Output) -> None:
    """Print the lines of a unified diff."""
    for line in diff:
        output.line(click.style(line, fg=_COLORS.get(line[:1]), bold=line.startswith(("+++", "---"))))
    output.line("")
