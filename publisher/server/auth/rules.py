"""The names and passwords that new accounts may have."""

import re
import unicodedata

from publisher.limits import LIMITS
from publisher.server.auth.errors import InvalidAccountError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]*")
_TAKEN = {"anonymous", "auth_token"}
"""Names that stand for other senders in the audit trail."""


def check_name(username: str) -> None:
    """Return when a name may be given to a new account; raise InvalidAccountError otherwise."""
    if not username or len(username) > LIMITS.account_name:
        raise InvalidAccountError(f"The username must have 1 to {LIMITS.account_name} characters.")
    if ":" in username:
        raise InvalidAccountError("The username must not contain ':', which ends the name in HTTP's Basic credentials.")
    if not _NAME.fullmatch(username):
        raise InvalidAccountError(
            "The username must consist of ASCII letters, digits and any of . _ @ + - and begin with a letter or digit: "
            "no white space, no control characters, no '#'."
        )
    if username.lower() in _TAKEN:
        raise InvalidAccountError(f"The username {username} is reserved: the audit trail uses it for another sender.")


def check_password(password: str) -> None:
    """Return when a password may be given to an account; raise InvalidAccountError otherwise."""
    if len(password) < LIMITS.password_minimum:
        raise InvalidAccountError(f"The password must have at least {LIMITS.password_minimum} characters.")
    if len(password.encode("utf-8", "surrogatepass")) > LIMITS.password:
        raise InvalidAccountError(
            f"The password must have at most {LIMITS.password} bytes in UTF-8: bcrypt ignores the rest."
        )
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in password):
        raise InvalidAccountError("The password must not contain control characters.")
