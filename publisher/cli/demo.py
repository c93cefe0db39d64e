"""The command `pypi-publish demo`."""

from pathlib import Path

import click

from publisher.cli.options.verbosity import output_options


@click.command("demo")
@click.option(
    "--project",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Project to publish instead of a sample.",
)
@output_options
def command(project: Path | None) -> None:
    """
    Publish a package to an index on this machine and install it.

    Everything happens in a temporary folder, with a keyring of its own; only a cache is left.
    """
    from publisher.cli.run.demo import show_demo

    show_demo(project)
