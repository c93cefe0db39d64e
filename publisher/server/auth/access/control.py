"""The rules in force: those of `access.toml`, else of its last valid copy, else the same rights for every account."""

import asyncio
import json
import logging
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from publisher.server.auth.access.rules import AccessRules, InvalidAccessError, parse_rules
from publisher.server.auth.decisions import Generation
from publisher.server.auth.errors import AccessUnavailableError, AccountsUnavailableError
from publisher.server.auth.fresh_copy import CopyTimes, FreshCopy, copy_times
from publisher.server.auth.principal import WORKING_RIGHTS, Grant, Principal, PrincipalKind, Right
from publisher.server.settings import CLIENT_NAME
from publisher.server.storage.base import Storage, put
from publisher.server.storage.errors import AbsentError, StorageError
from publisher.server.storage.json_text import parse_json

FILE = "access.toml"
"""The file beside the accounts."""

FORMAT = 1
_log = logging.getLogger(__name__)


class _FileState(NamedTuple):
    """The file as it was read: its text, None where there is none, and its rules or its problem."""

    text: str | None = None
    rules: AccessRules | None = None
    problem: str = "is missing"


class AccessControl:
    """
    Resolves the grants of accounts.

    While it runs, an invalid or missing file leaves the last valid rules in force. At a start it leaves those of the
    copy that is kept with the accounts, for reading alone. Without a copy nothing is answered.
    """

    def __init__(
        self,
        storage: Storage,
        htpasswd: Path | None,
        client_uploaders: tuple[str, ...] = (),
        times: CopyTimes | None = None,
        generation: Generation | None = None,
    ) -> None:
        self._storage = storage
        self._uploaders = client_uploaders
        self._copy_key = f"{htpasswd.name}.access" if htpasswd is not None else None
        self._generation = generation or Generation()
        self._file = FreshCopy(storage, FILE, _read_file, times or copy_times(storage), self._generation.advance)
        self._applied: _FileState | None = None if htpasswd is not None else _FileState()
        self._applying = asyncio.Lock()
        self._rules: AccessRules | None = None
        self._kept_text: str | None = None
        self._blocked = False
        self.is_read_only = False
        """Whether the copy decides, so that nothing may be changed."""
        self._principals: dict[str, Principal] = {}

    @property
    def has_roles(self) -> bool:
        """Whether an `access.toml` is, or was, in force; without one every account has the same rights."""
        return self._rules is not None

    @property
    def anonymous(self) -> tuple[str, ...] | None:
        """Project patterns that anonymous clients may read; None for all."""
        return self._rules.anonymous if self._rules is not None else None

    def anonymous_may(self, project: str | None) -> bool:
        """Return whether anonymous clients may read a project; for None, the whole index."""
        patterns = self.anonymous
        if patterns is None:
            return True
        if project is None:
            return bool(patterns)
        return any(Grant(frozenset({Right.READ}), pattern).covers(Right.READ, project) for pattern in patterns)

    def is_recent(self) -> bool:
        """Return without waiting whether the rules in force are those of the file."""
        if self._copy_key is None:
            return True
        found = self._file.recent()
        return found is not None and found is self._applied and not self._blocked

    @property
    def recent_until(self) -> float:
        """The monotonic time until which the rules in force stay those of the file, unless they change."""
        return float("inf") if self._copy_key is None else self._file.fresh_until

    async def bring_up_to_date(self) -> None:
        """
        Put the rules of the file in force.

        Raises AccountsUnavailableError when the file can't be read, AccessUnavailableError when no rules are known.
        """
        if self.is_recent():
            return
        found = await self._file.get()
        async with self._applying:
            if found is not self._applied or self._blocked:
                await self._apply(found)
        if self._blocked:
            raise AccessUnavailableError(f"{FILE} {found.problem}; no account's rights are known.")

    def require_changes(self) -> None:
        """Return when changes are allowed; raise AccessUnavailableError while the copy of the rules decides."""
        if self.is_read_only:
            raise AccessUnavailableError(
                f"{FILE} is missing or invalid: nothing can be changed before an admin has restored it."
            )

    def principal(self, username: str) -> Principal:
        """Return an account with the grants that it has now."""
        found = self._principals.get(username)
        if found is None:
            found = Principal(username, PrincipalKind.ACCOUNT, self._grants(username), account=username)
            if len(self._principals) > 10_000:
                self._principals.clear()
            self._principals[username] = found
        return found

    def forget(self) -> None:
        """Have the file read again at the next use."""
        self._file.forget()

    def _grants(self, username: str) -> tuple[Grant, ...]:
        found = (Grant(WORKING_RIGHTS),) if self._rules is None else self._rules.grants_of(username)
        if username in self._uploaders:
            found += (Grant(WORKING_RIGHTS, CLIENT_NAME),)
        return found

    async def _apply(self, found: _FileState) -> None:
        started = self._applied is None or self._blocked or self.is_read_only
        if found.rules is not None:
            self._put_in_force(found.rules, read_only=False)
            await self._keep(found.text or "")
        elif not started:
            if found.text is not None or self._rules is not None:
                _log.error("%s %s; the last valid rules stay in force", FILE, found.problem)
        else:
            await self._apply_copy(found)
        self._applied = found

    async def _apply_copy(self, found: _FileState) -> None:
        """Fall back to the copy at a start."""
        exists, rules = await self._load_copy()
        if rules is not None:
            message = "%s %s; reading follows the copy of the last valid rules, and changes are refused"
            _log.error(message, FILE, found.problem)
            self._put_in_force(rules, read_only=True)
        elif exists or found.text is not None:
            _log.error("%s %s, and there is no copy of valid rules: every request is refused", FILE, found.problem)
            self._blocked = True
            self._generation.advance()
        else:
            self._put_in_force(None, read_only=False)

    def _put_in_force(self, rules: AccessRules | None, *, read_only: bool) -> None:
        self._rules, self.is_read_only, self._blocked = rules, read_only, False
        self._principals = {}
        self._generation.advance()

    async def _load_copy(self) -> tuple[bool, AccessRules | None]:
        """Return whether roles were ever enabled, and the rules of the copy, None where it can't be used."""
        try:
            async with self._storage.reading() as files:
                data = await asyncio.to_thread(files.read, self._copy_key or "")
        except AbsentError:
            return False, None
        except StorageError as error:
            raise AccountsUnavailableError from error
        with suppress(ValueError, KeyError, TypeError):
            text = str(parse_json(data)["text"])
            rules = parse_rules(text)
            self._kept_text = text
            return True, rules
        return True, None

    async def _keep(self, text: str) -> None:
        """Keep a copy of a valid file with the accounts, which also says that roles were enabled."""
        if text == self._kept_text:
            return
        data = json.dumps({"v": FORMAT, "roles": "enabled", "text": text}).encode()
        try:
            exists, _ = await self._load_copy()
            if exists and self._kept_text == text:
                return
            async with self._storage.lease("access", patience=1.0) as lease, self._storage.writing(lease) as files:
                await asyncio.to_thread(put, files, self._copy_key or "", data)
        except (StorageError, AccountsUnavailableError, OSError) as error:
            _log.warning("no copy of %s could be kept with the accounts: %s", FILE, error)
            return
        self._kept_text = text


def _read_file(data: bytes | None) -> _FileState:
    if data is None:
        return _FileState()
    try:
        text = data.decode("utf-8-sig")
        return _FileState(text, parse_rules(text))
    except UnicodeDecodeError:
        return _FileState("", problem="is not UTF-8")
    except InvalidAccessError as error:
        return _FileState(data.decode("utf-8-sig"), problem=f"is not valid: {error}")
