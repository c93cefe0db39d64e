"""The installer of build requirements: which one knows the indexes, and the settings that it sees."""

import configparser
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from publisher.building.engine import Installer
from publisher.building.uv import find_uv, has_uv_indexes
from publisher.project.child_environment import OWN_SECRETS

_PIP_KEYS = ("index-url", "extra-index-url", "find-links", "no-index")

_OTHER_PURPOSES = {
    "PIP_TARGET": "",
    "PIP_PREFIX": "",
    "PIP_ROOT": "",
    "PIP_USER": "0",
    "PIP_DRY_RUN": "0",
    "PIP_REQUIRE_VIRTUALENV": "0",
    "PIP_REQUIRE_HASHES": "0",
    "PIP_REQUIREMENT": "",
    "PIP_EDITABLE": "",
    "PIP_PYTHON": "",
    "PIP_REPORT": "",
}
"""pip's settings for other environments than a build's, with values that override its configuration files as well."""

_HIDDEN = frozenset({*_OTHER_PURPOSES, *OWN_SECRETS})

_environment_lock = threading.RLock()


def choose_installer(projects: Sequence[Path] = ()) -> Installer:
    """
    Return the installer for build requirements of projects: uv where it is installed, else pip.

    pip is chosen despite uv when only pip is configured for indexes: uv does not read pip's settings.
    """
    if find_uv() is None:
        return "pip"
    return "pip" if pip_indexes() and not has_uv_indexes(projects) else "uv"


def pip_indexes() -> str | None:
    """Return the place of pip's settings for indexes, a variable or a file; None without any."""
    for key in _PIP_KEYS:
        variable = f"PIP_{key.replace('-', '_').upper()}"
        if os.environ.get(variable):
            return variable
    return next((str(path) for path in _pip_files() if _names_index(path)), None)


@contextmanager
def pip_settings() -> Iterator[None]:
    """Hide settings for other purposes, and our secrets, from pip while it gets this process's environment."""
    with _environment_lock:
        before = {name: os.environ.get(name) for name in _HIDDEN}
        os.environ.update(_OTHER_PURPOSES)
        for name in OWN_SECRETS:
            os.environ.pop(name, None)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


def _pip_files() -> Iterator[Path]:
    """Yield the places of pip's configuration, as its documentation lists them."""
    if named := os.environ.get("PIP_CONFIG_FILE"):
        yield Path(named)
        if named == os.devnull:
            return
    name = "pip.ini" if sys.platform == "win32" else "pip.conf"
    if sys.platform == "win32":
        yield Path(os.environ.get("APPDATA", ""), "pip", name)
    else:
        home = Path("~").expanduser()
        yield Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config", "pip", name)
        yield home / ".pip" / name
        yield home / "Library/Application Support/pip" / name
        yield from (
            Path(folder, "pip", name) for folder in (os.environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")
        )
        yield Path("/etc", name)
    yield Path(sys.prefix, name)


def _names_index(path: Path) -> bool:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text("utf-8"))
    except (OSError, ValueError, configparser.Error):
        return False  # pip itself reports a broken file
    return any(parser.get(section, key, fallback="") for section in ("global", "install") for key in _PIP_KEYS)
