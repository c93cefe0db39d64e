"""The command `pypi-publish login`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from publisher.cli.options import ask, can_ask, output_options, project_config, resolve_target, target_options
from publisher.cli.output import current_output

if TYPE_CHECKING:
    from publisher.client.client import Account
    from publisher.client.url import IndexUrl


@click.command("login")
@target_options
@click.option(
    "--configure/--no-configure",
    default=None,
    help="Set up the tools on this machine for the index, in files of your own.  [default: ask, on a terminal]",
)
@output_options
def command(*, configure: bool | None, **options: Any) -> None:
    """
    Store your password for an index in keyring, after the index has accepted it.

    `pypi-publish config` sets up single tools, and tells more of the choices that are made.
    """
    from publisher.credentials.login import log_in
    from publisher.errors import CredentialsError
    from publisher.secret import Credentials

    if can_ask() and not options["index_url"] and not project_config([]).index_url:
        options["index_url"] = click.prompt("Index URL", err=True)
    target = resolve_target(options, project_config([Path()]))
    username = target.username or target.url.username
    password = target.password or target.url.password
    if username and password:
        credentials = Credentials(username, password, source="the login")
    elif can_ask():
        credentials = ask(target.url, username)
    else:
        missing = "password" if username else "user name"
        raise CredentialsError(
            f"There is no {missing} to log in with, and no terminal to ask on.",
            hint='Give --username NAME and --password-stdin: `printf %s "$PASSWORD" | pypi-publish login ...`.',
        )
    login = log_in(target.url, credentials)
    output = current_output()
    output.say(f"Logged in to {target.url} as {login.account.username}; the password is in {login.keyring}.")
    if login.account.rights is not None:
        output.say(f"Rights: {', '.join(login.account.rights) or 'none'}")
    if configure or (configure is None and can_ask()):
        _configure(target.url, login.account, ask_first=configure is None)


def _configure(url: "IndexUrl", account: "Account", *, ask_first: bool) -> None:
    """Set up the tools that are not set up yet."""
    from publisher.cli.config import write_setup
    from publisher.machine.configure import PERSONAL, index_name, unset_tools
    from publisher.machine.paths import this_machine
    from publisher.machine.tools.tool import Setup

    machine = this_machine()
    setup = Setup(url, index_name(url), account.username, passes_on=account.passes_on)
    tools = unset_tools(setup, machine)
    names = ", ".join(tool.name for tool in tools)
    if not tools:
        current_output().say("The tools on this machine need no set-up.")
    elif not ask_first or click.confirm(f"Set up {names} for it?", default=True, err=True):
        write_setup([(tool, PERSONAL) for tool in tools], setup, machine, skip=True, dry_run=False)
