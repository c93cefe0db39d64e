"""The installer of build requirements: the choice between uv and pip, and the settings that pip gets."""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from publisher.building.engine import Installer
from publisher.building.uv import find_uv, has_uv_indexes
from publisher.project.child_environment import without_own_secrets

if TYPE_CHECKING:
    from publisher.building.pypa_build import DefaultIsolatedEnv

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


def install_with_pip(environment: "DefaultIsolatedEnv", requirements: Collection[str]) -> None:
    """
    Install requirements (PEP 508) into an environment, with its own pip or, where it has none, with ours.

    pypa/build would run pip with this process's environment, including secrets; removing them there would affect other
    threads. Raises subprocess.CalledProcessError, with pip's output.
    """
    base = {"base": environment.path, "platbase": environment.path}
    if Path(sysconfig.get_path("purelib", "venv", base), "pip").is_dir():
        pip = [environment.python_executable, "-Im", "pip"]
    else:
        pip = [sys.executable, "-P", "-m", "pip", "--python", environment.python_executable]
    options = ["--use-pep517", "--no-warn-script-location", "--no-compile", "--no-input"]
    with TemporaryDirectory(prefix="pypi-publish-pip-") as folder:
        file = Path(folder, "requirements.txt")  # of arguments, pip does not heed the markers
        file.write_text("\n".join(sorted(requirements)), "utf-8")
        command = [*pip, "install", *options, "--requirement", str(file)]
        subprocess.run(command, env=pip_variables(), stdin=subprocess.DEVNULL, capture_output=True, check=True)  # noqa: S603


def pip_variables() -> dict[str, str]:
    """Return pip's environment variables for a build: none of ours, and settings for other purposes overridden."""
    variables = {**without_own_secrets(os.environ), **_OTHER_PURPOSES}
    if shutil.which("keyring"):
        variables.setdefault("PIP_KEYRING_PROVIDER", "subprocess")
    return variables


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
    try:
        text = path.read_text("utf-8")
    except (OSError, ValueError):
        return False  # pip itself reports a broken file
    import configparser  # noqa: PLC0415 - most people have no such file

    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
    except (ValueError, configparser.Error):
        return False
    return any(parser.get(section, key, fallback="") for section in ("global", "install") for key in _PIP_KEYS)
