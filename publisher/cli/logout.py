"""The command `pypi-publish logout`."""

import click

from publisher.cli.options.target import TargetArgs, index_options
from publisher.cli.options.verbosity import output_options


@click.command("logout")
@index_options
@output_options
def command(target: TargetArgs) -> None:
    """
    Remove your password for an index from keyring, and the index from your tools' files.

    These are the lines that `login` and `pypi-publish config` put there, in your own files; a project's files stay as
    they are.
    """
    from publisher.cli.run.session import log_out

    log_out(target)
