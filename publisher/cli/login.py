"""The command `pypi-publish login`."""

import click

from publisher.cli.options.target import TargetArgs, target_options
from publisher.cli.options.verbosity import output_options


@click.command("login")
@target_options
@click.option(
    "--configure/--no-configure",
    default=None,
    help="Configure the tools on this machine for the index.  [default: ask, on a terminal]",
)
@click.option("--token", is_flag=True, help="Save a new token for this machine instead of the password.")
@output_options
def command(*, configure: bool | None, token: bool, target: TargetArgs) -> None:
    """
    Check your password with an index and save it in your keyring.

    `pypi-publish config` configures single tools, with more choices.
    """
    from publisher.cli.run.session import log_in

    log_in(target, configure=configure, as_token=token)
