"""Places of tools' configuration files on a machine."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from publisher.errors import ConfigurationError


class Machine(NamedTuple):
    """A platform as `sys.platform` names it, a person's home and environment, and the folder of a project."""

    platform: str
    home: Path
    environment: Mapping[str, str]
    folder: Path

    @property
    def is_windows(self) -> bool:
        """Whether paths follow Windows' ways."""
        return self.platform == "win32"

    @property
    def config(self) -> Path:
        """The folder of a person's configuration files (XDG Base Directory Specification; ``%APPDATA%``)."""
        if self.is_windows:
            return self.variable("APPDATA", self.home / "AppData" / "Roaming")
        return self.variable("XDG_CONFIG_HOME", self.home / ".config")

    @property
    def application_support(self) -> Path:
        """The folder that programs which follow Apple's ways use on macOS; elsewhere the same as `config`."""
        return self.home / "Library" / "Application Support" if self.platform == "darwin" else self.config

    def variable(self, name: str, otherwise: Path) -> Path:
        """Return the path that an environment variable holds."""
        return Path(self.environment[name]).expanduser() if self.environment.get(name) else otherwise


def this_machine() -> Machine:
    """
    Return the machine that runs this, and the current folder.

    Raises ConfigurationError when the person has no home.
    """
    try:
        home = Path.home()
    except RuntimeError as error:
        raise ConfigurationError("No home folder found for this user.", hint="Set HOME to a folder.") from error
    return Machine(sys.platform, home, os.environ, Path.cwd())
