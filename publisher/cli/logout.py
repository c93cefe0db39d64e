"""The command `pypi-publish logout`."""

import click

from publisher.cli.options import index_options, output_options, project_config, resolve_index
from publisher.cli.output import current_output


@click.command("logout")
@index_options
@output_options
def command(index_url: str | None, username: str | None) -> None:
    """Remove your password for an index from keyring."""
    from publisher.identity import log_out

    config = project_config([])
    index = resolve_index(index_url, config)
    gone = log_out(index, username or index.username or config.username)
    output = current_output()
    if gone is None:
        output.say(f"There was no password for {index} in keyring.")
    else:
        output.say(f"The password of {gone} for {index} is removed from keyring. The account itself stays.")
