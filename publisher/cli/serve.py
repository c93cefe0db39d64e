"""The command `pypi-publish serve`."""

import click

from publisher.cli.options.server import ServeArgs, serve_options


@click.command("serve")
@serve_options
def command(serve: ServeArgs) -> None:
    """
    Run the index on this machine.

    The environment variable AUTH_TOKEN holds the admin token, which opens the account API. Without it,
    only accounts with the role admin can use that API.
    """
    from publisher.cli.run.index import run_index

    run_index(serve)
