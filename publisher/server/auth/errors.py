"""Refusals of the authenticator: who asks is not known, not proven, or can't be found out now."""


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


class InvalidAccountError(ValueError):
    """A name or password that no account may have; the text says why."""
