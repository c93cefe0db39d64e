"""The command `pypi-publish logout`."""

import click

from publisher.cli.options.target import TargetArgs, index_options
from publisher.cli.options.verbosity import output_options


@click.command("logout")
@index_options
@click.option("--everywhere", is_flag=True, help="Also sign your account out of the index's pages in all browsers.")
@output_options
def command(*, everywhere: bool, target: TargetArgs) -> None:
    """
    Remove your password for an index from keyring, and the index from your tools' files.

    Only lines that `login` and `pypi-publish config` wrote to your own files are removed; project files are not
    changed. --everywhere needs your password, and is done first.
    """
    from publisher.cli.run.session import log_out

    log_out(target, everywhere=everywhere)
