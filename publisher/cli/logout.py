"""The command `pypi-publish logout`."""

from typing import TYPE_CHECKING

import click

from publisher.cli.options import index_options, output_options, project_config, resolve_index
from publisher.cli.output import current_output

if TYPE_CHECKING:
    from publisher.client.url import IndexUrl


@click.command("logout")
@index_options
@output_options
def command(index_url: str | None, username: str | None) -> None:
    """
    Remove your password for an index from keyring, and the index from your tools' files.

    That is what `login` and `pypi-publish config` put there, in files of your own; what projects say stays.
    """
    from publisher.credentials.login import log_out

    config = project_config([])
    index = resolve_index(index_url, config, or_login=True)
    try:
        gone = log_out(index, username or index.username or config.username)
    finally:  # a keyring that fails is no reason to leave a password in a file
        _take_out_of_files(index)
    if gone is None:
        current_output().say(f"There was no password for {index} in keyring.")
    else:
        current_output().say(f"The password of {gone} for {index} is removed from keyring. The account itself stays.")


def _take_out_of_files(url: "IndexUrl") -> None:
    """Take an index out of each tool's files, and name those that have to be seen to by hand."""
    from publisher.errors import ConfigurationError
    from publisher.files.changes import write_changes
    from publisher.machine.configure import TOOLS, files_with_passwords, forgetting_changes
    from publisher.machine.paths import this_machine

    machine, output = this_machine(), current_output()
    for tool in TOOLS.values():
        try:
            drafts = forgetting_changes(tool, url, machine)
            write_changes(drafts)
        except ConfigurationError as error:
            output.warn(f"{tool.name} is left as it is. {error.message}")
            continue
        for draft in drafts:
            output.say(f"{url} is taken out of {draft.path}.")
    for path in files_with_passwords(url, machine):
        output.warn(f"{path} has a password for {url} that was put there by somebody else: take it out.")
