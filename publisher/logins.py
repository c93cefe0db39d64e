"""Which user name a person last logged in with at which index; never a password."""

import json
import os
from pathlib import Path
from tempfile import NamedTemporaryFile

from platformdirs import user_config_path


def remembered_username(index: str) -> str | None:
    """Return the user name of the last login at an index, for keyring backends that can't look one up."""
    return _read().get(index)


def remember_username(index: str, username: str) -> None:
    """Note the user name of a successful login."""
    logins = _read()
    if logins.get(index) != username:
        _write({**logins, index: username})


def forget_username(index: str) -> None:
    """Drop what is noted for an index."""
    logins = _read()
    if logins.pop(index, None) is not None:
        _write(logins)


def _path() -> Path:
    return user_config_path("pypi-publish", appauthor=False) / "logins.json"


def _read() -> dict[str, str]:
    try:
        found = json.loads(_path().read_text("utf-8"))
    except (OSError, ValueError):
        return {}  # a convenience: a lost or torn file costs one `--username`
    return {str(index): str(name) for index, name in found.items()} if isinstance(found, dict) else {}


def _write(logins: dict[str, str]) -> None:
    path = _path()
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as beside:
        json.dump(logins, beside, indent=2, sort_keys=True)
    os.replace(beside.name, path)  # noqa: PTH105 - the temporary file has a name, not a Path
