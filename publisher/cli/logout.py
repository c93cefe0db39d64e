"""The command `pypi-publish logout`."""

import click

from publisher.cli.options import index_options, output_options, project_config, resolve_index
from publisher.cli.output import current_output


@click.command("logout")
@index_options
@output_options
def command(index_url: str | None, username: str | None) -> None:
    """
    Remove your password for an index from keyring, and the index from your tools' files.

    That is what `login` and `pypi-publish config` put there, in files of your own; what projects say stays.
    """
    from publisher.drafts import write_drafts
    from publisher.identity import log_out
    from publisher.tools.configure import draft_forgetting, files_with_passwords
    from publisher.tools.machine import this_machine

    config = project_config([])
    index = resolve_index(index_url, config, or_login=True)
    machine = this_machine()
    drafts = draft_forgetting(index, machine)
    write_drafts(drafts)
    output = current_output()
    for draft in drafts:
        output.say(f"{index} is taken out of {draft.path}.")
    gone = log_out(index, username or index.username or config.username)
    if gone is None:
        output.say(f"There was no password for {index} in keyring.")
    else:
        output.say(f"The password of {gone} for {index} is removed from keyring. The account itself stays.")
    for path in files_with_passwords(index, machine):
        output.warn(f"{path} has a password for {index} that was put there by somebody else: take it out.")
