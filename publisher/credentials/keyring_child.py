"""Look-ups in the keyring by a child process, so that a long-running process does not keep its backends loaded."""

import json
import subprocess
import sys
from collections.abc import Sequence

from publisher.credentials.keyring import find
from publisher.errors import CredentialsError
from publisher.secret import Secret


def find_in_child(services: Sequence[str], username: str | None) -> tuple[str, Secret] | None:
    """
    Return user name and password of the first service that has an entry; None when no backend or entry is there.

    Raises CredentialsError when there is a backend and it fails.
    """
    asked = json.dumps({"services": list(services), "username": username})
    child = subprocess.run(  # noqa: S603 - no shell
        [sys.executable, "-m", __name__], input=asked, stdout=subprocess.PIPE, text=True, check=False
    )
    try:
        answer = json.loads(child.stdout)
    except ValueError:
        raise CredentialsError(
            f"The keyring failed: its process ended with code {child.returncode}.",
            hint="`keyring --list-backends` lists the installed backends; PYTHON_KEYRING_BACKEND names the one to use.",
        ) from None
    if "error" in answer:
        raise CredentialsError(answer["error"], hint=answer["hint"])
    return (answer["username"], Secret(answer["password"])) if answer else None


def main() -> None:
    """Answer one look-up: read it from standard input, and print the entry, or the failure, as JSON."""
    asked = json.loads(sys.stdin.read())
    try:
        found = find(asked["services"], asked["username"])
    except CredentialsError as error:
        answer = {"error": error.message, "hint": error.hint}
    else:
        answer = {} if found is None else {"username": found[0], "password": found[1].reveal()}
    print(json.dumps(answer))  # noqa: T201 - for the parent


if __name__ == "__main__":
    main()
