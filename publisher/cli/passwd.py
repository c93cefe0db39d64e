"""The command `pypi-publish passwd`."""

import click

from publisher.cli.options.target import TargetArgs, target_options
from publisher.cli.options.verbosity import output_options


@click.command("passwd")
@target_options
@click.option(
    "--new-password-stdin",
    is_flag=True,
    help="Read the new password from stdin; with --password-stdin, from its second line.",
)
@click.option("--no-keyring", is_flag=True, help="Change it on the index only.")
@output_options
def command(*, new_password_stdin: bool, no_keyring: bool, target: TargetArgs) -> None:
    """
    Change your own password on an index and in keyring.

    The current password is looked up as for any other command. If keyring can't save the new one, nothing is changed.
    """
    from publisher.cli.run.password import change_own_password

    change_own_password(target, new_from_stdin=new_password_stdin, keep=not no_keyring)
