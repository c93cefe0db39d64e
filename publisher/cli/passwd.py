"""The command `pypi-publish passwd`."""

from typing import TYPE_CHECKING, Any

import click

from publisher.cli.options import (
    can_ask,
    output_options,
    project_config,
    read_secret,
    resolve_target,
    target_options,
)
from publisher.cli.output import current_output

if TYPE_CHECKING:
    from publisher.secret import Secret


@click.command("passwd")
@target_options
@click.option(
    "--new-password-stdin",
    is_flag=True,
    help="Read the new password from stdin; with --password-stdin, from the line after the one in use.",
)
@click.option("--no-keyring", is_flag=True, help="Change it on the index only.")
@output_options
def command(*, new_password_stdin: bool, no_keyring: bool, **options: Any) -> None:
    """
    Change your own password on an index and in keyring.

    The password in use comes from where all commands take it. Keyring is tried first: if it can't hold a password,
    nothing is changed.
    """
    from publisher.credentials.password import change_password
    from publisher.machine.configure import files_with_passwords
    from publisher.machine.paths import this_machine

    target = resolve_target(options, project_config([]), or_login=True)
    given = read_secret("--new-password-stdin") if new_password_stdin else None
    change = change_password(
        target,
        lambda username: given or _ask(username),
        lambda index: files_with_passwords(index, this_machine()),
        keep=not no_keyring,
    )
    output = current_output()
    place = f"; the new one is in {change.keyring}" if change.keyring else ""
    output.say(f"The password of {change.username} on {target.url} is changed{place}.")
    for outdated in change.outdated:
        output.warn(f"The old password is still in {outdated}: put the new one there.")


def _ask(username: str) -> "Secret":
    from publisher.errors import CredentialsError
    from publisher.secret import Secret

    if not can_ask():
        raise CredentialsError(
            "There is no new password, and no terminal to ask on.",
            hint="Give --new-password-stdin: `printf '%s\\n' \"$NEW\" | pypi-publish passwd --new-password-stdin`.",
        )
    text = click.prompt(f"New password of {username}", hide_input=True, confirmation_prompt="Once more", err=True)
    return Secret(text)
