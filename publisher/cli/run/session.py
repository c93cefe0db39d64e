"""Logging in to an index, logging out, and showing the account."""

import json
from pathlib import Path

import click

from publisher.cli.display.output import current_output
from publisher.cli.options.target import TargetArgs
from publisher.cli.run.first_install import show_first_installs
from publisher.cli.run.prompts import ask, can_ask
from publisher.cli.run.resolve import named_target, project_config, resolve_index, resolve_target
from publisher.cli.run.tools import write_setup
from publisher.client.models import Account
from publisher.client.url import IndexUrl
from publisher.credentials import login as sessions
from publisher.credentials.chain import Target
from publisher.credentials.keyring import keeps_plain_text, require_holder
from publisher.credentials.login import Exchange, Login
from publisher.credentials.machine_token import machine_token
from publisher.errors import ConfigurationError, CredentialsError, RefusedCredentialsError
from publisher.files.changes import write_changes
from publisher.machine.configure import (
    PERSONAL,
    TOOLS,
    files_with_passwords,
    forgetting_changes,
    make_setup,
    unset_tools,
)
from publisher.machine.paths import this_machine
from publisher.secret import Credentials

TYPED_ATTEMPTS = 3


def log_in(args: TargetArgs, *, configure: bool | None, as_token: bool = False) -> None:
    """Check a password with the index, save it in keyring, and configure tools; None asks first, on a terminal."""
    args = named_target(args)
    require_holder()
    if can_ask() and not args.index_url and not project_config([]).index_url:
        args = args._replace(index_url=click.prompt("Index URL", err=True))
    target = resolve_target(args, project_config([Path()]))
    exchange = (lambda proven: machine_token(target.url, proven)) if as_token else None
    login, credentials = _log_in(target, exchange)
    output = current_output()
    secret = "token" if as_token else "password"
    plainly = ", unencrypted" if keeps_plain_text(login.keyring) else ""
    output.say(f"Logged in to {target.url} as {login.account.username}; the {secret} is in {login.keyring}{plainly}.")
    if login.account.rights is not None:
        output.say(f"Rights: {login.account.described_rights}")
    if login.account.passes_on:
        output.say(login.account.public_packages)
    if configure or (configure is None and can_ask()):
        _configure(target.url, login.account, ask_first=configure is None)
        show_first_installs(make_setup(target.url, login.account), credentials)
    elif configure is None:
        output.say("`pypi-publish doctor` tries the tools on this machine.")


def _log_in(target: Target, exchange: Exchange | None) -> tuple[Login, Credentials]:
    """
    Log in with the credentials that were given, else with typed ones, with several attempts.

    Raises CredentialsError when none are given and there is no terminal to ask on, or the index refuses them.
    """
    username = target.username or target.url.username
    password = target.password or target.url.password
    if username and password:
        credentials = Credentials(username, password, source="the login")
        return sessions.log_in(target.url, credentials, exchange), credentials
    if not can_ask():
        missing = "password" if username else "user name"
        raise CredentialsError(
            f"No {missing}, and no terminal to ask for it.",
            hint='Pass --username NAME and --password-stdin: `printf %s "$PASSWORD" | pypi-publish login ...`.',
        )
    for attempt in range(1, TYPED_ATTEMPTS + 1):
        credentials = ask(target.url, username)
        try:
            return sessions.log_in(target.url, credentials, exchange), credentials
        except RefusedCredentialsError as error:
            if attempt == TYPED_ATTEMPTS:
                raise
            current_output().paragraph(f"{error.message} Try again.", "error:", "red")
    raise AssertionError  # the last attempt returns or raises


def _configure(index: IndexUrl, account: Account, *, ask_first: bool) -> None:
    """Configure the tools that do not know the index yet."""
    machine = this_machine()
    setup = make_setup(index, account)
    tools = unset_tools(setup, machine)
    names = ", ".join(tool.name for tool in tools)
    if tools and (not ask_first or click.confirm(f"Configure {names} for {index}?", default=True, err=True)):
        write_setup([(tool, PERSONAL) for tool in tools], setup, machine, skip=True, dry_run=False)


def log_out(args: TargetArgs, *, everywhere: bool) -> None:
    """Remove the password from keyring and the index from the tools' files; ``everywhere`` ends browsers' sessions."""
    config = project_config([])
    args = named_target(args)
    if everywhere:
        target = resolve_target(args, config, or_login=True)
        account = sessions.end_sessions(target)
        current_output().say(f"Signed {account} out of the pages of {target.url} in all browsers.")
    index = resolve_index(args.index_url, config, or_login=True)
    try:
        username = sessions.log_out(index, args.username or index.username or config.username)
    finally:  # a keyring that fails is no reason to leave a password in a file
        _remove_from_files(index)
    if username is None:
        current_output().say(f"No password for {index} in keyring.")
    else:
        current_output().say(
            f"Removed the password of {username} for {index} from keyring. The account itself is unchanged."
        )


def _remove_from_files(index: IndexUrl) -> None:
    """Remove an index from each tool's files, and list the files that need a person."""
    machine, output = this_machine(), current_output()
    for tool in TOOLS.values():
        try:
            changes = forgetting_changes(tool, index, machine)
            write_changes(changes)
        except ConfigurationError as error:
            output.warn(f"{tool.name} is not changed. {error.message}")
            continue
        for change in changes:
            output.say(f"Removed {index} from {change.path}.")
    for path in files_with_passwords(index, machine):
        output.warn(f"{path} has a password for {index} that pypi-publish did not write; remove it yourself.")


def show_account(args: TargetArgs) -> None:
    """Print the account, its rights, and the source of its password."""
    target = resolve_target(args, project_config([]), or_login=True)
    account, source = sessions.who_am_i(target)
    output = current_output()
    if output.as_json:
        payload = {
            "username": account.username,
            "index-url": target.url.root,
            "rights": account.rights,
            "grants": account.grants,
            "source": source,
            "passes-on": account.passes_on,
            "cooldown": account.cooldown,
        }
        output.result(json.dumps(payload, indent=2))
        return
    output.result(account.username)
    output.say(f"Index:       {target.url}")
    output.say(f"Rights:      {account.described_rights}")
    output.say(f"Credentials: from {source}")
    if account.version is not None:
        output.say(account.public_packages)
