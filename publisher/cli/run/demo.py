"""Showing the demo's steps while they run."""

from pathlib import Path

import click

from publisher.cli.display.output import Output, current_output
from publisher.machine.demo import Show, run_demo
from publisher.project.display import without_control_characters


def show_demo(project: Path | None) -> None:
    """Run the demo and print its steps."""
    output = current_output()
    run_demo(project.resolve() if project else None, _make_show(output))
    output.line(click.style("\nEverything worked. The demo leaves only a cache behind.", fg="green", bold=True))
    output.say("An index of your own: `pypi-publish serve`; on Modal: docs/tutorial/.")


def _make_show(output: Output) -> Show:
    steps = iter(range(1, 100))
    return Show(
        step=lambda title: output.line("\n" + click.style(f"{next(steps)}. {title}", bold=True)),
        command=lambda text: output.line(click.style(f"   $ {text}", fg="cyan")),
        line=lambda text: output.line(f"     {without_control_characters(text)}"),
        done=lambda seconds: output.line(click.style(f"   ✓ {seconds:.1f} s", fg="green")),
    )
