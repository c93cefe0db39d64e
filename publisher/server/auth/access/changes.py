"""Changes to `access.toml` that keep its other lines: roles given, and removed with their account."""

from collections.abc import Callable, Collection, Sequence

from publisher.errors import ConfigurationError
from publisher.files.toml import read_toml, remove_key, set_keys
from publisher.server.auth.access.control import FILE, AccessControl
from publisher.server.auth.access.rules import (
    InvalidAccessError,
    composed,
    parse_pattern,
    parse_rights,
    parse_rules,
)
from publisher.server.auth.access.wider import WiderRule, wider_rules
from publisher.server.auth.principal import Right
from publisher.server.auth.rewriting import rewrite_alone
from publisher.server.storage.base import Storage

NEW_FILE = """\
# Rights on this index. Changes take effect within seconds; an invalid file leaves the last valid one in force.

[everyone]
# Every account has this role, as on an index without this file: narrow it once people have roles of their own.
"*" = "maintainer"
"""
"""The file that the first role begins, so that no other account loses rights by it."""


class InvalidRoleError(ValueError):
    """A role can't be given like this; the text says why."""


class RoleChanges:
    """Edits the file beside the accounts, one change at a time."""

    def __init__(self, storage: Storage, access: AccessControl) -> None:
        self._storage = storage
        self._access = access

    async def set_role(self, name: str, role: str, project: str, maintained: Collection[str] = ()) -> list[WiderRule]:
        """
        Give a user, or a group (``@web``), a role on a project pattern; ``none`` takes it away.

        Returns the rules that give more than that still; ``maintained`` are the projects that records leave the user.
        Raises InvalidRoleError when the role can't be written or would not be valid.
        """
        rights: frozenset[Right] = frozenset()
        try:
            pattern = parse_pattern(project)
            if role != "none":
                rights = parse_rights([role])
        except ValueError as error:
            raise InvalidRoleError(f"{error}.") from error
        table = ["groups", name[1:], "projects"] if name.startswith("@") else ["users", name]
        if role == "none":
            text = await self._change(lambda text: _without(text, table, pattern))
        else:
            text = await self._change(lambda text: set_keys(text or NEW_FILE, table, {pattern: role}))
        return wider_rules(parse_rules(text), name, pattern, rights, maintained) if text else []

    async def remove_account(self, username: str) -> Sequence[str]:
        """Remove an account's roles and its memberships, and return which there were; the file may be missing."""
        removed: list[str] = []

        def change(text: str) -> str:
            removed.clear()
            for name in [name for name in _below(text, ("users",)) if composed(name) == composed(username)]:
                removed.extend(f"{role} on {pattern}" for pattern, role in _below(text, ("users", name)).items())
                text = remove_key(text, ["users"], name)
            for group, value in _below(text, ("groups",)).items():
                members = value.get("members", []) if isinstance(value, dict) else []
                kept = [member for member in members if composed(member) != composed(username)]
                if kept != members:
                    removed.append(f"member of {group}")
                    text = set_keys(text, ["groups", group], {"members": kept})
            return text

        if self._access.has_roles:
            await self._change(change)
        return removed

    async def _change(self, change: Callable[[str], str]) -> str:
        """Change the file, and return its text then."""

        def edited(before: bytes | None) -> tuple[bytes | None, str]:
            text = (before or b"").decode("utf-8-sig")
            after = _checked(change, text)
            return None if after == text else after.encode(), after

        text = await rewrite_alone(self._storage, "access", FILE, edited)
        self._access.forget()
        await self._access.bring_up_to_date()
        return text


def _checked(change: Callable[[str], str], before: str) -> str:
    """Return a changed text that is valid; raise InvalidRoleError for one that can't be edited."""
    try:
        if before:
            parse_rules(before)
        after = change(before)
        parse_rules(after)
    except InvalidAccessError as error:
        raise InvalidRoleError(f"{FILE}, {error}.") from error
    except ConfigurationError as error:
        raise InvalidRoleError(f"{FILE} can't be edited: {error.message}") from error
    return after


def _without(text: str, table: list[str], pattern: str) -> str:
    for key in _below(text, tuple(table)):
        if parse_pattern(key) == pattern:
            text = remove_key(text, table, key)
    return text


def _below(text: str, place: tuple[str, ...]) -> dict[str, object]:
    found: object = read_toml(text)
    for key in place:
        found = found.get(key, {}) if isinstance(found, dict) else {}
    return found if isinstance(found, dict) else {}
