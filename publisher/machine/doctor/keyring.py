"""The checks of keyring: its backend, and the `keyring` command that pip and uv run."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from publisher.client.url import IndexUrl
from publisher.credentials import keyring
from publisher.errors import CredentialsError
from publisher.machine.diagnosis import Area, Diagnosis, Reporter
from publisher.machine.doctor.credentials import Accepted
from publisher.machine.programs import Outcome, find_program, run_program
from publisher.project.install_lines import INSTALL_WITH_KEYRING

_KEYRING = Reporter(Area.KEYRING)
_TIME_LIMIT = 15.0
"""Seconds: a keyring that a person has to unlock first waits for ever."""


def check_keyring(url: IndexUrl, accepted: Accepted | None) -> Iterator[Diagnosis]:
    """Yield findings; the command's output is compared with the credentials that the index accepted."""
    try:
        holders = keyring.holders()
    except CredentialsError as error:
        yield _KEYRING.problem("backend", error.message, error.hint)
        return
    if not holders:
        needed = accepted is None or accepted.credentials.source == "keyring"
        finding = _KEYRING.problem if needed else _KEYRING.note
        yield finding("backend", "No keyring can store passwords here.", keyring.NO_BACKEND_HINT)
        return
    yield _KEYRING.ok("backend", f"Passwords are saved in {holders[0]}.")
    if keyring.keeps_plain_text(holders[0]):
        yield _KEYRING.note(
            "plain-text",
            f"{holders[0]} keeps passwords unencrypted, so anyone who can read its file has them.",
            "On a desktop, use its keyring; elsewhere, protect the file like a private key.",
        )
    if accepted is not None and accepted.credentials.source == "keyring":
        yield from _check_command(url, accepted)


def _check_command(url: IndexUrl, accepted: Accepted) -> Iterator[Diagnosis]:
    """Ask the `keyring` command as pip and uv do, in an environment that knows nothing of this program."""
    command = find_program("keyring")
    if command is None:
        yield _KEYRING.warning(
            "command",
            "No `keyring` command on the PATH for uv, and for pip in other environments.",
            INSTALL_WITH_KEYRING,
        )
        return
    get: list[str | Path] = [command, "--mode=creds", "--output=json", "get"]
    outcome = run_program([*get, url.simple], time_limit=_TIME_LIMIT)
    if outcome.code is None:
        yield _KEYRING.problem(
            "command",
            f"{command} does not answer: a keyring may have to be unlocked.",
            "Unlock it and try again; without a desktop, name a backend that needs none in PYTHON_KEYRING_BACKEND.",
        )
    elif "--mode" in outcome.stderr:
        yield _KEYRING.problem(
            "command", f"{command} is too old for pip, which needs 25.2.1 or newer.", INSTALL_WITH_KEYRING
        )
    elif (answer := _read(outcome)) is None:
        yield _missing(command, run_program([*get, url.simple, accepted.credentials.username], time_limit=_TIME_LIMIT))
    elif answer != (accepted.credentials.username, accepted.credentials.password.reveal()):
        yield _KEYRING.problem(
            "command",
            f"{command} returns a different password, for {answer[0]}.",
            "Run `pypi-publish login` again. If that doesn't help, the `keyring` command uses another keyring.",
        )
    else:
        yield _KEYRING.ok("command", f"{command} finds the password too, as pip and uv ask for it.")
        yield from _check_plug_in([*get, url.endpoint("legacy/")])


def _missing(command: Path, with_the_name: Outcome) -> Diagnosis:
    """Distinguish a command that needs the user's name from one that has no password."""
    if _read(with_the_name) is None:
        return _KEYRING.problem(
            "command",
            f"{command} does not find the password that pypi-publish finds: {with_the_name.last_line}.",
            f"It is in another environment, with other backends: {INSTALL_WITH_KEYRING}.",
        )
    return _KEYRING.warning(
        "command",
        f"{command} finds the password only for tools that send the user name.",
        f"It lacks the plug-in of pypi-publish: {INSTALL_WITH_KEYRING}, and don't name a single backend in "
        "PYTHON_KEYRING_BACKEND or keyringrc.cfg. Or put the user name into the tools' index URLs.",
    )


def _check_plug_in(command: Sequence[str | Path]) -> Iterator[Diagnosis]:
    """Ask for a URL that `login` stores nothing under, so that only the plug-in can answer."""
    if _read(run_program(command, time_limit=_TIME_LIMIT)) is None:
        yield _KEYRING.note(
            "plug-in",
            "The `keyring` command lacks the plug-in of pypi-publish, so it finds only what `login` saved.",
            f"That is enough for pip, uv, poetry and twine. For other tools: {INSTALL_WITH_KEYRING}, and don't name a "
            "single backend in PYTHON_KEYRING_BACKEND.",
        )


def _read(outcome: Outcome) -> tuple[str, str] | None:
    if outcome.code != 0:
        return None
    try:
        found = json.loads(outcome.stdout)
        return found["username"], found["password"]
    except (ValueError, TypeError, KeyError):
        return None
