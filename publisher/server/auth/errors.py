"""Refusals: the sender is unknown, unproven, impossible to look up now, or lacks a right."""

from publisher.server.auth.principal import Principal, PrincipalKind, Right
from publisher.server.settings import CLIENT_NAME


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
    """The admin token is missing or wrong."""


class NoAdminTokenError(AuthError):
    """The index has no admin token."""

    def __init__(self) -> None:
        super().__init__("This index has no admin token (AUTH_TOKEN): accounts can't be changed here.")


class AccountsUnavailableError(AuthError):
    """The accounts can't be read, so no password can be judged."""

    def __init__(self, message: str = "The accounts can't be read just now; try again in a moment.") -> None:
        super().__init__(message)


class AccessUnavailableError(AccountsUnavailableError):
    """The rules in `access.toml` are missing or invalid."""


class PasswordNeededError(AuthError):
    """A token, or nothing, was sent where only an account's password counts."""

    def __init__(self) -> None:
        super().__init__("This needs your account's password: no token creates tokens or changes accounts.")


class RightMissingError(AuthError):
    """A known sender lacks a right; the sentence names the right and the project."""

    def __init__(self, principal: Principal, right: Right, project: str | None) -> None:
        place = f"on {project}" if project else "on this index" if right is Right.ADMIN else "on any project"
        who = {
            PrincipalKind.ACCOUNT: principal.name,
            PrincipalKind.ADMIN_TOKEN: "AUTH_TOKEN, which only administers accounts and rights,",
        }.get(principal.kind, f"the token of {principal.name}")
        super().__init__(f"{who} lacks the right '{right}' {place}.{_remedy(principal, right, project)}")


def _remedy(principal: Principal, right: Right, project: str | None) -> str:
    """Return an admin's remedy for a missing right."""
    if project == CLIENT_NAME and right is not Right.READ:
        name = principal.account or "NAME"
        reserved = " This name is reserved for the index's own client; an admin can allow an account:"
        return f"{reserved} serve --client-uploader {name}."
    if principal.kind is not PrincipalKind.ACCOUNT or right is Right.ADMIN:
        return ""
    role = {Right.READ: "reader", Right.PUBLISH: "publisher"}.get(right, "maintainer")
    option = f" --project {project}" if project else ""
    return f" An admin can give it: pypi-publish users set-role {principal.name} {role}{option}"


class InvalidAccountError(ValueError):
    """A name or password that no account may have; the text says why."""
