"""The command `pypi-publish login`."""

from pathlib import Path
from typing import Any

import click

from publisher.cli.options import ask, can_ask, output_options, project_config, resolve_target, target_options
from publisher.cli.output import current_output


@click.command("login")
@target_options
@output_options
def command(**options: Any) -> None:
    """Store your password for an index in keyring, after the index has accepted it."""
    from publisher.credentials import Credentials
    from publisher.errors import CredentialsError
    from publisher.identity import log_in

    if can_ask() and not options["index_url"] and not project_config([]).index_url:
        options["index_url"] = click.prompt("Index URL", err=True)
    target = resolve_target(options, project_config([Path()]))
    username = target.username or target.index.username
    password = target.password or target.index.password
    if username and password:
        credentials = Credentials(username, password, source="the login")
    elif can_ask():
        credentials = ask(target.index, username)
    else:
        missing = "password" if username else "user name"
        raise CredentialsError(
            f"There is no {missing} to log in with, and no terminal to ask on.",
            hint='Give --username NAME and --password-stdin: `printf %s "$PASSWORD" | pypi-publish login ...`.',
        )
    login = log_in(target.index, credentials)
    output = current_output()
    output.say(f"Logged in to {target.index} as {login.account.username}; the password is in {login.keyring}.")
    if login.account.rights is not None:
        output.say(f"Rights: {', '.join(login.account.rights) or 'none'}")
