"""The command `pypi-publish serve`."""

import click

from publisher.cli.options.server import ServeArgs, serve_options


@click.command("serve")
@serve_options
def command(serve: ServeArgs) -> None:
    """
    Run the index on this machine.

    Set the admin token in the environment variable AUTH_TOKEN. Without it, only accounts with the role admin can use
    the account API.
    """
    from publisher.cli.run.index import run_index

    run_index(serve)
