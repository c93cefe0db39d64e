"""The command `pypi-publish demo`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from publisher.cli.options import output_options
from publisher.cli.output import Output, current_output

if TYPE_CHECKING:
    from publisher.machine.demo import Show


@click.command("demo")
@click.option(
    "--project",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The project to publish, instead of a sample.",
)
@output_options
def command(project: Path | None) -> None:
    """
    Show the whole loop on this machine: an index, an account, a package published and installed.

    Everything happens in a temporary folder, with a keyring of its own; nothing is left behind.
    """
    from publisher.machine.demo import run_demo

    output = current_output()
    run_demo(project.resolve() if project else None, _make_show(output))
    output.say(click.style("\nAll of it worked, and nothing is left behind.", fg="green", bold=True))
    output.say("An index of your own: `pypi-publish serve`; on Modal: docs/tutorial/.")


def _make_show(output: Output) -> "Show":
    from publisher.machine.demo import Show

    steps = iter(range(1, 100))
    return Show(
        step=lambda title: output.say("\n" + click.style(f"{next(steps)}. {title}", bold=True)),
        command=lambda text: output.say(click.style(f"   $ {text}", fg="cyan")),
        line=lambda text: output.say(f"     {text}"),
        done=lambda seconds: output.say(click.style(f"   ✓ {seconds:.1f} s", fg="green")),
    )
