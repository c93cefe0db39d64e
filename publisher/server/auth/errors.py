"""Refusals: who asks is not known, not proven, can't be found out now, or lacks a right."""

from publisher.server.auth.principal import Principal, PrincipalKind, Right


class AuthError(Exception):
    """A request may not go on; ``message`` is the sentence for the client."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class CredentialsRefusedError(AuthError):
    """The credentials of a user are missing, malformed or wrong."""


class MissingCredentialsError(CredentialsRefusedError):
    """A request came without credentials."""

    def __init__(self) -> None:
        super().__init__("This index needs a user name and a password.")


class AdminTokenRefusedError(AuthError):
    """The administrator's token is missing or wrong."""


class NoAdminTokenError(AuthError):
    """The index has no administrator's token."""

    def __init__(self) -> None:
        super().__init__("This index has no administrator's token (AUTH_TOKEN): accounts can't be changed here.")


class AccountsUnavailableError(AuthError):
    """The accounts can't be read, so that nobody's password is right or wrong."""

    def __init__(self, message: str = "The accounts can't be read just now; try again in a moment.") -> None:
        super().__init__(message)


class AccessUnavailableError(AccountsUnavailableError):
    """The rules of who may do what are missing or invalid."""


class PasswordNeededError(AuthError):
    """A token, or nothing, was sent where only an account's password counts."""

    def __init__(self) -> None:
        super().__init__("This needs your account's password: no token creates tokens or changes accounts.")


class RightMissingError(AuthError):
    """A known sender lacks a right; the sentence names the right and the project."""

    def __init__(self, principal: Principal, right: Right, project: str | None) -> None:
        place = f"on {project}" if project else "on this index" if right is Right.ADMIN else "on any project"
        who = principal.name if principal.kind is PrincipalKind.ACCOUNT else f"the token of {principal.name}"
        super().__init__(f"{who} lacks the right '{right}' {place}.")


class InvalidAccountError(ValueError):
    """A name or password that no account may have; the text says why."""
