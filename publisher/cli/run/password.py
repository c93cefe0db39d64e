"""Changing the password of one's own account."""

from publisher.cli.display.output import current_output
from publisher.cli.options.target import TargetArgs
from publisher.cli.run.prompts import ask_new_password, can_ask, read_secret
from publisher.cli.run.resolve import project_config, resolve_target
from publisher.credentials.password import change_password
from publisher.errors import CredentialsError
from publisher.machine.configure import files_with_passwords
from publisher.machine.paths import this_machine
from publisher.secret import Secret


def change_own_password(args: TargetArgs, *, new_from_stdin: bool, keep: bool) -> None:
    """Change the password on the index and, with ``keep``, in keyring; list the places that still have the old one."""
    target = resolve_target(args, project_config([]), or_login=True)
    given = read_secret("--new-password-stdin") if new_from_stdin else None
    change = change_password(
        target,
        lambda username: given or _ask(username),
        lambda index: files_with_passwords(index, this_machine()),
        keep=keep,
    )
    output = current_output()
    place = f"; the new one is in {change.keyring}" if change.keyring else ""
    output.say(f"The password of {change.username} on {target.url} is changed{place}.")
    for outdated in change.outdated:
        output.warn(f"The old password is still in {outdated}: put the new one there.")


def _ask(username: str) -> Secret:
    if not can_ask():
        raise CredentialsError(
            "No new password, and no terminal to ask for it.",
            hint="Pass --new-password-stdin: `printf '%s\\n' \"$NEW\" | pypi-publish passwd --new-password-stdin`.",
        )
    return ask_new_password(username)
