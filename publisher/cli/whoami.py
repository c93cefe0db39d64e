"""The command `pypi-publish whoami`."""

import click

from publisher.cli.options.target import TargetArgs, target_options
from publisher.cli.options.verbosity import json_option, output_options


@click.command("whoami")
@target_options
@json_option
@output_options
def command(target: TargetArgs) -> None:
    """Show your account, its rights, and the source of the password."""
    from publisher.cli.run.session import show_account

    show_account(target)
